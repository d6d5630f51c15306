//! Spark on this machine: two workers' threads, and up to four attempts for each part.

use std::fs;

use crate::{
    engines::{Room, commands, until},
    support,
};

/// The processes below one, from `/proc`.
fn descendants(pid: u32) -> Vec<u32> {
    let children = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let children = children
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|pids| {
            pids.split_whitespace()
                .map(|pid| pid.parse().unwrap())
                .collect::<Vec<_>>()
        })
        .collect();
    let below = children.iter().flat_map(|pid| descendants(*pid));
    let below: Vec<u32> = below.collect();
    children.into_iter().chain(below).collect()
}

/// A part that is being asked: it has written something.
fn asking(pid: u32) -> Option<u32> {
    descendants(pid).into_iter().find(|pid| {
        let read = |name| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let written = read("io")
            .lines()
            .find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok());
        read("cmdline").contains("labrpc\0survey\0--hosts\0-\0--part\0") && written > Some(0)
    })
}

#[test]
fn spark_job_with_a_killed_part_merges_into_the_single_run() {
    let Some(python) = support::python("pyspark") else {
        return;
    };
    if support::tool("java").is_none() {
        return;
    }
    let mut room = Room::open();
    let folder = room.folder.path().display();
    let configuration = format!(
        "spark.master local[2,4]\nspark.ui.enabled false\nspark.driver.host 127.0.0.1\n\
         spark.driver.bindAddress 127.0.0.1\nspark.local.dir {folder}/spark\n\
         spark.sql.warehouse.dir {folder}/spark\nspark.sql.shuffle.partitions 4\n"
    );
    support::file(room.folder.path(), "spark-defaults.conf", configuration);
    room.variables
        .push(("SPARK_CONF_DIR", room.folder.path().display().to_string()));
    room.variables
        .push(("PYSPARK_PYTHON", python.display().to_string()));
    let scripts = python.parent().unwrap().display();
    let script = format!("PATH=$PATH:{scripts}\n{}", commands("spark"));
    let mut spark = room.shell(&script);
    let spark = spark
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();

    let part = until("a part", || asking(spark.id()));
    support::shell(&format!("kill -s KILL {part}"));

    let ran = spark.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{log}");
    // It was missed, and asked again.
    assert!(log.contains("error code -9"), "{log}");
    let merged = room.report("merge survey/runs/part-*");
    assert_eq!(merged.in_any_order(), room.single.clone().in_any_order());
    room.expect_same_ranking("survey/runs/part-*");
    // Counted rows have the first ids of each build alone, and ids that are claimed twice were left out by SQL.
    let [builds, single] = ["survey/builds/*.csv", "single.jsonl"].map(|files| {
        let ranked = room.succeed(&format!("labrpc rank {files} --top 0"));
        let verdict = ranked.lines().find(|line| line.starts_with("Most alike"));
        verdict.unwrap().to_owned()
    });
    assert_eq!(builds, single);
}

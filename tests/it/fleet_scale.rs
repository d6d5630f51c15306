//! A fleet of 100,000 machines in one process, surveyed and compared from another.

use std::{future::pending, path::Path, process::Stdio, time::Instant};

use labrpc::{
    compare::{self, Rules},
    question::AnswerId,
    survey::{self, hosts},
};

use crate::{
    lab_fleet::get_status,
    support::{Running, labrpc},
};

const SEATS: usize = 100_000;

/// A line of `/proc/PID/status` in MiB.
fn memory(pid: &str, field: &str) -> f64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("status")).unwrap();
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix(field)).unwrap();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute, and a release build; its figures are for reading"]
async fn machines_at_100_000_seats_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("fleet.txt");
    let mut lab = labrpc();
    lab.args(["lab", "--service", "fleet", "--seats", &SEATS.to_string()]);
    lab.args([
        "--faults",
        "drift=40,old-schema=30,unknown-field=20,refuse=10",
    ]);
    lab.stdout(Stdio::from(std::fs::File::create(&list).unwrap()));
    let lab = Running::start(&mut lab, |line| line.contains("seats are open"));
    let pid = lab.pid().to_string();
    let idle = memory(&pid, "VmRSS:");

    let mut hosts = hosts::Builder::default();
    for line in std::fs::read_to_string(&list).unwrap().lines() {
        hosts.argument(line);
    }
    let hosts = hosts.build().unwrap();
    let question = get_status();
    let config = survey::Config::default();
    let start = Instant::now();
    let results = survey::run(&hosts, &question, &config, |_, _| {}, pending()).await;
    let surveyed = start.elapsed();
    let peak = memory("self", "VmHWM:");

    let answers = results.iter().map(|result| result.outcome.answer());
    let answers: Vec<_> = answers
        .map(|answer| answer.map(|(AnswerId(id), _)| *id))
        .collect();
    let ignore = ["hostName", "uptime"].map(|path| path.parse().unwrap());
    let rules = Rules::new(&ignore, &[]);
    let distinct = question.answers();
    let start = Instant::now();
    let value = |id| distinct.value(AnswerId(id));
    let comparison = compare::groups(&answers, |_| None, None, &rules, value);
    let compared = start.elapsed();
    let groups = comparison.sections[0].groups.iter();
    let sizes: Vec<_> = groups.map(|group| group.members.len()).collect();
    assert_eq!(sizes, [SEATS - 100, 40, 30, 20]);
    let refused = results
        .iter()
        .filter(|result| result.outcome.name() == "refused");
    assert_eq!(refused.count(), 10);

    println!(
        "100,000 machines: survey {:.1} s, comparison of {} distinct answers {:.1} s, peak {peak:.0} MiB \
         ({:.0} MiB with the comparison); the fleet {idle:.0} MiB, at its peak {:.0} MiB",
        surveyed.as_secs_f64(),
        distinct.distinct.len(),
        compared.as_secs_f64(),
        memory("self", "VmHWM:"),
        memory(&pid, "VmHWM:"),
    );
}

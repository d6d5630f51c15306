//! The same work by other programs, run in turn with labrpc.

use std::{
    collections::BTreeMap,
    env,
    path::Path,
    process::{Command, Stdio},
};

use labrpc::similarity::internals::Tree;

use crate::{
    BASELINE_ROUNDS, MILLION,
    child::numbers,
    data::{FINE, Point, TENTHS, body_distance, continuous, people_csv, rounded, scaled_file},
    search::{least, nearest_of_each, pairs},
    timing::{Times, cpu_seconds, median, wall_seconds},
};

/// The installed baselines: name and command.
pub(crate) fn available_baselines(names: &[&'static str]) -> Vec<(&'static str, Vec<String>)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baselines/ranker.py").to_owned();
    let mut known = Vec::new();
    for name in names {
        let variable = match *name {
            "kiddo" => "LABRPC_BASELINES_KIDDO",
            _ => "LABRPC_BASELINES_PYTHON",
        };
        match (env::var(variable), *name) {
            (Err(_), name) => println!("{name}: not measured, {variable} is not set"),
            (Ok(kiddo), "kiddo") => known.push((*name, vec![kiddo])),
            (Ok(python), _) => {
                known.push((*name, vec![python, script.clone(), (*name).to_owned()]))
            }
        }
    }
    known
}

/// Runs a baseline on a file: the time of the whole process, and what it prints.
pub(crate) fn ask(baseline: &[String], file: &Path) -> (f64, Vec<f64>) {
    let mut command = Command::new(&baseline[0]);
    command
        .args(&baseline[1..])
        .arg(file)
        .stderr(Stdio::inherit());
    // kiddo builds on as many threads as there are.
    command.env("RAYON_NUM_THREADS", "1");
    let (time, output) = wall_seconds(|| command.output().unwrap());
    assert!(output.status.success(), "{command:?}");
    (time, numbers(&output.stdout))
}

pub(crate) fn baselines() {
    for (data, points, metric) in [
        ("continuous", continuous(MILLION), body_distance(FINE)),
        ("rounded", rounded(MILLION), body_distance(1)),
    ] {
        let tree = Tree::new(metric, (0..u32::MAX).zip(points.iter().copied()));
        let order = tree.groups().flat_map(|(group, _)| group);
        let ordered: Vec<Point> = order.map(|&number| points[number as usize]).collect();
        drop(tree);
        // In the input's order, and in the order of the tree, in which searches find their data in the cache.
        let orders = [("", points), (", in tree order", ordered)].map(|(order, points)| {
            let file = scaled_file(&format!("{data}{order}.f64"), points.iter().copied());
            (order, points, file)
        });
        let known = available_baselines(&["scipy", "sklearn", "kiddo"]);
        let expected = {
            let points = &orders[0].1;
            [nearest_of_each(points, metric), least(points, metric)].map(|key| key as f64)
        };
        let mut times = Times::default();
        for _ in 0..BASELINE_ROUNDS {
            for (order, points, file) in &orders {
                for (name, baseline) in &known {
                    let (time, smallest) = cpu_seconds(|| pairs(points, metric));
                    times.add(&format!("labrpc: 100 closest pairs{order}"), time);
                    let (time, sum) = cpu_seconds(|| nearest_of_each(points, metric));
                    times.add(&format!("labrpc: each one's nearest{order}"), time);
                    assert_eq!([sum as f64, smallest as f64], expected);
                    // Of the baselines only kiddo is measurably faster in this order.
                    if order.is_empty() || *name == "kiddo" {
                        let (_, answer) = ask(baseline, file);
                        assert_eq!(answer[1..], expected, "{name}: sum and least");
                        times.add(&format!("{name}{order}"), answer[0]);
                    }
                }
            }
        }
        println!("{data}, sums agree:");
        times.print();
        for (name, baseline) in &times.0 {
            if !name.starts_with("labrpc") {
                let order = name.find(',').map_or("", |order| &name[order..]);
                let over =
                    |what| median(baseline) / times.median(&format!("labrpc: {what}{order}"));
                println!(
                    "{name} over labrpc: pairs {:.1}, each one's nearest {:.1}",
                    over("100 closest pairs"),
                    over("each one's nearest")
                );
            }
        }
    }
}

pub(crate) fn whole() {
    for name in [TENTHS, "rounded"] {
        println!("{name}:");
        whole_file(&people_csv(name, MILLION));
    }
}

fn whole_file(file: &Path) {
    let this = env::current_exe().unwrap().display().to_string();
    let mut known = vec![(
        "labrpc",
        vec![this, "--child".to_owned(), "rank".to_owned()],
    )];
    known.extend(available_baselines(&["pandas"]));
    let mut times = Times::default();
    let mut peaks = BTreeMap::new();
    let mut answers = Vec::new();
    // Checked once and not timed: equal smallest distances of 0 alone would not prove much.
    for (_, ties) in available_baselines(&["ties"]) {
        let [counted, ranked] = [&ties, &known[0].1].map(|command| ask(command, file).1);
        assert_eq!(counted[0], ranked[4], "pairs at the smallest distance");
    }
    for _ in 0..BASELINE_ROUNDS {
        for (name, command) in &known {
            let repeat = if *name == "labrpc" { 5 } else { 1 };
            for _ in 0..repeat {
                let (time, answer) = ask(command, file);
                times.add(name, time);
                peaks.insert(*name, answer[3]);
                answers.push(answer[2]);
            }
        }
    }
    assert!(
        answers.iter().all(|answer| answer == &answers[0]),
        "{answers:?}"
    );
    times.print();
    println!("peak memory in KiB: {peaks:?}");
    if let Some(pandas) = peaks.get("pandas") {
        println!(
            "pandas + cKDTree over labrpc: {:.1} times the time, {:.2} times the memory",
            times.median("pandas") / times.median("labrpc"),
            pandas / peaks["labrpc"]
        );
    }
}

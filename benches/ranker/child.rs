//! Measurements of whole processes, which need a process of their own.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use labrpc::{
    report::read::read,
    similarity::{Options, rank},
};

use crate::{
    MILLION,
    data::{FINE, body_distance, continuous},
    search::{nearest_of_each, pairs},
};

pub(crate) fn memory() {
    for (what, most) in [("pairs", 64), ("each", 80)] {
        let [base, peak] = child(&["memory", what])[..] else {
            panic!("two figures")
        };
        let above = (peak - base) * 1024.0 / MILLION as f64;
        println!("{what}: {above:.1} bytes a person above the input (at most {most})");
    }
}

pub(crate) fn child(arguments: &[&str]) -> Vec<f64> {
    let output = Command::new(env::current_exe().unwrap())
        .arg("--child")
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    numbers(&output.stdout)
}

pub(crate) fn numbers(output: &[u8]) -> Vec<f64> {
    str::from_utf8(output)
        .unwrap()
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

pub(crate) fn run_child(arguments: &[String]) {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["memory", what] => {
            let points = continuous(MILLION);
            let base = status("VmRSS");
            match what {
                "pairs" => pairs(&points, body_distance(FINE)),
                _ => nearest_of_each(&points, body_distance(FINE)),
            };
            println!("{base} {}", status("VmHWM"));
        }
        ["rank", file] => {
            let people = read(&[PathBuf::from(file)], false, |_| ()).unwrap_or_else(|error| {
                eprintln!("{error}");
                std::process::exit(1)
            });
            let ranking = rank(&people.profiles, &Options::default());
            let smallest = ranking.smallest.unwrap_or(f64::NAN);
            println!(
                "{} {} {smallest} {} {}",
                people.profiles.len(),
                people.rejections,
                status("VmHWM"),
                ranking.tied
            );
        }
        _ => panic!("unknown child {arguments:?}"),
    }
}

/// A figure of this process in KiB.
pub(crate) fn status(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

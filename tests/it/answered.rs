//! One count of the endpoints that answered: the same words and numbers in every format and in the exit status.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{Output, Running, labrpc, output};

const FAULTS: &str = "duplicate=2,no-height=1,metres=1,refuse=3,status-internal=1";

/// A room with faults, whose host list is `room.txt` in the folder.
fn room(folder: &Path) -> Running {
    let mut lab = labrpc();
    lab.args(["lab", "--seats", "40", "--faults", FAULTS]);
    lab.stdout(fs::File::create(folder.join("room.txt")).unwrap());
    Running::start(&mut lab, |line| line.contains("seats are open"))
}

fn survey(folder: &Path, arguments: &[&str]) -> Output {
    let mut survey = labrpc();
    survey
        .args(["survey", "--hosts", "room.txt"])
        .args(arguments);
    output(survey.current_dir(folder))
}

#[test]
fn answered_endpoints_are_counted_alike_in_headline_summary_page_and_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let _room = room(folder.path());
    let run = survey(
        folder.path(),
        &["-o", "-", "-o", "run.json", "-o", "run.html"],
    );
    assert_eq!(run.status, 3, "{run:?}");
    let headline = "36 of 40 answered, 30 usable";
    let lines: Vec<_> = run.stdout.lines().collect();
    let at = lines.iter().position(|line| *line == headline);
    let at = at.unwrap_or_else(|| panic!("{}", run.stdout));
    assert_eq!(
        lines[at + 1],
        "30 ok · 4 duplicate_id · 2 invalid · 1 status · 3 refused"
    );
    let times: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("answer time: p50 "))
        .collect();
    assert_eq!(times.len(), 1, "{}", run.stdout);
    assert!(
        times[0].contains(", p95 ") && times[0].contains(", maximum "),
        "{times:?}"
    );

    let page = fs::read_to_string(folder.path().join("run.html")).unwrap();
    assert!(page.contains(&format!("<h1>{headline}</h1>")));
    assert!(page.contains("Answer time: p50 "));
    let report = fs::read(folder.path().join("run.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let summary = &report["summary"];
    assert_eq!(
        (&summary["answered"], &summary["ok"]),
        (&36.into(), &30.into())
    );
    let time = |name: &str| summary["answer_ms"][name].as_f64().unwrap();
    assert!(0.0 < time("p50") && time("p50") <= time("p95") && time("p95") <= time("max"));

    // As many as the headline counts are enough for the status, and one more is not.
    assert_eq!(survey(folder.path(), &["--min-ok", "36"]).status, 5);
    assert_eq!(survey(folder.path(), &["--min-ok", "37"]).status, 3);
}

#[test]
fn totals_are_left_out_where_the_headline_implies_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut lab = labrpc();
    lab.args(["lab", "--seats", "4", "--faults", "refuse=1"]);
    lab.stdout(fs::File::create(folder.path().join("room.txt")).unwrap());
    let _room = Running::start(&mut lab, |line| line.contains("seats are open"));
    let run = survey(folder.path(), &[]);
    assert!(
        run.stdout.contains("\n3 of 4 answered\nanswer time: "),
        "{run:?}"
    );
    // All refuse: there is neither an answer time nor anything to compare.
    let refused = output(labrpc().args(["survey", "127.0.0.1:1"]));
    assert!(
        refused.stdout.ends_with("\n\n0 of 1 answered\n"),
        "{refused:?}"
    );
}

//! Machine-readable reports, held against the published schema.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use labrpc::{
    report::{json, jsonl},
    survey::outcome::OutcomeKind,
};

use crate::{
    comparison,
    support::{self, Running, file, labrpc, output},
};

#[test]
fn schema_lists_every_outcome() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/run.schema.json");
    let schema: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let listed = schema.pointer("/$defs/endpoint/properties/outcome/enum");
    let listed: BTreeSet<_> = listed
        .and_then(serde_json::Value::as_array)
        .unwrap()
        .iter()
        .filter_map(serde_json::Value::as_str)
        .collect();
    assert_eq!(listed, OutcomeKind::ALL.map(OutcomeKind::name).into());
}

#[test]
fn reports_with_every_fault_match_the_schema() {
    let Some(python) = support::python("jsonschema") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts.txt");
    let mut lab = labrpc();
    lab.args(["lab", "--seats", "300", "--faults", "all=200"]);
    lab.stdout(std::fs::File::create(&hosts).unwrap());
    let _lab = Running::start(&mut lab, |line| line.contains("seats are open"));

    let mut reports = Vec::new();
    let mut report = |name: &str, arguments: &[&str]| {
        let path = folder.path().join(name);
        let format = name.rsplit('.').next().unwrap();
        let run = output(
            labrpc()
                .args(arguments)
                .args(["--format", format, "-o"])
                .arg(&path),
        );
        // The id of --like is unknown in some.
        assert!([0, 2, 3].contains(&run.status), "{run:?}");
        reports.push(path.clone());
        path.display().to_string()
    };
    let hosts = hosts.display().to_string();
    let survey = [
        "survey",
        "--hosts",
        &hosts,
        "--hosts",
        &hosts,
        "--max-time",
        "2s",
    ];
    let run = report("run.jsonl", &survey);
    report("run.json", &survey);
    let everything = [
        "rank",
        &run,
        "--twins",
        "--per-person",
        "--like",
        "unknown",
        "--top",
        "20",
    ];
    report("rank.json", &everything);
    report("rank.jsonl", &everything);
    let id = "1524104742";
    report(
        "mahalanobis.json",
        &["rank", &run, "--metric", "mahalanobis", "--like", id],
    );
    let one = file(
        folder.path(),
        "one.csv",
        "id,height,weight,size\n1,178,60,L\n",
    )
    .display()
    .to_string();
    report("one.json", &["rank", &one]);

    validate(&python, &reports);
}

/// Holds reports against the published schema.
pub(crate) fn validate(python: &Path, reports: &[PathBuf]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let validated = output(
        Command::new(python)
            .arg(root.join("tests/it/peers/validate.py"))
            .arg(root.join("schema/run.schema.json"))
            .args(reports),
    );
    assert_eq!(validated.status, 0, "{}", validated.stderr);
    assert_eq!(validated.stdout.lines().count(), reports.len());
}

#[test]
fn comparisons_match_the_schema() {
    let Some(python) = support::python("jsonschema") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    for report in comparison::samples() {
        for (ending, write) in [
            ("json", json::write as comparison::Write),
            ("jsonl", jsonl::write),
        ] {
            let path = folder.path().join(format!("{}.{ending}", reports.len()));
            write(&report, &mut fs::File::create(&path).unwrap()).unwrap();
            reports.push(path);
        }
    }
    validate(&python, &reports);
}

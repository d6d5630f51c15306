//! The saved run: the form of its numbers.

use std::path::Path;

use serde_json::Value;

use crate::support::{Running, labrpc, output, run};

/// The keys of everything that is measured.
const MEASURED: [&str; 13] = [
    "height",
    "weight",
    "distance",
    "similarity",
    "smallest",
    "margin",
    "elapsed_ms",
    "max_time_ms",
    "connect_timeout_ms",
    "dns",
    "connect",
    "tls",
    "call",
];

/// Counts the measured numbers in a value, each of which has a decimal point.
fn measured(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(measured).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| match value {
                Value::Number(number) if MEASURED.contains(&&**key) => {
                    assert!(number.is_f64(), "{key}: {number}");
                    1
                }
                value => measured(value),
            })
            .sum(),
        _ => 0,
    }
}

fn measured_in_csv(path: &Path) -> usize {
    let mut rows = csv::Reader::from_path(path).unwrap();
    let header = rows.headers().unwrap().clone();
    let cells = rows.records().flat_map(|row| {
        let row = row.unwrap();
        let cells = header.iter().zip(row.iter());
        let cells = cells.filter(|(name, cell)| MEASURED.contains(name) && !cell.is_empty());
        cells
            .map(|(name, cell)| {
                assert!(
                    cell.contains('.') && cell.parse::<f64>().is_ok(),
                    "{name}: {cell}"
                );
            })
            .collect::<Vec<_>>()
    });
    cells.count()
}

#[test]
fn measured_numbers_of_saved_runs_and_csv_have_a_decimal_point() {
    let seats = ["a", "b"].map(|id| {
        let rest = "--listen 127.0.0.1:0 --height 178 --weight 60 --size XXL";
        Running::serve(["--id", id].into_iter().chain(rest.split(' ')))
    });
    let folder = tempfile::tempdir().unwrap();
    let report = |name: &str, arguments: &[&str]| {
        let mut command = labrpc();
        command.current_dir(folder.path()).args(arguments);
        let written = output(command.args(["-o", name]));
        assert_eq!(written.status, 0, "{written:?}");
        folder.path().join(name)
    };
    let survey = ["survey", seats[0].address(), seats[1].address()];
    let rank = ["rank", "run.jsonl"];
    let run_file = report("run.jsonl", &survey);
    let text = std::fs::read_to_string(run_file).unwrap();
    let lines = text
        .lines()
        .map(|line| measured(&serde_json::from_str(line).unwrap()));
    // Two settings and two weights; of each endpoint three numbers and two phases; of the pair four; the smallest distance.
    assert_eq!(lines.sum::<usize>(), 4 + 2 * 5 + 4 + 1);
    let twins = [&rank[..], &["--twins", "--per-person", "--like", "a"]].concat();
    for (name, arguments, count) in [
        ("run.json", &survey[..], 19),
        ("rank.json", &twins, 2 + 4 + 4 + 2 + 2 + 1),
    ] {
        let text = std::fs::read(report(name, arguments)).unwrap();
        assert_eq!(
            measured(&serde_json::from_slice(&text).unwrap()),
            count,
            "{name}"
        );
    }
    for (name, arguments, count) in [
        ("run.csv", &survey[..], 2 * 3),
        ("pairs.csv", &rank, 4),
        ("nearest.csv", &[&rank[..], &["--per-person"]].concat(), 2),
        ("twins.csv", &[&rank[..], &["--twins"]].concat(), 2),
    ] {
        assert_eq!(measured_in_csv(&report(name, arguments)), count, "{name}");
    }

    // The exercise's own JSON is as it was.
    let profile = run(["get", seats[0].address()]);
    let expected = r#"{"id":"a","height":178,"weight":60,"size":"XXL"}"#;
    assert_eq!(profile.stdout.trim_end(), expected);
}

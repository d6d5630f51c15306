//! Ranking of anything by some of its fields, and outliers.

use std::path::PathBuf;

use serde_json::{Value, json as value};

use crate::{
    lab_fleet,
    support::{Output, file, labrpc, output, run},
};

const MACHINES: &str = "\
host,cpu,mem_gib,zone,boot,uptime
a,16,64,eu-1,2026-01-01T00:00:00Z,1h
b,20,64,eu-1,2026-01-02T00:00:00Z,90m
c,64,512,us-1,2026-01-11T00:00:00Z,3h
d,,64,eu-1,2026-01-01T00:00:00Z,1h
";

fn machines(folder: &tempfile::TempDir) -> PathBuf {
    file(folder.path(), "machines.csv", MACHINES)
}

/// `rank` of a file with further words.
fn rank(file: &PathBuf, words: &str) -> Output {
    output(labrpc().arg("rank").arg(file).args(words.split(' ')))
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn columns_are_ranked_by_their_share_of_the_range_and_by_equality() {
    let folder = tempfile::tempdir().unwrap();
    let file = machines(&folder);
    let flags = "--id host --feature cpu=0..64 --feature mem_gib=0..512 --feature zone --like a --format json";
    let report = json(&rank(&file, flags));
    let nearest = &report["like"]["nearest"];
    // d has no cpu and is equal otherwise; b differs by 4 of 64 cores, a third of the weight.
    assert_eq!(nearest[0]["b"], "d");
    assert_eq!(
        nearest[0]["terms"],
        value!({"cpu": null, "mem_gib": 0.0, "zone": 0.0})
    );
    assert_eq!(nearest[1]["terms"]["cpu"], 4.0 / 64.0 / 3.0);
    assert_eq!(nearest[1]["distance"], 4.0 / 64.0 / 3.0);
    assert_eq!(
        report["weights"],
        value!({"cpu": 1.0, "mem_gib": 1.0, "zone": 1.0})
    );
    assert_eq!(report["features"][0]["missing"], 1);
    assert_eq!(report["features"][2]["kind"], "category");

    let weighted =
        "--id host --feature cpu=0..64 --feature zone --weights cpu=3,zone=1 --like a --format csv";
    let csv = rank(&file, weighted).stdout;
    assert!(
        csv.starts_with("rank,a,b,distance,similarity,cpu,zone\r\n"),
        "{csv}"
    );
    assert!(
        csv.contains("2,a,b,0.046875,0.953125,0.046875,0.0\r\n"),
        "{csv}"
    );
}

#[test]
fn observed_ranges_of_numbers_durations_and_times_are_stated() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "--id host --feature cpu --feature boot --feature uptime";
    let output = rank(&machines(&folder), flags);
    for line in [
        "range: cpu 16..64 as observed; --feature cpu=16..64 keeps it",
        "range: boot 2026-01-01T00:00:00Z..2026-01-11T00:00:00Z as observed",
        "range: uptime 3600s..10800s as observed",
        "missing: cpu of 1 of 4",
    ] {
        assert!(output.stdout.contains(line), "{line}: {output:?}");
    }
}

#[test]
fn outlier_is_listed_with_the_fields_that_differ_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let machines = machines(&folder);
    let flags =
        "--id host --feature cpu=0..64 --feature mem_gib=0..512 --feature zone --outliers 1";
    let table = rank(&machines, flags).stdout;
    let section = table.split("Least like any other").nth(1).unwrap();
    assert!(section.contains("1. c nearest b"), "{table}");
    assert!(section.contains("cpu 64 and 20: 0.229 (27 %)"), "{table}");
    assert!(section.contains("zone us-1 and eu-1"), "{table}");
    let report = json(&rank(&machines, &format!("{flags} --format json")));
    assert_eq!(report["outliers"][0]["id"], "c");
    assert_eq!(report["outliers"][0]["nearest"], "b");
    let lines = rank(&machines, &format!("{flags} --format jsonl")).stdout;
    assert!(
        lines.contains(r#"{"outlier":{"rank":1,"id":"c","nearest":"b""#),
        "{lines}"
    );
    let csv = rank(&machines, &format!("{flags} --format csv")).stdout;
    assert!(
        csv.starts_with("rank,id,nearest,distance,similarity,cpu,mem_gib,zone\r\n1,c,b,"),
        "{csv}"
    );
    let page = rank(&machines, &format!("{flags} --format html")).stdout;
    assert!(page.contains("c, nearest b"), "{page}");

    let people = "id,height,weight,size\nx,170,60,M\ny,171,60,M\nz,199,99,XL\n";
    let people = file(folder.path(), "people.csv", people);
    let table = rank(&people, "--outliers 1").stdout;
    assert!(table.contains("1. z nearest y"), "{table}");
    assert!(table.contains("height 199 and 171 cm"), "{table}");
}

#[test]
fn json_lines_are_ranked_by_paths_and_items_without_common_field_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let lines = r#"{"id":"a","limits":{"qps":"100"}}
{"id":"b","limits":{"qps":150}}
{"id":"c","zone":"x"}
{"limits":{"qps":1}}
"#;
    let machines = file(folder.path(), "machines.jsonl", lines);
    let output = rank(
        &machines,
        "--feature limits.qps=0..200 --feature zone --format json",
    );
    assert!(
        output
            .stderr
            .contains("machines.jsonl:4: the id is missing"),
        "{output:?}"
    );
    let report = json(&output);
    assert_eq!(report["pairs"][0]["distance"], 0.25);
    assert_eq!(report["summary"]["incomparable"], 1);
    assert_eq!(report["summary"]["ok"], 3);
}

#[test]
fn mistakes_in_features_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let file = machines(&folder);
    let many = (0..9)
        .map(|n| format!("--feature f{n}"))
        .collect::<Vec<_>>();
    for (flags, words) in [
        ("--feature cpu", "there is no column id; give --id COLUMN"),
        (
            "--id host --feature gpu",
            "there is no column gpu; the header is host,cpu",
        ),
        (
            "--id host --feature cpu=64..0",
            "with the smaller value first",
        ),
        ("--id host --feature cpu --feature cpu", "is given twice"),
        (
            "--id host --feature cpu --metric euclidean",
            "--metric is for profiles",
        ),
        (
            "--id host --feature cpu --weights ram=2",
            "the fields are cpu",
        ),
        (&many.join(" "), "at most 8"),
    ] {
        let output = rank(&file, flags);
        assert_eq!(output.status, 2, "{flags}: {output:?}");
        assert!(output.stderr.contains(words), "{flags}: {output:?}");
    }
    let output = run(["survey", "127.0.0.1:1", "--feature", "cpu"]);
    assert_eq!(output.status, 2);
    assert!(
        output
            .stderr
            .contains("profiles are ranked by all their fields"),
        "{output:?}"
    );
}

#[test]
fn answers_of_a_method_are_ranked_by_their_fields() {
    let (_folder, hosts, _lab) = lab_fleet::open(&["--seats", "12", "--faults", "drift=1"]);
    let flags = "--method fleet.v1.MachineService/GetStatus --id host_name --outliers 1 --format json \
                 --feature version --feature limits.max_qps=0..1000 --feature reload_interval";
    let mut command = labrpc();
    let command = command.args(["survey", "--hosts"]).arg(hosts);
    let output = output(command.args(flags.split_whitespace()));
    assert_eq!(output.status, 0, "{output:?}");
    let report = json(&output);
    assert_eq!(report["method"], "fleet.v1.MachineService/GetStatus");
    assert_eq!(report["summary"]["ok"], 12);
    let outlier = &report["outliers"][0];
    // Another version, and no limit of requests: two fields are compared.
    assert_eq!(outlier["distance"], 0.5, "{outlier}");
    assert_eq!(outlier["terms"]["version"], 0.5, "{outlier}");
    assert_eq!(report["features"][1]["missing"], 1);
    assert_eq!(report["features"][2]["kind"], "duration");
}

//! DuckDB: contrib/labrpc.sql over saved runs, and everyone's nearest from the distinct builds.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use labrpc::{
    profile::Profile,
    report::{Answer, Report, RunInfo, Survey, jsonl},
    similarity::Options,
    survey::{
        hosts::Builder,
        outcome::{EndpointResult, Outcome, Protocol},
    },
};

use crate::support::{self, labrpc, output, person};

/// Endpoints whose heights are whole, and more than DuckDB's sample of a file.
const WHOLE: u32 = 30_000;
const PEOPLE: u32 = 50_000;

/// Many share a build, some have one of their own, and some ids look like formulas.
fn people() -> Vec<Profile> {
    let mut random = fastrand::Rng::with_seed(16);
    let mut ids: Vec<u32> = (0..PEOPLE).collect();
    random.shuffle(&mut ids);
    let build = |(index, id): (usize, u32)| {
        let sum = |random: &mut fastrand::Rng| (0..4).map(|_| random.u16(..90)).sum::<u16>();
        let height = 1500 + sum(&mut random);
        let height = if index < WHOLE as usize {
            height / 10 * 10
        } else {
            height
        };
        let id = format!("{}{id}", if id % 7 == 0 { "-" } else { "s" });
        let weight = 450 + sum(&mut random) / 5 * 5;
        person(&id, height, weight, random.usize(2..6))
    };
    ids.into_iter().enumerate().map(build).collect()
}

/// Saves the run of a survey of these people.
fn save(people: &[Profile], path: &Path) {
    let mut hosts = Builder::default();
    hosts.argument(&format!("lab[1-{}].example", people.len()));
    let mut report = Vec::new();
    let answers = people.iter().map(|person| {
        EndpointResult::without_attempt(Outcome::Ok {
            answer: Answer::Profile(person.clone()),
            protocol: Protocol::Grpc,
        })
    });
    let survey = Survey {
        answers: answers.collect(),
        hosts: hosts.build().unwrap(),
    };
    let run = RunInfo::since(UNIX_EPOCH + Duration::from_secs(1), Vec::new());
    jsonl::write(
        &Report::survey(run, survey, Options::default()),
        &mut report,
    )
    .unwrap();
    fs::write(path, report).unwrap();
}

/// DuckDB in a folder with contrib.
struct Duckdb {
    program: std::path::PathBuf,
    folder: tempfile::TempDir,
}

impl Duckdb {
    fn find() -> Option<Self> {
        // The command line of the Python package.
        let python = support::python("duckdb_cli")?;
        Some(Self {
            program: python.parent().unwrap().join("duckdb"),
            folder: tempfile::tempdir().unwrap(),
        })
    }

    fn query(&self, query: &str) -> String {
        let macros = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/labrpc.sql");
        let mut command = Command::new(&self.program);
        command.args([
            "-csv",
            "-noheader",
            "-c",
            &format!(".read {macros}"),
            "-c",
            query,
        ]);
        let ran = output(command.current_dir(self.folder.path()));
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{query}");
        ran.stdout
    }

    /// A report on files of the folder.
    fn rank(&self, arguments: &[&str]) -> String {
        let mut command = labrpc();
        command
            .arg("rank")
            .args(arguments)
            .current_dir(self.folder.path());
        let ran = output(&mut command);
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.stdout
    }
}

#[test]
fn sql_reads_every_value_of_a_run_that_begins_with_whole_numbers() {
    let Some(duckdb) = Duckdb::find() else { return };
    let mut people = people();
    save(&people, &duckdb.folder.path().join("run.jsonl"));
    people.sort_by_key(|person| person.id);
    let tenths = |ticks: u16| format!("{}.{}", ticks / 10, ticks % 10);
    let expected: Vec<String> = people
        .iter()
        .map(|person| {
            let [height, weight, _] = person.build.ticks();
            let [.., size] = person.build.values();
            format!("{},{},{},{size}", person.id, tenths(height), tenths(weight))
        })
        .collect();
    for rows in [
        "labrpc_people('run.jsonl')",
        // Types inferred from the first rows.
        "(SELECT profile.* FROM 'run.jsonl' WHERE profile IS NOT NULL)",
    ] {
        let read = format!("SELECT id, height, weight, size FROM {rows} ORDER BY id");
        assert!(duckdb.query(&read).lines().eq(&expected), "{rows}");
    }
}

#[test]
fn nearest_by_sql_equals_the_ranking_of_all_people() {
    let Some(duckdb) = Duckdb::find() else { return };
    save(&people(), &duckdb.folder.path().join("run.jsonl"));
    duckdb.query("COPY (FROM labrpc_builds('run.jsonl')) TO 'builds.csv'");
    let summary = |file: &str| {
        let report = duckdb.rank(&[file, "--top", "0", "--format", "json"]);
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        report["summary"].clone()
    };
    assert_eq!(summary("builds.csv"), summary("run.jsonl"));

    duckdb.rank(&["builds.csv", "--per-person", "-o", "nearest.csv"]);
    duckdb.query("COPY (FROM labrpc_nearest('run.jsonl', 'nearest.csv')) TO 'joined.csv'");
    duckdb.rank(&["run.jsonl", "--per-person", "-o", "ranked.csv"]);
    let rows = |file: &str| {
        let text = fs::read_to_string(duckdb.folder.path().join(file)).unwrap();
        let mut rows: Vec<String> = text.lines().map(|row| row.replace('\'', "")).collect();
        rows.sort_unstable();
        rows
    };
    let (joined, ranked) = (rows("joined.csv"), rows("ranked.csv"));
    assert_eq!(joined.len(), PEOPLE as usize + 1);
    assert!(joined == ranked);
}

#[test]
fn distance_by_sql_equals_that_of_listed_pairs() {
    let Some(duckdb) = Duckdb::find() else { return };
    save(&people()[..200], &duckdb.folder.path().join("run.jsonl"));
    duckdb.rank(&["run.jsonl", "--top", "20000", "-o", "pairs.csv"]);
    let equal = duckdb.query(
        "SELECT count(*), count(*) FILTER (labrpc_distance(x, y) = distance)
         FROM 'pairs.csv' JOIN labrpc_people('run.jsonl') x ON x.id = ltrim(a, '''')
         JOIN labrpc_people('run.jsonl') y ON y.id = ltrim(b, '''')",
    );
    assert_eq!(equal, "19900,19900\n");
}

#[test]
fn endpoint_in_several_runs_is_one_row_and_an_answer_is_kept() {
    let Some(duckdb) = Duckdb::find() else { return };
    let save = |name: &str, day: u32, lines: &[(&str, &str, &str)]| {
        let started = format!("2026-05-0{day}T08:00:00Z");
        let mut text = format!("{{\"labrpc_run\":1,\"started\":\"{started}\"}}\n");
        for (endpoint, outcome, id) in lines {
            let profile = match *id {
                "" => "null".to_owned(),
                id => format!(r#"{{"id":"{id}","height":170.0,"weight":60.0,"size":"M"}}"#),
            };
            let line = format!(r#""line":1,"endpoint":"{endpoint}","outcome":"{outcome}""#);
            text += &format!("{{{line},\"profile\":{profile}}}\n");
        }
        support::file(duckdb.folder.path(), name, text);
    };
    let newer = [("a", "ok", "1"), ("b", "timeout", ""), ("c", "refused", "")];
    let older = [("a", "reset", ""), ("b", "ok", "2"), ("c", "dns", "")];
    save("a.jsonl", 2, &[&newer[..], &[("d", "ok", "4")]].concat());
    save("b.jsonl", 1, &[&older[..], &[("e", "ok", "4")]].concat());
    let endpoints = duckdb.query(
        "SELECT endpoint, outcome, profile.id FROM labrpc_endpoints('*.jsonl') ORDER BY endpoint",
    );
    assert_eq!(
        endpoints,
        "a,ok,1\nb,ok,2\nc,refused,NULL\nd,ok,4\ne,ok,4\n"
    );
    // Two endpoints claim the id 4.
    let people = duckdb.query("SELECT id FROM labrpc_people('*.jsonl') ORDER BY id");
    assert_eq!(people, "1\n2\n");
}

//! `--wait` and `--watch`: which endpoints a survey waits for, and what changes from one round to the next.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener},
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
};

use labrpc::report::{
    Report,
    diff::{RunDiff, export::jsonl_round},
    table,
};
use serde_json::{Value, json};

use crate::{
    comparison,
    support::{self, Running, hosts, labrpc, network, run, tool},
};

const ALICE: [&str; 8] = [
    "--id", "1001", "--height", "178", "--weight", "60", "--size", "L",
];
const BOB: [&str; 8] = [
    "--id", "1002", "--height", "178", "--weight", "58", "--size", "L",
];

fn seat(address: &str, person: [&str; 8]) -> Running {
    let listen = ["--listen", address];
    Running::serve(listen.iter().chain(&person))
}

/// A survey with `--watch`, which is ended with the test.
struct Watched {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Watched {
    fn start(arguments: &[&str], folder: &Path) -> Self {
        let mut command = labrpc();
        command.args(["survey", "--watch", "50ms"]).args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.current_dir(folder).spawn().unwrap();
        Self {
            stdout: BufReader::new(child.stdout.take().unwrap()),
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(
            self.stdout.read_line(&mut line).unwrap(),
            0,
            "the watch ended"
        );
        line.trim_end().to_owned()
    }

    /// The lines up to the first one that contains a text.
    fn until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while !lines
            .last()
            .is_some_and(|line: &String| line.contains(text))
        {
            lines.push(self.line());
        }
        lines
    }

    /// The line behind the time, which it has to begin with.
    fn timed(&mut self) -> String {
        without_time(&self.line())
    }
}

fn without_time(line: &str) -> String {
    let (time, text) = line.split_at(10);
    let pattern: String = time.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(pattern, "00:00:00  ", "{line}");
    text.to_owned()
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn watch_prints_only_changes_after_the_first_report() {
    let net = network();
    let [first, second] = [1, 2].map(|seat| format!("{net}{seat}:1024"));
    let _first = seat(&first, ALICE);
    let folder = tempfile::tempdir().unwrap();
    let mut watch = Watched::start(&[&first, &second], folder.path());
    let report = watch.until("At least two people");
    assert!(
        report
            .iter()
            .any(|line| line.starts_with("1 of 2 answered")),
        "{report:?}"
    );

    let came = seat(&second, BOB);
    assert_eq!(watch.timed(), format!("{net}2: refused → ok"));
    assert_eq!(watch.timed(), "2 of 2 answered");
    assert_eq!(
        watch.timed(),
        "Most alike: one pair at distance 10: 1001 and 1002"
    );
    drop(came);
    let went = watch.until("1 of 2 answered");
    assert!(went[0].contains(&format!("{net}2: ok → ")), "{went:?}");
    // Nothing but the beginning of the first round is told on standard error.
    watch.child.kill().unwrap();
    let mut told = String::new();
    watch.stderr.read_to_string(&mut told).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with("asked 2 endpoints in "), "{told}");
}

#[test]
fn watch_continues_json_lines_with_the_endpoints_that_changed() {
    let net = network();
    let [first, second] = [1, 2].map(|seat| format!("{net}{seat}:1024"));
    let _first = seat(&first, ALICE);
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&first, &second, "--format", "jsonl"];
    let mut watch = Watched::start(&arguments, folder.path());
    let mut lines = watch.until("\"summary\"");
    let _second = seat(&second, BOB);
    let round = watch.until("\"summary\"");
    let values: Vec<Value> = round
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [times, endpoint, change, summary] = &values[..] else {
        panic!("{round:?}");
    };
    assert!(times["round"]["started"].is_string());
    assert_eq!(
        (
            &endpoint["line"],
            &endpoint["endpoint"],
            &endpoint["profile"]["id"]
        ),
        (&json!(2), &json!(second), &json!("1002"))
    );
    let change = &change["change"];
    assert_eq!(change["change"], "changed");
    assert_eq!(change["endpoints"], format!("{net}2"));
    assert_eq!(
        (&change["before"]["outcome"], &change["after"]["outcome"]),
        (&json!("refused"), &json!("ok"))
    );
    assert_eq!(summary["summary"]["answered"], 2);

    lines.extend(round);
    let file = folder.path().join("watch.jsonl");
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    if let Some(python) = support::python("jsonschema") {
        crate::schema::validate(&python, &[file]);
    }
    // Where standard output is for programs, standard error has the changes for people.
    let mut told = String::new();
    while !told.contains("2 of 2 answered") {
        watch.stderr.read_line(&mut told).unwrap();
    }
    assert!(
        told.contains(&format!("  {net}2: refused → ok\n")),
        "{told}"
    );
}

#[test]
fn watch_keeps_its_files_whole_and_new() {
    let net = network();
    let [first, second] = [1, 2].map(|seat| format!("{net}{seat}:1024"));
    let _first = seat(&first, ALICE);
    let folder = tempfile::tempdir().unwrap();
    let mut watch = Watched::start(&[&first, &second, "-o", "run.jsonl"], folder.path());
    let mut told = String::new();
    let mut until = |text: &str| {
        while !told.contains(text) {
            assert_ne!(watch.stderr.read_line(&mut told).unwrap(), 0, "{told}");
        }
    };
    until("asked 2 endpoints");
    let _second = seat(&second, BOB);
    until("2 of 2 answered");
    let saved = fs::read_to_string(folder.path().join("run.jsonl")).unwrap();
    assert_eq!(saved.matches("\"outcome\":\"ok\"").count(), 2, "{saved}");
    assert_eq!(saved.matches("labrpc_run").count(), 1, "{saved}");
}

#[test]
fn watch_refuses_formats_that_cannot_be_continued_on_stdout() {
    for format in ["json", "csv", "html"] {
        let refused = run(["survey", "127.0.0.1", "--watch", "1", "--format", format]);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains("with -o FILE"), "{refused:?}");
    }
}

/// What changed from one round to the next, as text and as JSON Lines.
fn round(before: &Report, after: &Report) -> [String; 2] {
    let diff = RunDiff::of_rounds(before, after);
    let (mut text, mut lines) = (Vec::new(), Vec::new());
    table::write_round("10:42:07", [before, after], &diff, None, &mut text).unwrap();
    jsonl_round(after, &diff, &mut lines).unwrap();
    let texts = [text, lines].map(|bytes| String::from_utf8(bytes).unwrap());
    texts.map(|text| anstream::adapter::strip_str(&text).to_string())
}

#[test]
fn watch_of_any_method_names_the_leaves_that_changed() {
    let report = |answers: [u32; 3], version: &str| {
        let values = vec![json!({"version": "1.8.2"}), json!({"version": version})];
        comparison::report(
            hosts("10.0.0.1-3"),
            answers.map(Ok),
            values,
            labrpc::report::CompareOptions::default(),
        )
    };
    let [text, lines] = round(&report([0, 0, 0], "1.8.1"), &report([0, 1, 1], "1.8.1"));
    assert_eq!(
        text,
        "10:42:07  10.0.0.[2-3] (2): version \"1.8.2\" → \"1.8.1\"\n10:42:07  3 of 3 answered, in 2 groups\n"
    );
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let endpoints: Vec<_> = lines
        .iter()
        .filter_map(|line| line["line"].as_u64())
        .collect();
    assert_eq!(endpoints, [2, 3]);
    let difference = &lines[3]["change"]["differences"][0];
    assert_eq!(difference["after"], "1.8.1", "{lines:#?}");
    // The numbers of groups may be others in each round, which is not a change.
    let [text, _] = round(&report([0, 1, 1], "1.8.1"), &report([1, 0, 0], "1.8.2"));
    assert_eq!(text.lines().count(), 2, "{text}");
    let same = RunDiff::of_rounds(&report([0, 1, 1], "x"), &report([0, 1, 1], "x"));
    assert!(same.changes.is_empty());
}

/// The bar is drawn on a terminal only.
#[test]
fn wait_names_the_endpoints_it_waits_for_and_the_time_that_is_left() {
    let Some(script) = tool("script") else {
        return;
    };
    let net = network();
    let [first, second] = [1, 2].map(|seat| format!("{net}{seat}:1024"));
    let _first = seat(&first, ALICE);
    let program = env!("CARGO_BIN_EXE_labrpc");
    let command = format!("'{program}' survey {first} {second} --wait 60");
    let mut survey = Command::new(script)
        .args(["-qefc", &command, "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    let mut stdout = survey.stdout.take().unwrap();
    let mut until = |text: &str| {
        while !String::from_utf8_lossy(&shown).contains(text) {
            let mut more = [0; 1024];
            let count = stdout.read(&mut more).unwrap();
            assert_ne!(count, 0, "{}", String::from_utf8_lossy(&shown));
            shown.write_all(&more[..count]).unwrap();
        }
    };
    until("1 of 2 answered");
    until(&format!("s for {net}2 (1)"));
    until("waiting up to 5");
    let _second = seat(&second, BOB);
    until("2 of 2 answered");
    assert!(survey.wait().unwrap().success());
}

#[test]
fn answer_time_is_that_of_the_attempt_that_was_answered() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let mut survey = labrpc();
    survey.args(["survey", &address, "--format", "json"]);
    let survey = survey.stdout(Stdio::piped()).stderr(Stdio::null());
    let survey = survey.spawn().unwrap();
    // The call is repeated after a pause.
    drop(server.accept().unwrap());
    let (mut connection, _) = server.accept().unwrap();
    let person = br#"{"id":"1","height":178,"weight":60,"size":"L"}"#;
    connection.write_all(person).unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    let output = survey.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let endpoint = &report["endpoints"][0];
    let phases = endpoint["phases_ms"].as_object().unwrap().values();
    let answered: f64 = phases.filter_map(Value::as_f64).sum();
    let times = &report["summary"]["answer_ms"];
    let maximum = times["max"].as_f64().unwrap();
    assert!((maximum - answered).abs() < 0.01, "{report:#}");
    assert!(
        maximum < endpoint["elapsed_ms"].as_f64().unwrap(),
        "{report:#}"
    );
    assert_eq!(
        (&times["p50"], &times["p95"]),
        (&times["max"], &times["max"])
    );
}

//! `labrpc diff`: two saved runs, endpoint by endpoint.

use std::{fs, path::Path, process::Stdio};

use labrpc::{
    profile::Profile,
    report::{Answer, CompareOptions, Report, RunInfo, Survey, jsonl},
    survey::outcome::{AttemptPhase, EndpointResult, Outcome, Protocol},
    untrusted::Untrusted,
};
use serde_json::{Value, json};

use crate::{
    comparison::report,
    support::{Output, file, hosts, labrpc, output},
};

/// Writes a run of these endpoints into a file.
fn save(folder: &Path, name: &str, report: &Report) {
    let mut text = Vec::new();
    jsonl::write(report, &mut text).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

fn fleet(list: &str, given: Vec<Result<u32, Outcome<Answer>>>, values: Vec<Value>) -> Report {
    report(hosts(list), given, values, CompareOptions::default())
}

fn diff(folder: &Path, arguments: &[&str]) -> Output {
    output(labrpc().arg("diff").args(arguments).current_dir(folder))
}

fn node(version: &str) -> Value {
    json!({"version": version, "limits": {"maxQps": 500}, "tags": ["a", "b"], "uptime": "7s"})
}

/// Nodes before and after: some are upgraded, one loses its limits, some fail, one came, two went.
fn saved() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status = || Outcome::Status {
        code: tonic::Code::Unavailable,
        message: Untrusted::new("draining \u{1b}[2J"),
    };
    let mut before = vec![Ok(0); 30];
    before[29] = Err(Outcome::Refused);
    before[28] = Err(Outcome::Timeout(AttemptPhase::Connect));
    let mut restarted = node("1.8.1");
    restarted["uptime"] = json!("0.5s");
    let a = fleet("10.0.0.1-30", before, vec![node("1.8.1")]);
    let mut after = vec![Ok(0); 10];
    after.extend(vec![Ok(1); 15]);
    // 26 loses its limits and a tag, 27 fails, 28 restarts, 31 is new.
    after.extend([Ok(2), Err(status()), Ok(3)]);
    after.push(Ok(0));
    let mut small = node("1.8.1");
    small.as_object_mut().unwrap().remove("limits");
    small["tags"] = json!(["a"]);
    let values = vec![node("1.8.1"), node("1.8.2"), small, restarted];
    let b = fleet("10.0.0.1-28,10.0.0.31", after, values);
    save(folder.path(), "a.jsonl", &a);
    save(folder.path(), "b.jsonl", &b);
    folder
}

#[test]
fn changes_are_shown_leaf_by_leaf_and_folded_over_endpoints() {
    let folder = saved();
    let Output {
        status,
        stdout,
        stderr,
    } = diff(folder.path(), &["a.jsonl", "b.jsonl"]);
    assert_eq!((status, &*stderr), (5, ""));
    assert_eq!(
        stdout,
        "1 came, 2 went, 18 changed, 10 unchanged\n\
         \n\
         10.0.0.31: came, ok\n\
         10.0.0.29: went, was timeout (connect)\n\
         10.0.0.30: went, was refused\n\
         10.0.0.[11-25] (15): version \"1.8.1\" → \"1.8.2\"\n\
         10.0.0.26:\n    limits   {\"maxQps\":500} → absent\n    tags[1]  \"b\" → absent\n\
         10.0.0.27: ok → status (UNAVAILABLE: draining \\u{1b}[2J)\n\
         10.0.0.28: uptime \"7s\" → \"0.5s\"\n"
    );
    let same = diff(folder.path(), &["a.jsonl", "a.jsonl"]);
    assert_eq!((same.status, &*same.stdout), (0, "30 unchanged\n"));
}

#[test]
fn ignored_fields_are_not_compared_and_only_leaves_out_all_others() {
    let folder = saved();
    let lines = |arguments: &[&str]| {
        let found = diff(
            folder.path(),
            &[&["a.jsonl", "b.jsonl"], arguments].concat(),
        );
        found.stdout.lines().next().unwrap().to_owned()
    };
    for (arguments, expected) in [
        (
            &["--ignore", "uptime"][..],
            "1 came, 2 went, 17 changed, 11 unchanged",
        ),
        (
            &["--only", "version"],
            "1 came, 2 went, 16 changed, 12 unchanged",
        ),
        (
            &["--only", "version", "--ignore", "."],
            "1 came, 2 went, 1 changed, 27 unchanged",
        ),
        (
            &["--only", "tags[]", "--only", "limits.maxQps"],
            "1 came, 2 went, 2 changed, 26 unchanged",
        ),
    ] {
        assert_eq!(lines(arguments), expected, "{arguments:?}");
    }
    let bad = diff(folder.path(), &["a.jsonl", "b.jsonl", "--ignore", "a["]);
    assert_eq!(bad.status, 2);
    assert!(
        bad.stderr.contains("a bracket is not closed"),
        "{}",
        bad.stderr
    );
}

#[test]
fn every_format_for_programs_has_the_same_changes() {
    let folder = saved();
    let with = |format: &str| {
        let found = diff(folder.path(), &["a.jsonl", "b.jsonl", "--format", format]);
        assert_eq!(found.status, 5, "{}", found.stderr);
        found.stdout
    };
    let document: Value = serde_json::from_str(&with("json")).unwrap();
    assert_eq!(document["labrpc_diff"], 1);
    assert_eq!(document["method"], "fleet.Node/Describe");
    assert_eq!(document["a"], json!({"file": "a.jsonl", "endpoints": 30}));
    assert_eq!(
        document["summary"],
        json!({"came": 1, "went": 2, "changed": 18, "same": 10})
    );
    let changes = document["changes"].as_array().unwrap();
    let ok = json!({"outcome": "ok", "code": null, "detail": null});
    assert_eq!(
        changes[3],
        json!({
            "change": "changed", "count": 15, "endpoints": "10.0.0.[11-25]", "before": ok, "after": ok,
            "differences": [{"path": "version", "before": "1.8.1", "after": "1.8.2"}], "omitted": 0,
        })
    );
    assert_eq!(
        changes[4]["differences"][0],
        json!({"path": "limits", "before": {"maxQps": 500}})
    );
    assert_eq!(changes[5]["after"]["code"], "UNAVAILABLE");
    assert_eq!(changes[0]["before"], Value::Null);

    let lines: Vec<Value> = with("jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (header, rest) = lines.split_first().unwrap();
    let (summary, listed) = rest.split_last().unwrap();
    assert_eq!(header["b"], document["b"]);
    assert_eq!(summary["summary"], document["summary"]);
    let listed: Vec<_> = listed.iter().map(|line| line["change"].clone()).collect();
    assert_eq!(&listed, changes);

    let csv = with("csv");
    let rows: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(rows.len(), 1 + 3 + 15 + 2 + 1 + 1 + 1);
    assert_eq!(rows[0], "endpoint,change,path,before,after,omitted");
    assert_eq!(rows[1], "10.0.0.31:1024,came,,,ok,0");
    assert_eq!(rows[4], "10.0.0.11:1024,changed,version,1.8.1,1.8.2,0");

    let page = diff(folder.path(), &["a.jsonl", "b.jsonl", "-o", "page.html"]);
    assert_eq!(page.status, 2);
    let written = diff(folder.path(), &["a.jsonl", "b.jsonl", "-o", "changes.json"]);
    assert_eq!((written.status, &*written.stdout), (5, ""));
    let text = fs::read_to_string(folder.path().join("changes.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), document);
}

#[test]
fn profiles_are_compared_by_their_fields() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, people: [&str; 3]| {
        let answers = people.map(|person| {
            let profile: Profile = serde_json::from_str(person).unwrap();
            let (protocol, answer) = (Protocol::Grpc, Answer::Profile(profile));
            EndpointResult::without_attempt(Outcome::Ok { protocol, answer })
        });
        let survey = Survey {
            hosts: hosts("10.0.0.1-3"),
            answers: answers.into(),
        };
        let run = RunInfo::since(std::time::UNIX_EPOCH, Vec::new());
        save(
            folder.path(),
            name,
            &Report::survey(run, survey, labrpc::similarity::Options::default()),
        );
    };
    let [a, b, c] =
        ["a", "b", "c"].map(|id| format!(r#"{{"id":"{id}","height":178,"weight":60,"size":"L"}}"#));
    run("a.jsonl", [&a, &b, &c]);
    run(
        "b.jsonl",
        [&a, &b.replace("178", "180.5"), &c.replace("\"c\"", "\"a\"")],
    );
    let found = diff(folder.path(), &["a.jsonl", "b.jsonl"]);
    assert_eq!(
        found.stdout,
        "3 changed, 0 unchanged\n\
         \n\
         10.0.0.1: ok → duplicate_id (id a)\n\
         10.0.0.2: height 178 → 180.5\n\
         10.0.0.3: ok → duplicate_id (id a)\n    id  \"c\" → \"a\"\n"
    );
    let mixed = saved();
    let path = folder.path().join("a.jsonl");
    let other = diff(mixed.path(), &["a.jsonl", path.to_str().unwrap()]);
    assert_eq!(other.status, 2);
    assert!(
        other
            .stderr
            .contains("fleet.Node/Describe and lab.Profile/GetProfile"),
        "{}",
        other.stderr
    );
}

#[test]
fn absent_null_and_empty_values_are_told_apart_and_omitted_differences_counted() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = |from: usize| {
        let values = [
            None,
            Some(json!(null)),
            Some(json!("")),
            Some(json!("null")),
        ];
        let fields = values.into_iter().cycle().skip(from).take(4);
        let named = ["a", "b", "c", "d"].into_iter().zip(fields);
        let fields = named.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(fields.collect())
    };
    let long = |offset: usize| json!(Vec::from_iter((0..1003).map(|n| n + offset)));
    for (name, offset) in [("a.jsonl", 0), ("b.jsonl", 1)] {
        let values = vec![kinds(offset), long(offset)];
        let run = fleet("10.0.0.1-2", vec![Ok(0), Ok(1)], values);
        save(folder.path(), name, &run);
    }
    let with = |format| diff(folder.path(), &["a.jsonl", "b.jsonl", "--format", format]).stdout;
    let document: Value = serde_json::from_str(&with("json")).unwrap();
    assert_eq!(
        document["changes"][0]["differences"],
        json!([
            {"path": "b", "before": null, "after": ""},
            {"path": "c", "before": "", "after": "null"},
            {"path": "d", "before": "null"},
            {"path": "a", "after": null},
        ])
    );
    let csv = with("csv");
    let rows: Vec<_> = csv.lines().take(5).collect();
    assert_eq!(
        rows,
        [
            "endpoint,change,path,before,after,omitted",
            r#"10.0.0.1:1024,changed,b,null,"""""",0"#,
            r#"10.0.0.1:1024,changed,c,"""""","""null""",0"#,
            r#"10.0.0.1:1024,changed,d,"""null""",,0"#,
            "10.0.0.1:1024,changed,a,,null,0",
        ]
    );
    assert!(csv.ends_with("10.0.0.2:1024,changed,[999],999,1000,3\r\n"));
}

#[test]
fn paths_that_no_answer_has_are_named() {
    let folder = saved();
    let with = |arguments: &[&str]| {
        diff(
            folder.path(),
            &[&["a.jsonl", "b.jsonl"], arguments].concat(),
        )
    };
    for arguments in [
        &["--only", "limits.max_qps"][..],
        &["--only", "a", "--only", "limits.max_qps"],
    ] {
        let found = with(arguments);
        assert_eq!((found.status, &*found.stdout), (2, ""), "{found:?}");
        let expected = "limits.max_qps\nhint: paths have the names that the runs have, such as limits.maxQps\n";
        assert!(found.stderr.ends_with(expected), "{found:?}");
    }
    for arguments in [
        ["--only", "version", "--only", "typo"],
        ["--only", "version", "--ignore", "typo"],
    ] {
        let found = with(&arguments);
        assert_eq!(found.status, 5, "{found:?}");
        assert!(
            found.stderr.starts_with("warning: no answer has typo\n"),
            "{found:?}"
        );
    }
    assert_eq!(
        with(&["--only", "limits.maxQps", "--ignore", "tags[]"]).stderr,
        ""
    );
}

#[test]
fn runs_that_were_made_with_different_rules_are_compared_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    for (name, ignore) in [
        ("a.jsonl", &["uptime", "b c"][..]),
        ("b.jsonl", &["b c", "uptime"]),
        ("c.jsonl", &[]),
    ] {
        let options = CompareOptions {
            ignore: ignore.iter().map(|path| path.parse().unwrap()).collect(),
            ..CompareOptions::default()
        };
        let run = report(hosts("10.0.0.1"), [Ok(0)], vec![node("1")], options);
        save(folder.path(), name, &run);
    }
    let same = diff(folder.path(), &["a.jsonl", "b.jsonl"]);
    assert_eq!((same.status, &*same.stderr), (0, ""), "{same:?}");
    let found = diff(folder.path(), &["a.jsonl", "c.jsonl"]);
    assert_eq!(found.status, 5, "{found:?}");
    assert_eq!(
        found.stderr,
        "warning: a.jsonl was made with --ignore '[\"b c\"]' --ignore uptime and c.jsonl without rules; \
         fields that only one of them holds differ\n\
         hint: give the same --ignore and --only here, or to both surveys\n"
    );
}

/// Groups are numbered within each label.
#[test]
fn answers_are_found_by_label_and_may_be_long() {
    let folder = tempfile::tempdir().unwrap();
    let labelled = r#"[{"targets": ["10.0.0.1", "10.0.0.2"], "labels": {"zone": "x", "rack": "y"}},
        {"targets": ["10.0.0.3"], "labels": {"zone": "y", "rack": "x"}}, {"targets": ["10.0.0.4"]}]"#;
    for (name, last) in [("a.jsonl", 2), ("b.jsonl", 3)] {
        let mut builder = labrpc::survey::hosts::Builder::default();
        builder.read("targets.json", labelled.as_bytes());
        let long = |end: &str| json!({"text": "x".repeat(200_000) + end});
        let values = vec![json!({"n": 0}), json!({"n": 1}), long("a"), long("b")];
        let options = CompareOptions {
            group_by: Some("zone".to_owned()),
            ..CompareOptions::default()
        };
        let given = [Ok(0), Ok(0), Ok(1), Ok(last)];
        save(
            folder.path(),
            name,
            &report(builder.build().unwrap(), given, values, options),
        );
    }
    let found = diff(folder.path(), &["a.jsonl", "b.jsonl", "--format", "json"]);
    let document: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(
        document["summary"],
        json!({"came": 0, "went": 0, "changed": 1, "same": 3})
    );
    assert_eq!(document["changes"][0]["endpoints"], "10.0.0.4");
    let text = diff(folder.path(), &["a.jsonl", "b.jsonl"]).stdout;
    assert!(text.contains("xa\" → …"), "{text}");
}

#[test]
fn files_that_are_not_whole_runs_are_rejected() {
    let folder = saved();
    let run = fs::read_to_string(folder.path().join("a.jsonl")).unwrap();
    let prefix: Vec<_> = run.lines().take(5).collect();
    for (name, content, reason) in [
        ("empty", String::new(), "is not the header of a saved run"),
        (
            "people.csv",
            "id,height,weight,size\n".to_owned(),
            "is not the header of a saved run",
        ),
        (
            "document.json",
            "{\n  \"labrpc_run\": 1,\n".to_owned(),
            "one JSON document",
        ),
        (
            "later",
            run.replacen("\"labrpc_run\":1", "\"labrpc_run\":2", 1),
            "has version 2",
        ),
        ("two", run.repeat(2), "another run begins here"),
        (
            "part",
            prefix.join("\n"),
            "part:3: the run has no answer for group 1",
        ),
        (
            "damaged",
            run.replacen("\"outcome\"", "outcome", 1),
            "damaged:3: not a JSON object",
        ),
        (
            "hosts",
            run.replacen("10.0.0.1:1024", "10.0.0.[1-2]", 1),
            "hosts:3: ",
        ),
    ] {
        file(folder.path(), name, content);
        for arguments in [["b.jsonl", name], [name, "b.jsonl"]] {
            let found = diff(folder.path(), &arguments);
            assert_eq!(found.status, 2, "{name}: {}", found.stderr);
            assert!(found.stderr.contains(reason), "{name}: {}", found.stderr);
        }
    }
    let missing = diff(folder.path(), &["a.jsonl", "missing.jsonl"]);
    assert_eq!(missing.status, 1);
    assert_eq!(diff(folder.path(), &["-", "-"]).status, 2);

    let mut command = labrpc();
    let input = fs::File::open(folder.path().join("b.jsonl")).unwrap();
    command
        .args(["diff", "a.jsonl", "-"])
        .current_dir(folder.path())
        .stdin(Stdio::from(input));
    assert_eq!(
        output(&mut command).stdout,
        diff(folder.path(), &["a.jsonl", "b.jsonl"]).stdout
    );
}

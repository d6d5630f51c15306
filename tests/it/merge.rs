//! Saved runs as one: parts merged, runs that go on, and lines that are written while a survey is under way.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use labrpc::{
    report::{
        Answer, Findings, Report, RunInfo, Survey, json, jsonl,
        saved_runs::{self, Purpose},
    },
    similarity::Options,
    survey::{
        endpoint::Endpoint,
        hosts::{Builder, Shard},
        outcome::{
            AttemptPhase, EndpointResult, Invalid, OtherProtocol, Outcome, PhaseTimes, Protocol,
        },
    },
    untrusted::Untrusted,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    comparison, parts,
    support::{Output, Running, file, labrpc, network, output, run},
};

/// A room of simulated servers, some with faults, as a list in a file.
fn room(folder: &Path, seats: &str, faults: &str) -> (Running, PathBuf) {
    let hosts = folder.join("hosts.txt");
    let mut lab = labrpc();
    lab.args(["lab", "--seats", seats, "--faults", faults]);
    lab.stdout(fs::File::create(&hosts).unwrap());
    let room = Running::start(&mut lab, |line| line.contains("seats are open"));
    (room, hosts)
}

/// What a report in JSON has below its header.
fn below_header(document: &str) -> &str {
    let at = document.find("\n  \"endpoints\":").unwrap();
    &document[at..]
}

/// The lines of a run, dealt to the shards that their endpoints belong to, each with a header of its own.
fn shards_of(run: &str, shards: u32) -> Vec<String> {
    let count = NonZeroU32::new(shards).unwrap();
    let mut lines = run.lines();
    let header: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let mut endpoints: Vec<(u32, &str)> = Vec::new();
    let mut shared = Vec::new();
    for line in lines {
        let fields: Value = serde_json::from_str(line).unwrap();
        match fields["endpoint"].as_str() {
            Some(endpoint) => {
                let endpoint: Endpoint = endpoint.parse().unwrap();
                endpoints.push((Shard::of(&endpoint, count).index(), line));
            }
            None if fields.get("value").is_some() => shared.push(line),
            None => {}
        }
    }
    let listed = endpoints.len();
    let part = |index: u32| {
        let mut header = header.clone();
        header["part"] =
            json!({"shard": index, "shards": shards, "listed": listed, "list": "00000000000000ff"});
        let own = endpoints
            .iter()
            .filter(|(shard, _)| *shard == index)
            .map(|(_, line)| *line);
        let summary = r#"{"summary":{"finished":"2025-11-22T08:00:02Z"}}"#;
        let lines: Vec<String> = [header.to_string()]
            .into_iter()
            .chain(shared.iter().copied().chain(own).map(str::to_owned))
            .chain([summary.to_owned()])
            .collect();
        lines.join("\n") + "\n"
    };
    (0..shards).map(part).collect()
}

fn text(write: comparison::Write, report: &Report) -> String {
    let mut text = Vec::new();
    write(report, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The report of saved runs that are merged, with the options of another.
fn merged(runs: &[String], order: &[usize], like: &Report) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let files = order
        .iter()
        .enumerate()
        .map(|(name, of)| file(folder.path(), &name.to_string(), &runs[*of]));
    let files: Vec<PathBuf> = files.collect();
    let runs = saved_runs::read(&files, Purpose::Merge).unwrap();
    assert_eq!(runs.missing, None);
    let run = RunInfo {
        finished: runs.finished,
        ..RunInfo::since(runs.started, Vec::new())
    };
    let survey = runs.saved.merge(Vec::new());
    match &like.findings {
        Findings::Ranking(ranked) => Report::survey(run, survey, ranked.options.clone()),
        Findings::Comparison(compared) => Report::comparison(
            run,
            survey,
            runs.method,
            runs.values,
            compared.options.clone(),
        ),
    }
}

const SIZES: [&str; 8] = ["XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL"];

/// An outcome of any kind that an attempt can have.
fn outcome() -> impl Strategy<Value = Outcome<Answer>> {
    let words = "[a-z ]{0,9}(: [\\x00-\\x7f]{0,9})?".prop_map(|text| Untrusted::new(&text));
    let person = (0..40_u16, 500..=2720_u16, 100..=6500_u16, 0..8_usize);
    let answer = person.prop_map(|(id, height, weight, size)| Outcome::Ok {
        protocol: if id % 2 == 0 {
            Protocol::Grpc
        } else {
            Protocol::Raw
        },
        answer: Answer::Profile(
            serde_json::from_value(json!({
                "id": format!("p{id}"),
                "height": f64::from(height) / 10.0,
                "weight": f64::from(weight) / 10.0,
                "size": SIZES[size],
            }))
            .unwrap(),
        ),
    });
    let phase = prop::sample::select(AttemptPhase::ALL.to_vec());
    let protocol = prop::sample::select(OtherProtocol::ALL.to_vec());
    let words = || words.clone();
    prop_oneof![
        8 => answer,
        1 => words().prop_map(Outcome::Dns),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::Unreachable),
        1 => phase.prop_map(Outcome::Timeout),
        1 => any::<bool>().prop_map(|json_began| Outcome::Reset { json_began }),
        1 => words().prop_map(Outcome::Tls),
        1 => (protocol, words()).prop_map(|(protocol, text)| Outcome::NotGrpc(protocol, text)),
        1 => (1..=16_i32, words()).prop_map(|(code, message)| Outcome::Status { code: code.into(), message }),
        1 => Just(Outcome::TooLarge(None)),
        1 => Just(Outcome::TooLarge(Some("a limit: that is named".into()))),
        1 => (words(), any::<bool>()).prop_map(|(text, any_missing)| {
            Outcome::Invalid(Invalid::Fields { text: text.to_string().into(), any_missing })
        }),
        1 => words().prop_map(|text| Outcome::Invalid(Invalid::Json(text))),
        1 => words().prop_map(|text| Outcome::Invalid(Invalid::Message(text))),
        1 => (words(), any::<bool>()).prop_map(|(reason, exhausted)| Outcome::LocalError { reason, exhausted }),
        1 => Just(Outcome::Cancelled),
    ]
}

fn result(outcome: Outcome<Answer>) -> EndpointResult<Answer> {
    EndpointResult {
        outcome,
        attempts: 2,
        elapsed: Duration::from_micros(1_234_567),
        phases: PhaseTimes {
            connect: Some(Duration::from_micros(17)),
            ..PhaseTimes::default()
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Parts merged in any order, one of them twice, are the run that they are parts of.
    #[test]
    fn parts_merged_in_any_order_give_the_report_of_the_whole_run(
        list in parts::list(),
        outcomes in prop::collection::vec(outcome(), 1..60),
        shards in 1..=50_u32,
        order in any::<prop::sample::Index>(),
    ) {
        let mut builder = Builder::default();
        builder.argument(&list);
        let hosts = builder.build().unwrap();
        let mut given = outcomes.iter().cycle();
        let answers = (0..hosts.len()).map(|index| match hosts.duplicate_of(index) {
            Some(first) => EndpointResult::without_attempt(Outcome::DuplicateLine { first: first + 1 }),
            None => result(given.next().unwrap().clone()),
        });
        let survey = Survey { answers: answers.collect(), hosts };
        let hints: Vec<_> = survey.answers.iter().map(|result| result.outcome.hint()).collect();
        let run = RunInfo {
            finished: UNIX_EPOCH + Duration::from_secs(1_763_798_402),
            ..RunInfo::since(UNIX_EPOCH + Duration::from_secs(1_763_798_400), Vec::new())
        };
        let whole = Report::survey(run, survey, Options::default());
        let runs = shards_of(&text(jsonl::write, &whole), shards);
        let mut places: Vec<usize> = (0..runs.len()).collect();
        places.rotate_left(order.index(runs.len()));
        places.push(order.index(runs.len()));
        let again = merged(&runs, &places, &whole);
        let [expected, found] = [&whole, &again].map(|report| text(json::write, report));
        prop_assert_eq!(below_header(&found), below_header(&expected));
        let survey = again.surveyed().unwrap();
        let judged = survey.answers.iter().zip(&hints);
        for (result, hint) in judged {
            if !matches!(result.outcome, Outcome::DuplicateId { .. }) {
                prop_assert_eq!(&result.outcome.hint(), hint);
            }
        }
    }
}

#[test]
fn parts_of_other_methods_are_merged_with_their_groups_and_differences() {
    for whole in comparison::samples() {
        let run = text(jsonl::write, &whole);
        for shards in [1, 3, 8] {
            let runs = shards_of(&run, shards);
            let order: Vec<usize> = (0..runs.len()).rev().chain([0]).collect();
            let again = merged(&runs, &order, &whole);
            let [expected, found] = [&whole, &again].map(|report| text(json::write, report));
            assert_eq!(below_header(&found), below_header(&expected));
        }
    }
}

/// Every format of a run is the format of its merged parts, with every fault that the lab has.
#[test]
fn shards_of_a_survey_merge_into_every_format_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (_room, hosts) = room(folder.path(), "120", "all=60,duplicate=4");
    let labrpc_in = |arguments: &[&str]| {
        let mut command = labrpc();
        output(command.args(arguments).current_dir(folder.path()))
    };
    let hosts = hosts.to_str().unwrap();
    let formats = [
        "-o",
        "run.jsonl",
        "-o",
        "run.json",
        "-o",
        "run.txt",
        "-o",
        "run.csv",
    ];
    let survey = ["survey", "--hosts", hosts, "--max-time", "2s"];
    let whole = labrpc_in(&[&survey[..], &formats].concat());
    assert_eq!(whole.status, 3, "{whole:?}");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let run = read("run.jsonl");
    let names: Vec<String> = shards_of(&run, 5)
        .into_iter()
        .zip(0..)
        .map(|(part, number)| {
            let name = format!("part-{number}.jsonl");
            file(folder.path(), &name, part);
            name
        })
        .collect();
    let mut merge = vec!["merge"];
    merge.extend(names.iter().rev().map(String::as_str));
    merge.push(&names[2]);
    merge.extend([
        "-o",
        "merged.json",
        "-o",
        "merged.txt",
        "-o",
        "merged.csv",
        "-o",
        "merged.jsonl",
    ]);
    let merged = labrpc_in(&merge);
    assert_eq!(merged.status, 3, "{merged:?}");
    assert!(merged.stderr.contains(" answered"), "{merged:?}");
    for ending in ["txt", "csv"] {
        assert_eq!(
            read(&format!("merged.{ending}")),
            read(&format!("run.{ending}"))
        );
    }
    let [found, expected] = ["merged.json", "run.json"].map(read);
    assert_eq!(below_header(&found), below_header(&expected));
    let page = labrpc_in(&["merge", &names[0], "--incomplete", "-o", "merged.html"]);
    assert!(read("merged.html").starts_with("<!"), "{page:?}");
    // What was merged can be merged again, and one run alone is shown in another format.
    let again = labrpc_in(&["merge", "merged.jsonl", "--format", "csv"]);
    assert_eq!((again.status, again.stdout), (3, read("run.csv")));
    // The parts that are asked one by one have the same figures.
    for shard in ["0", "1", "2"] {
        let name = format!("real-{shard}.jsonl");
        let part = labrpc_in(
            &[
                &survey[..],
                &["--shard", shard, "--shards", "3", "-o", &name],
            ]
            .concat(),
        );
        assert_eq!(part.status, 0, "{part:?}");
    }
    let parts = labrpc_in(&[
        "merge",
        "real-2.jsonl",
        "real-0.jsonl",
        "real-1.jsonl",
        "--format",
        "json",
    ]);
    let figures = |text: &str| {
        let mut summary = serde_json::from_str::<Value>(text).unwrap()["summary"].take();
        for key in ["finished", "answer_ms"] {
            summary.as_object_mut().unwrap().remove(key);
        }
        summary
    };
    assert_eq!(figures(&parts.stdout), figures(&read("run.json")));
}

const HEADER: &str =
    r#"{"labrpc_run":1,"started":"2025-11-22T08:00:00Z","method":"lab.Profile/GetProfile""#;

fn header(started: u32, part: &str) -> String {
    format!(
        "{},\"part\":{part}}}\n",
        HEADER.replace("00Z", &format!("{started:02}Z"))
    )
}

fn ok(line: u32, endpoint: &str, id: &str) -> String {
    format!(
        r#"{{"line":{line},"endpoint":"{endpoint}","outcome":"ok","dialect":"grpc","profile":{{"id":"{id}","height":170.0,"weight":60.0,"size":"M"}}}}"#
    ) + "\n"
}

fn failed(line: u32, endpoint: &str, outcome: &str) -> String {
    format!(r#"{{"line":{line},"endpoint":"{endpoint}","outcome":"{outcome}","detail":"connect"}}"#)
        + "\n"
}

fn part(shard: u32, listed: u32, list: &str) -> String {
    format!(r#"{{"shard":{shard},"shards":2,"listed":{listed},"list":"{list}"}}"#)
}

#[test]
fn merge_of_incomplete_parts_or_of_parts_of_other_lists_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, text: String| file(folder.path(), name, text).display().to_string();
    let a = run(
        "a",
        header(0, &part(0, 3, "aa")) + &ok(1, "10.0.0.1:1", "p") + &ok(3, "10.0.0.3:1", "r"),
    );
    let b = run(
        "b",
        header(0, &part(1, 3, "aa")) + &ok(2, "10.0.0.2:1", "q"),
    );
    let short = run(
        "short",
        header(0, &part(0, 3, "aa")) + &ok(1, "10.0.0.1:1", "p"),
    );
    let other = run(
        "other",
        header(0, &part(1, 3, "bb")) + &ok(2, "10.0.0.2:1", "q"),
    );
    let cut = run(
        "cut",
        header(0, "null")
            + r#"{"list":[{"line":1,"endpoint":"10.0.0.1:1"},{"line":2,"endpoint":"10.0.0.2:1"}]}"#
            + "\n"
            + &ok(2, "10.0.0.2:1", "q")
            + "{\"line\":1,\"endp",
    );
    let health = run(
        "health",
        header(0, "null").replace("lab.Profile/GetProfile", "a.B/C")
            + &failed(1, "10.0.0.9:1", "refused"),
    );
    let cases: [(&[&String], &str); 5] = [
        (&[&a], "of 2 shards 1 are missing: 1"),
        (&[&short, &b], "of 3 endpoints of the list 2 are there"),
        (&[&a, &other], "the part is of another list"),
        (&[&cut], "1 endpoints have no outcome"),
        (&[&a, &b, &health], "the run asked a.B/C"),
    ];
    let merge = |runs: &[&String], more: &[&str]| {
        let mut command = labrpc();
        output(command.arg("merge").args(runs).args(more))
    };
    for (runs, reason) in cases {
        let refused = merge(runs, &[]);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains(reason), "{refused:?}");
    }
    let whole = merge(&[&b, &a, &a], &["--format", "csv"]);
    assert_eq!(whole.status, 0, "{whole:?}");
    let lines: Vec<_> = whole
        .stdout
        .lines()
        .skip(1)
        .map(|row| row[..12].to_owned())
        .collect();
    assert_eq!(lines, ["1,10.0.0.1:1", "2,10.0.0.2:1", "3,10.0.0.3:1"]);
    // An unfinished endpoint counts as cancelled.
    let incomplete = merge(&[&cut], &["--incomplete", "--format", "csv"]);
    assert_eq!(incomplete.status, 3, "{incomplete:?}");
    assert!(
        incomplete.stdout.contains("1,10.0.0.1:1,cancelled"),
        "{incomplete:?}"
    );
    assert!(
        incomplete.stderr.contains("warning: 1 endpoints"),
        "{incomplete:?}"
    );
    let half = merge(&[&a], &["--incomplete", "--format", "csv"]);
    assert!(half.stdout.contains("\n3,10.0.0.3:1,ok"), "{half:?}");
    // Parts in one file, and standard input.
    let both = fs::read_to_string(&b).unwrap() + &fs::read_to_string(&a).unwrap();
    let both = file(folder.path(), "both", both);
    let mut piped = labrpc();
    piped
        .args(["merge", "-", "--format", "csv"])
        .stdin(fs::File::open(both).unwrap());
    assert_eq!(output(&mut piped).stdout, whole.stdout);
}

#[test]
fn answer_counts_before_failure_and_newer_before_older_in_merge_and_rank() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, text: String| file(folder.path(), name, text).display().to_string();
    let first = run(
        "first",
        header(1, "null")
            + &ok(1, "a:1", "old")
            + &ok(2, "b:1", "b")
            + &failed(3, "c:1", "timeout")
            + &failed(4, "d:1", "cancelled"),
    );
    let second = run(
        "second",
        header(2, "null")
            + &ok(1, "a:1", "new")
            + &failed(2, "b:1", "refused")
            + &failed(3, "c:1", "cancelled")
            + &ok(5, "e:1", "e"),
    );
    for runs in [[&first, &second], [&second, &first]] {
        let mut merge = labrpc();
        let merged = output(merge.arg("merge").args(runs).args(["--format", "csv"]));
        assert_eq!(merged.status, 3, "{merged:?}");
        let mut rows: Vec<_> = merged
            .stdout
            .lines()
            .skip(1)
            .map(|row| {
                let cells: Vec<_> = row.split(',').collect();
                [cells[1], cells[2], cells[5]].join(" ")
            })
            .collect();
        rows.sort();
        assert_eq!(
            rows,
            [
                "a:1 ok new",
                "b:1 ok b",
                "c:1 timeout ",
                "d:1 cancelled ",
                "e:1 ok e"
            ]
        );
        let mut rank = labrpc();
        let ranked = output(
            rank.arg("rank")
                .args(runs)
                .args(["--twins", "--format", "csv"]),
        );
        assert_eq!(
            ranked.stdout.lines().last(),
            Some("3,170.0,60.0,M,b e new"),
            "{ranked:?}"
        );
        assert_eq!(ranked.stderr, "note: 2 endpoints gave no profile\n");
    }
    // The same run twice is that run.
    let twice = run_rank(&[&first, &first]);
    assert_eq!(twice.stdout, run_rank(&[&first]).stdout);
}

fn run_rank(runs: &[&String]) -> Output {
    let mut rank = labrpc();
    output(
        rank.arg("rank")
            .args(runs)
            .args(["--per-person", "--format", "csv"]),
    )
}

#[test]
fn several_runs_go_on_together_and_what_is_not_reached_keeps_its_failure() {
    let folder = tempfile::tempdir().unwrap();
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let dead = format!("{}1:1024", network());
    let a = header(0, &part(0, 2, "aa")) + &failed(1, &dead, "timeout");
    let b = header(0, &part(1, 2, "aa")) + &failed(2, seat.address(), "refused");
    let a = file(folder.path(), "a", a);
    let b = file(folder.path(), "b", b);
    let go_on = |runs: &[&Path], more: &[&str], input: Option<&Path>| {
        let mut command = labrpc();
        if let Some(input) = input {
            command.stdin(fs::File::open(input).unwrap());
        }
        command
            .args(["survey", "--format", "csv", "--only-failed"])
            .args(runs);
        output(command.args(more))
    };
    let stdin = Path::new("-");
    for went in [
        go_on(&[&a, &b], &[], None),
        go_on(&[&a, stdin], &[], Some(&b)),
    ] {
        assert_eq!(went.status, 3, "{went:?}");
        let rows: Vec<_> = went.stdout.lines().skip(1).collect();
        assert!(
            rows[0].starts_with(&format!("1,{dead},refused,")),
            "{went:?}"
        );
        assert!(
            rows[1].starts_with(&format!("2,{},ok,", seat.address())),
            "{went:?}"
        );
    }
    let not_reached = go_on(&[&a, &b], &["--rate", "1", "--deadline", "1ms"], None);
    assert!(
        not_reached
            .stdout
            .contains(&format!("1,{dead},timeout,connect,")),
        "{not_reached:?}"
    );
    // One part goes on as that part.
    let mut alone = labrpc();
    let alone = output(
        alone
            .args(["survey", "--format", "jsonl", "--only-failed"])
            .arg(&b),
    );
    assert_eq!(alone.status, 0, "{alone:?}");
    let header: Value = serde_json::from_str(alone.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(
        header["part"],
        serde_json::from_str::<Value>(&part(1, 2, "00000000000000aa")).unwrap()
    );
}

/// A server that answers no connection until the test does.
struct Silent(TcpListener);

impl Silent {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn answer(&self) {
        let mut connection: TcpStream = self.0.accept().unwrap().0;
        let person = br#"{"id":"late","height":178,"weight":60,"size":"L"}"#;
        connection.write_all(person).unwrap();
        connection.shutdown(Shutdown::Write).unwrap();
    }
}

fn lines_of(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Waits until the file has so many lines of endpoints.
fn wait_for(path: &Path, endpoints: usize) {
    let end = Instant::now() + Duration::from_secs(20);
    let is_endpoint = |line: &&Value| line.get("outcome").is_some();
    while lines_of(path).iter().filter(is_endpoint).count() < endpoints {
        assert!(Instant::now() < end, "{:?}", lines_of(path));
        thread::sleep(Duration::from_millis(20));
    }
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = labrpc();
    command.args(arguments).current_dir(folder);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn killed_run_leaves_a_valid_beginning_that_goes_on_to_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let (_room, hosts) = room(folder.path(), "60", "refuse=2,duplicate=2,http1=1");
    let silent = Silent::new();
    let hosts = hosts.to_str().unwrap();
    let address = silent.address();
    let survey = [
        "survey", "--hosts", hosts, &address, "--hosts", hosts, "--format", "jsonl",
    ];
    let outputs = ["-o", "run.jsonl", "-o", "page.html", "--max-time", "60s"];
    let partial = folder.path().join("run.jsonl.partial");
    let mut child = start(folder.path(), &[&survey[..6], &outputs].concat());
    wait_for(&partial, 120);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.path().join("run.jsonl").exists());
    let lines = lines_of(&partial);
    assert_eq!(lines[0]["labrpc_run"], 1);
    assert_eq!(lines[0]["finished"], Value::Null);
    let listed: usize = lines
        .iter()
        .filter_map(|line| line["list"].as_array())
        .map(Vec::len)
        .sum();
    assert_eq!(listed, 121);

    let again = run_in(
        folder.path(),
        &[
            "survey",
            "--max-time",
            "1s",
            "--only-failed",
            "run.jsonl.partial",
            "-o",
            "run.jsonl",
        ],
    );
    assert_eq!(again.status, 3, "{again:?}");
    let uninterrupted = run_in(
        folder.path(),
        &[&survey[..6], &["--max-time", "1s", "-o", "whole.jsonl"]].concat(),
    );
    assert_eq!(uninterrupted.status, 3, "{uninterrupted:?}");
    let [found, expected] = ["run.jsonl", "whole.jsonl"].map(|name| {
        let mut lines = lines_of(&folder.path().join(name));
        let mut summary = lines.pop().unwrap()["summary"].take();
        for key in ["finished", "answer_ms"] {
            summary.as_object_mut().unwrap().remove(key);
        }
        let key = |line: &Value| {
            Some((
                line["line"].as_u64()?,
                line["endpoint"].clone(),
                line["outcome"].clone(),
            ))
        };
        let mut endpoints: Vec<_> = lines.iter().filter_map(key).collect();
        endpoints.sort_by_key(|(line, ..)| *line);
        (summary, endpoints)
    });
    assert_eq!(found, expected);
    assert!(!partial.exists());
}

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = labrpc();
    output(command.args(arguments).current_dir(folder))
}

#[test]
fn interrupted_run_leaves_partial_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let silent = Silent::new();
    let address = silent.address();
    let outputs = [
        "-o",
        "run.jsonl",
        "-o",
        "page.html",
        "-o",
        "table.csv",
        "--max-time",
        "60s",
    ];
    file(folder.path(), "page.html", "the old one");
    let child = start(
        folder.path(),
        &[&["survey", seat.address(), &address][..], &outputs].concat(),
    );
    wait_for(&folder.path().join("run.jsonl.partial"), 1);
    let pid = child.id().to_string();
    assert_eq!(
        output(Command::new("kill").args(["-s", "TERM", &pid])).status,
        0
    );
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
    let mut names: Vec<_> = folder
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "page.html",
            "page.html.partial",
            "run.jsonl.partial",
            "table.csv.partial"
        ]
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("page.html")).unwrap(),
        "the old one"
    );
    let page = fs::read_to_string(folder.path().join("page.html.partial")).unwrap();
    assert!(page.contains("1 of 2 answered"));
    let listed = run_in(
        folder.path(),
        &["survey", "--list", "--only-failed", "run.jsonl.partial"],
    );
    assert_eq!(listed.stdout, format!("{address}\n"));
}

#[test]
fn lines_reach_standard_output_while_the_survey_is_under_way() {
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let silent = Silent::new();
    let mut command = labrpc();
    command.args([
        "survey",
        "--format",
        "jsonl",
        "--max-time",
        "60s",
        seat.address(),
        &silent.address(),
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["labrpc_run"], 1);
    assert_eq!(next()["list"].as_array().unwrap().len(), 2);
    assert_eq!(next()["endpoint"], seat.address());
    // Only now does the other one answer.
    silent.answer();
    assert_eq!(next()["endpoint"], silent.address());
    assert_eq!(next()["rank"], 1);
    assert!(next().get("summary").is_some());
    assert!(lines.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A reader that goes away costs the run nothing.
#[test]
fn closed_standard_output_does_not_end_the_survey() {
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let folder = tempfile::tempdir().unwrap();
    let mut command = labrpc();
    command.args([
        "survey",
        seat.address(),
        "--format",
        "jsonl",
        "-o",
        "-",
        "-o",
        "run.jsonl",
    ]);
    command
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(
        lines_of(&folder.path().join("run.jsonl"))
            .last()
            .unwrap()
            .get("summary")
            .is_some()
    );
}

#[test]
fn answers_of_any_method_are_written_before_the_endpoints_that_gave_them() {
    let folder = tempfile::tempdir().unwrap();
    let (_room, hosts) = {
        let hosts = folder.path().join("hosts.txt");
        let mut lab = labrpc();
        lab.args([
            "lab",
            "--service",
            "fleet",
            "--seats",
            "30",
            "--faults",
            "drift=3",
        ]);
        lab.stdout(fs::File::create(&hosts).unwrap());
        (
            Running::start(&mut lab, |line| line.contains("are open")),
            hosts,
        )
    };
    let hosts = hosts.to_str().unwrap();
    let method = [
        "--method",
        "fleet.v1.MachineService/GetStatus",
        "--ignore",
        "host_name",
        "--ignore",
        "uptime",
    ];
    let survey = [&["survey", "--hosts", hosts][..], &method].concat();
    let whole = run_in(
        folder.path(),
        &[
            &survey[..],
            &["-o", "run.jsonl", "-o", "run.json", "-o", "run.txt"],
        ]
        .concat(),
    );
    assert_eq!(whole.status, 0, "{whole:?}");
    let lines = lines_of(&folder.path().join("run.jsonl"));
    let mut known = Vec::new();
    for line in &lines {
        if let Some(value) = line.get("value") {
            known.push(value["group"].clone());
        }
        if line.get("endpoint").is_some() {
            assert!(known.contains(&line["group"]), "{line}");
        }
    }
    let answers: Vec<_> = lines.iter().filter_map(|line| line.get("answer")).collect();
    assert_eq!(answers.len(), known.len());
    assert_eq!(answers[0]["reference"], true);
    // Parts, and the same groups when they are merged. Fields have the names that the runs have.
    let ignored = ["--ignore", "hostName", "--ignore", "uptime"];
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    for shard in ["0", "1"] {
        let name = format!("part-{shard}.jsonl");
        let part = run_in(
            folder.path(),
            &[
                &survey[..],
                &["--shard", shard, "--shards", "2", "-o", &name],
            ]
            .concat(),
        );
        assert_eq!(part.status, 0, "{part:?}");
    }
    let merged = run_in(
        folder.path(),
        &[
            &["merge", "part-1.jsonl", "part-0.jsonl", "-o", "merged.txt"][..],
            &ignored,
        ]
        .concat(),
    );
    assert_eq!(merged.status, 0, "{merged:?}");
    let untimed = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("answer time:"));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(untimed(&read("merged.txt")), untimed(&read("run.txt")));
    let differ = run_in(
        folder.path(),
        &[&["merge", "run.jsonl", "--expect-same"][..], &ignored].concat(),
    );
    assert_eq!(differ.status, 5, "{differ:?}");
    assert_eq!(differ.stdout, read("run.txt"));
    // An empty part has no endpoint that could give the schema.
    let empty = file(folder.path(), "empty.txt", "");
    let empty = run_in(
        folder.path(),
        &[
            &["survey", "--part", "--hosts", empty.to_str().unwrap()][..],
            &method,
            &["-o", "empty.jsonl"],
        ]
        .concat(),
    );
    assert_eq!(empty.status, 0, "{empty:?}");
    let merged = run_in(
        folder.path(),
        &[&["merge", "empty.jsonl", "run.jsonl"][..], &ignored].concat(),
    );
    assert_eq!(merged.stdout, read("run.txt"));
}

#[test]
fn comparison_flags_of_merge_are_refused_for_profiles_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = file(
        folder.path(),
        "profiles",
        header(0, "null") + &ok(1, "a:1", "a"),
    );
    let others = file(
        folder.path(),
        "others",
        header(0, "null").replace("lab.Profile/GetProfile", "a.B/C") + &failed(1, "a:1", "refused"),
    );
    for (run, flags) in [
        (&profiles, &["--expect-same"][..]),
        (&profiles, &["--ignore", "x"]),
        (&others, &["--like", "a"]),
    ] {
        let refused = run_in(
            folder.path(),
            &[&["merge", run.to_str().unwrap()], flags].concat(),
        );
        assert_eq!(refused.status, 2, "{refused:?}");
    }
    let none = run(["merge"]);
    assert_eq!(none.status, 2);
}

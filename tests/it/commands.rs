//! The commands as scripts and terminals use them: exit statuses, messages, files and signals.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener},
    process::Stdio,
    thread,
};

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::support::{self, Output, Running, file, labrpc, network, output, run};

fn person(id: &str) -> Running {
    Running::serve([
        "--listen",
        "127.0.0.1:0",
        "--id",
        id,
        "--height",
        "178",
        "--weight",
        "60",
        "--size",
        "XXL",
    ])
}

/// An address where no server listens.
fn dead_address() -> String {
    format!("{}1:1024", network())
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn survey_exit_status_follows_from_answers_and_usage() {
    let (a, b, twin) = (person("1"), person("2"), person("1"));
    let (a, b, twin) = (a.address(), b.address(), twin.address());
    let dead = dead_address();
    let table: &[(&[&str], i32)] = &[
        (&[a, b], 0),
        (&[a, b, &dead], 3),
        (&[a, b, &dead, "--min-ok", "2"], 0),
        (&[a, b, &dead, "--min-ok", "66%"], 0),
        (&[a, b, &dead, "--min-ok", "67%"], 3),
        (&[&dead], 4),
        (&[&dead, "--min-ok", "0"], 0),
        (&[a, b, twin], 5),
        (&[a, b, twin, &dead], 3),
        (&[], 2),
        (&[a, "-x", a], 2),
        (&["300.1.1.1"], 2),
        (&["--hosts", "/nonexistent/hosts.txt"], 1),
        (&[a, "--min-ok", "101%"], 2),
        (&[a, "--max-time", "1 fortnight"], 2),
        (&[a, "--max-time", "0"], 2),
        (&[a, "--weights", "shoes=2"], 2),
        (&[a, "-o", "/nonexistent/report"], 1),
        (&[a, "--cacert", "/nonexistent/ca.pem"], 1),
        (&[a, "--authority", "x"], 2),
        (&[a, "--plaintext", "--insecure"], 2),
        (&["--only-failed", "/dev/null"], 2),
        (&["--only-failed", "/nonexistent/run.jsonl"], 1),
    ];
    for (arguments, status) in table {
        let output = run(["survey"].iter().chain(*arguments));
        assert_eq!(output.status, *status, "{arguments:?} {output:?}");
        if *status == 1 || *status == 2 {
            assert!(output.stderr.contains("error: "), "{output:?}");
            assert_eq!(output.stdout, "", "{arguments:?}");
        }
    }
}

#[test]
fn duplicate_id_is_a_conflict_and_not_a_pair() {
    let (a, twin, other) = (person("7"), person("7"), person("8"));
    let output = run(["survey", a.address(), twin.address(), other.address()]);
    assert_eq!(output.status, 5);
    assert!(
        output
            .stdout
            .contains("duplicate id: 7; claimed more than once"),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("3 of 3 answered, 1 usable\n"),
        "{}",
        output.stdout
    );
    assert!(
        output
            .stdout
            .contains("At least two people are needed for a comparison."),
        "{}",
        output.stdout
    );
}

#[test]
fn all_errors_of_a_host_list_are_reported_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = file(
        folder.path(),
        "hosts.txt",
        "127.0.0.1\n127.0.0.300\nlab[3-1]\n",
    );
    let output = output(labrpc().args(["survey", "--hosts"]).arg(&hosts));
    let name = hosts.display();
    assert_eq!(output.status, 2);
    assert_eq!(
        output.stderr,
        format!(
            "error: {name}:2:1: \"127.0.0.300\": not an IPv4 address: that is four numbers from 0 to 255, without leading zeros\n\
             error: {name}:3:1: \"lab[3-1]\": the range runs backwards; write 1-3\n"
        )
    );
}

#[test]
fn list_flag_prints_endpoints_without_asking_them() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = file(
        folder.path(),
        "hosts.txt",
        "192.0.2.1-3 # documentation\n[2001:db8::1],192.0.2.2",
    );
    let output = output(
        labrpc()
            .args(["survey", "--list", "-x", "192.0.2.[3,9]", "--hosts"])
            .arg(&hosts),
    );
    assert_eq!(output.status, 0);
    assert_eq!(
        output.stdout,
        "192.0.2.1:1024\n192.0.2.2:1024\n[2001:db8::1]:1024\n192.0.2.2:1024\n"
    );
}

#[test]
fn failed_survey_leaves_the_report_file_unchanged() {
    let server = person("1");
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "report.json", "the old one");
    let failed = output(labrpc().args(["survey", "300.1.1.1", "-o"]).arg(&path));
    assert_eq!(failed.status, 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "the old one");

    let output = output(
        labrpc()
            .args(["survey", server.address(), "--format", "json", "-o"])
            .arg(&path),
    );
    assert_eq!(
        (output.status, output.stdout.as_str()),
        (0, ""),
        "{output:?}"
    );
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(report["summary"]["ok"], 1);
    // Nothing is left beside it.
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn closed_stdout_pipe_is_success() {
    let server = person("1");
    for arguments in [
        vec!["survey", server.address()],
        vec!["man"],
        vec!["completions", "bash"],
    ] {
        let mut child = labrpc()
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?} {output:?}");
    }
}

#[test]
fn colour_needs_a_terminal_or_clicolor_force() {
    let server = person("1");
    let coloured = |variables: &[(&str, &str)]| {
        let mut command = labrpc();
        command
            .args(["survey", server.address()])
            .envs(variables.iter().copied());
        output(&mut command).stdout.contains('\x1b')
    };
    assert!(!coloured(&[]), "a pipe is not a terminal");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("NO_COLOR", "1")]));
}

#[test]
fn table_lines_fit_the_columns() {
    let dead = network();
    // Servers of the original exercise, whose data a grammar refuses: nothing to break a line at, and a hint.
    let name = "张三丰".repeat(30);
    let chinese = raw(&format!(
        r#"{{"id":"{name}","height":178,"weight":60,"size":"M"}}"#
    ));
    let jin = raw(r#"{"id":"1","height":178,"weight":1200,"size":"M"}"#);
    for columns in [60, 80, 200] {
        let survey = |arguments: &[&str]| {
            let mut command = labrpc();
            command
                .arg("survey")
                .args(arguments)
                .env("COLUMNS", columns.to_string());
            output(&mut command).stdout
        };
        let demo = survey(&["--demo", "3", "--top", "3"]);
        let failed = survey(&[&format!("{dead}1-40")]);
        let refused = survey(&[&chinese, &jin]);
        let long = person(&"7".repeat(32));
        let other = person(&"8".repeat(32));
        let pair = survey(&[long.address(), other.address()]);
        for line in [&demo, &failed, &refused, &pair]
            .iter()
            .flat_map(|text| text.lines())
        {
            assert!(line.width() <= columns, "{columns}: {line}");
            assert_eq!(line.trim_end(), line);
        }
        assert!(
            failed.starts_with(&format!("{dead}[1-40] (40): refused;")),
            "{failed}"
        );
        // Lines after the first are indented, by four or seven columns; nothing else was changed.
        let joined = |text: &str| text.replace([' ', '\n'], "");
        assert!(
            joined(&refused).contains(&format!("id\"{}", &name[..80 * "张".len()])),
            "{refused}"
        );
        assert!(
            joined(&refused).contains("isthatinjin(斤)?sendkilograms,halfofit"),
            "{refused}"
        );
        // The name is broken where two more columns would not have fitted.
        let full = refused.lines().filter(|line| line.width() >= columns - 1);
        assert!(columns == 200 || full.count() >= 1, "{refused}");
        for line in refused.lines().take_while(|line| !line.is_empty()) {
            assert!(
                line.starts_with("raw://127.0.0.1:") || line.starts_with("    "),
                "{refused}"
            );
        }
    }
}

/// A server of the original exercise that sends this text to every client, for as long as the tests run.
pub(crate) fn raw(text: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let text = text.to_owned();
    thread::spawn(move || {
        for connection in listener.incoming() {
            // A client that has closed the connection already is fine.
            let _ = connection.and_then(|mut peer| peer.write_all(text.as_bytes()));
        }
    });
    format!("raw://{address}")
}

#[test]
fn only_failed_asks_failed_endpoints_again_and_merges_the_answers() {
    let network = network();
    let at = |seat: usize| format!("{network}{seat}:1024");
    let seat = |seat: usize, weight: &str| {
        Running::serve([
            "--listen",
            &at(seat),
            "--id",
            &format!("{seat}"),
            "--height",
            "178",
            "--weight",
            weight,
            "--size",
            "M",
        ])
    };
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("run.jsonl");
    let first = seat(1, "60");
    let run = output(
        labrpc()
            .args([
                "survey",
                &format!("{network}1-3,{network}1"),
                "--format",
                "jsonl",
                "-o",
            ])
            .arg(&saved),
    );
    assert_eq!(run.status, 3, "{run:?}");
    // The endpoint that had answered is not asked again, and its answer is kept.
    drop(first);
    let _second = seat(2, "62");
    let run = output(
        labrpc()
            .args(["survey", "--format", "json", "--only-failed"])
            .arg(&saved),
    );
    assert_eq!(run.status, 3, "{run:?}");
    let report = json(&run);
    let outcomes: Vec<_> = report["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["outcome"])
        .collect();
    assert_eq!(outcomes, ["ok", "ok", "refused", "duplicate_line"]);
    assert_eq!(report["summary"]["smallest"], 10.0);
    assert_eq!(report["summary"]["asked"], 3);

    // Empty lines are skipped.
    let spaced = std::fs::read_to_string(&saved)
        .unwrap()
        .replace('\n', "\n\n");
    let spaced = file(folder.path(), "spaced.jsonl", spaced);
    let run = output(
        labrpc()
            .args(["survey", "--list", "--only-failed"])
            .arg(&spaced),
    );
    assert_eq!((run.status, run.stdout.lines().count()), (0, 2), "{run:?}");
    // One line is one endpoint.
    let many = std::fs::read_to_string(&saved).unwrap();
    let many = many.replace(&format!("{network}3:1024"), "0.0.0.0/0");
    let many = file(folder.path(), "many.jsonl", many);
    let run = output(labrpc().args(["survey", "--only-failed"]).arg(&many));
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("many.jsonl:2: "), "{run:?}");
    assert!(
        run.stderr
            .contains("4294967296 endpoints where one is meant"),
        "{run:?}"
    );

    let ranked = output(labrpc().args(["rank", "--format", "json"]).arg(&saved));
    assert_eq!(json(&ranked)["summary"]["ok"], 1);
    let damaged = std::fs::read_to_string(&saved)
        .unwrap()
        .replace("\"line\":2", "\"line\":two");
    let damaged = file(folder.path(), "damaged.jsonl", damaged);
    let run = output(labrpc().args(["survey", "--only-failed"]).arg(&damaged));
    assert_eq!(run.status, 2);
    assert!(
        run.stderr
            .contains("damaged.jsonl:2: not a JSON object of the expected form: expected ident"),
        "{run:?}"
    );
}

/// `count` people, no two of them identical.
fn crowd(count: usize) -> String {
    let rows = (0..count).map(|n| format!("p{n:03},{},{},M\n", 100 + n % 100, 20 + 3 * n));
    "id,height,weight,size\n".to_owned() + &rows.collect::<String>()
}

#[test]
fn top_limits_the_list_and_omitted_pairs_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let people = file(folder.path(), "people.csv", crowd(200));
    let rank = |arguments: &[&str]| {
        let output = output(labrpc().arg("rank").arg(&people).args(arguments));
        assert_eq!(output.status, 0, "{output:?}");
        output.stdout
    };
    let listed = |table: &str| table.matches(": distance ").count();
    assert_eq!(listed(&rank(&["--top", "150"])), 150);
    assert_eq!(listed(&rank(&["--like", "p007", "--top", "150"])), 150);
    let page = rank(&["--like", "p007", "--top", "150", "--format", "html"]);
    assert!(
        page.contains("And 120 more pairs."),
        "{}",
        &page[page.len() - 3000..]
    );
    assert!(page.contains("<h2>Most like p007</h2>"));

    // CSV has one table: the one that was asked for, or none.
    let csv = rank(&["--like", "p007", "--top", "3", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(
        csv.lines().skip(1).all(|line| line.contains("p007")),
        "{csv}"
    );
    let mut absent = labrpc();
    absent
        .arg("rank")
        .arg(&people)
        .args(["--like", "absent", "--format", "csv"]);
    let absent = output(&mut absent);
    assert_eq!((absent.status, absent.stdout.lines().count()), (2, 1));
    let two = output(
        labrpc()
            .args(["rank", "--twins", "--per-person", "--format", "csv"])
            .arg(&people),
    );
    assert_eq!(two.status, 2);
    assert!(two.stderr.contains("CSV holds one table"), "{two:?}");
}

/// People at distance 0 may differ in a field of weight 0.
#[test]
fn pairs_at_distance_zero_are_listed_unless_their_group_is() {
    let folder = tempfile::tempdir().unwrap();
    let size = |n: usize| ["S", "M", "L"][n.min(2)];
    // Nine of one build, of which seven have one size as well.
    let rows = (0..9).map(|n| format!("p{n},178,60,{}\n", size(n)));
    let rows = "id,height,weight,size\n".to_owned() + &rows.collect::<String>();
    let people = file(folder.path(), "people.csv", rows);
    let rank = |format: &str| {
        output(
            labrpc()
                .args(["rank", "--weights", "size=0", "--format", format])
                .arg(&people),
        )
        .stdout
    };
    assert!(
        rank("table").contains("p0 and p1: distance 0"),
        "{}",
        rank("table")
    );
    assert!(
        rank("html").contains("</span> p0 and p1</h3>"),
        "no pair of different sizes is shown"
    );
}

#[test]
fn wait_retries_until_the_server_is_up() {
    let at = dead_address();
    let mut survey = labrpc();
    survey
        .args(["survey", &at, "--wait", "60", "--format", "json"])
        .stdout(Stdio::piped());
    let survey = survey.spawn().unwrap();
    let _late = Running::serve(["--listen", &at]);
    let output = survey.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn interrupted_survey_writes_a_partial_report() {
    let quick = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = |listener: &std::net::TcpListener| listener.local_addr().unwrap().to_string();
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let mut command = labrpc();
        command.args([
            "survey",
            &address(&quick),
            &address(&mute),
            "--max-time",
            "60",
        ]);
        command
            .args(["--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let (held, _) = mute.accept().unwrap();
        let (mut answering, _) = quick.accept().unwrap();
        let person = br#"{"id":"1","height":178,"weight":60,"size":"L"}"#;
        answering.write_all(person).unwrap();
        answering.shutdown(Shutdown::Write).unwrap();
        // The client closes after parsing the answer, so that only the signal can end the run now.
        let _ = answering.read_to_end(&mut Vec::new());
        let pid = child.id().to_string();
        support::output(std::process::Command::new("kill").args(["-s", signal, &pid]));
        let output = child.wait_with_output().unwrap();
        drop(held);
        assert_eq!(output.status.code(), Some(status));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let outcome = |index: usize| &report["endpoints"][index]["outcome"];
        assert_eq!(
            (outcome(0), outcome(1)),
            (&"ok".into(), &"cancelled".into())
        );
    }
}

#[test]
fn flag_overrides_variable_and_variable_overrides_file() {
    let folder = tempfile::tempdir().unwrap();
    let me = "id = \"file\"\nheight = 170\nweight = 60\nsize = \"M\"\n";
    file(folder.path(), "profile.toml", me);
    let mut command = labrpc();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--size", "xl"])
        .current_dir(folder.path());
    command.envs([("LABRPC_SIZE", "S"), ("LABRPC_WEIGHT", "61.5")]);
    let server = Running::start(&mut command, |line| line.contains("grpcurl "));
    let report = json(&run(["survey", server.address(), "--format", "json"]));
    assert_eq!(
        report["endpoints"][0]["profile"].to_string(),
        r#"{"id":"file","height":170.0,"weight":61.5,"size":"XL"}"#
    );
}

#[test]
fn invalid_profiles_and_addresses_are_rejected_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let bad = |name: &str, text: &str| file(folder.path(), name, text).display().to_string();
    let table: Vec<(Vec<String>, &str)> = vec![
        (
            vec!["--id".into(), "1".into()],
            "the profile has no height, no weight, no size",
        ),
        (vec!["--height".into(), "1.78".into()], "is that in metres?"),
        (
            vec!["--weight".into(), "-60".into()],
            "weight -60 is not within 10 to 650 kg",
        ),
        (
            vec!["--size".into(), "huge".into()],
            "size \"huge\" is none of XXS",
        ),
        (
            vec!["--profile".into(), "/nonexistent".into()],
            "/nonexistent: ",
        ),
        (
            vec!["--profile".into(), bad("a", "id = \"1\"\nheight = 178\n")],
            "a: weight and size are missing",
        ),
        (
            vec!["--profile".into(), bad("b", "id = \"1\"\nheigth = 178\n")],
            "b: the key \"heigth\" is unknown",
        ),
        (
            vec!["--profile".into(), bad("c", "id = 1\n")],
            "size are missing; id must be text in quotes",
        ),
        (vec!["--profile".into(), bad("d", "id \x1b[2J")], "d:1: "),
        (
            vec!["--listen".into(), "nowhere:1024".into()],
            "is not an address to listen on",
        ),
        (
            vec!["--listen".into(), "192.0.2.1:1024".into()],
            "cannot listen on 192.0.2.1:1024",
        ),
        (
            vec!["--accept".into(), "telnet".into()],
            "\"telnet\" is not a protocol",
        ),
        (
            vec!["--allow".into(), "10.0.0.0/33".into()],
            "'10.0.0.0/33' for '--allow <CIDR>': a network is an address, a slash and a prefix",
        ),
    ];
    for (arguments, expected) in table {
        let output = output(
            labrpc()
                .arg("serve")
                .args(&arguments)
                .current_dir(folder.path()),
        );
        assert!([1, 2].contains(&output.status), "{arguments:?} {output:?}");
        assert!(output.stderr.contains(expected), "{arguments:?} {output:?}");
        assert!(!output.stderr.contains('\x1b'), "{output:?}");
    }
}

#[test]
fn sample_profile_is_served_with_a_warning() {
    let server = Running::serve(["--listen", "127.0.0.1:0"]);
    assert!(
        server.said[0].starts_with("warning: no profile was given"),
        "{:?}",
        server.said
    );
    assert!(
        server.said[1].starts_with("hint: labrpc serve --id "),
        "{:?}",
        server.said
    );
}

#[test]
fn init_writes_a_profile_from_answers_on_stdin() {
    let folder = tempfile::tempdir().unwrap();
    let answers = file(
        folder.path(),
        "answers",
        "张三\n1001\n1.78\n178\n60.5\nhuge\nxl\n",
    );
    let init = || {
        output(
            labrpc()
                .arg("init")
                .current_dir(folder.path())
                .stdin(std::fs::File::open(&answers).unwrap()),
        )
    };
    let first = init();
    assert_eq!(first.status, 0, "{first:?}");
    assert!(
        first.stderr.contains("is that in metres? send centimetres"),
        "{first:?}"
    );
    let written = folder.path().join("profile.toml");
    assert_eq!(
        std::fs::read_to_string(&written).unwrap(),
        "id = \"1001\"\nheight = 178\nweight = 60.5\nsize = \"XL\"\n"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            written.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    assert_eq!(init().status, 2, "nothing is overwritten");
    let mut serve = labrpc();
    serve
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path());
    let server = Running::start(&mut serve, |line| line.contains("grpcurl "));
    let report = json(&run(["survey", server.address(), "--format", "json"]));
    assert_eq!(report["endpoints"][0]["profile"]["id"], "1001");

    std::fs::remove_file(&written).unwrap();
    file(folder.path(), "answers", "1001\n");
    assert_eq!(init().status, 2, "the answers end too early");
    assert!(!written.exists());
}

#[test]
fn signal_ends_a_server_with_status_zero() {
    for signal in ["INT", "TERM"] {
        let mut server = person("1");
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn misspelled_flags_are_answered_with_the_right_spelling() {
    // `-h` and `-o` are flags as well: clap alone would print the help, or write to `utput`.
    for (arguments, flag) in [
        (["survey", "-max-time=3", "127.0.0.1"], "--max-time=3"),
        (["survey", "-hosts", "hosts.txt"], "--hosts"),
        (["serve", "-height", "178"], "--height"),
        (["survey", "127.0.0.1", "-output"], "--output"),
    ] {
        let output = run(arguments);
        let expected = format!("hint: long flags have two dashes: {flag}\n");
        assert_eq!((output.status, &*output.stdout), (2, ""));
        assert!(output.stderr.ends_with(&expected), "{output:?}");
    }
    let output = run(["survey", "--max-tme", "3"]);
    assert!(output.stderr.contains("'--max-time'"), "{output:?}");
}

#[test]
fn numbers_out_of_range_are_explained_without_words_of_the_language() {
    for arguments in [
        ["survey", "--concurrency", "0"],
        ["survey", "--rate", "many"],
        ["survey", "--demo", "0"],
        ["lab", "--seats", "0"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status, 2);
        let expected = "it must be a whole number from 1\n";
        assert!(output.stderr.contains(expected), "{output:?}");
    }
}

#[test]
fn former_name_of_a_flag_is_accepted_and_hidden() {
    let server = Running::serve(["--listen", "127.0.0.1:0", "--accept", "grpc,raw"]);
    let output = run(["get", server.address()]);
    assert_eq!(output.status, 0, "{output:?}");
    let help = run(["serve", "--help"]).stdout;
    assert!(help.contains("--protocols") && !help.contains("--accept"));
}

#[test]
fn hint_of_an_empty_host_list_names_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let empty = file(folder.path(), "hosts.txt", "# none yet\n");
    let empty = empty.display().to_string();
    for (command, arguments, hint) in [
        ("survey", vec![], "give endpoints, or --hosts FILE"),
        (
            "board",
            vec!["--hosts", &empty],
            "the files of --hosts hold no",
        ),
        ("survey", vec!["h", "-x", "h"], "every endpoint is excluded"),
    ] {
        let output = output(labrpc().arg(command).args(&arguments));
        assert_eq!(output.status, 2, "{output:?}");
        let expected = format!("error: no endpoints to ask\nhint: {hint}");
        assert!(output.stderr.starts_with(&expected), "{output:?}");
    }
}

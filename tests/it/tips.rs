//! What is answered to a slip of the hand: other tools' flags, files in the place of endpoints, wrong variables. And
//! how much is printed at all.

use std::fs;

use crate::support::{Running, file, labrpc, output, run, without_times};

#[test]
fn flags_of_other_tools_are_answered_with_the_flag_that_is_meant() {
    for (arguments, tip) in [
        (
            &["survey", "127.0.0.1", "--timeout", "5"][..],
            "'--max-time'",
        ),
        (&["check", "127.0.0.1", "--json"], "'--format json'"),
        (&["survey", "127.0.0.1", "--no-progress"], "'--quiet'"),
        (&["serve", "--verbose"], "'--log debug'"),
        (
            &["serve", "--port", "1024"],
            "a port is part of the address: --listen PORT",
        ),
        (
            &["survey", "127.0.0.1", "--port", "1024"],
            "a port is part of the endpoint: HOST:PORT",
        ),
        (&["survey", "-help"], "long flags have two dashes: --help"),
        (
            &["get", "-plaintext", "127.0.0.1"],
            "long flags have two dashes: --plaintext",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status, 2, "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(tip), "{arguments:?}: {output:?}");
    }
}

#[test]
fn files_in_the_place_of_endpoints_and_reports_in_the_place_of_host_lists_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let run_in = |arguments: &[&str]| output(labrpc().args(arguments).current_dir(folder.path()));
    file(folder.path(), "hosts.txt", "127.0.0.1\n");
    for name in ["run.jsonl", "run.json", "run.csv", "run.html"] {
        let made = run_in(&["survey", "--demo", "2", "-o", name]);
        assert_eq!(made.status, 0, "{made:?}");
    }
    for (arguments, error, hint) in [
        (
            &["survey", "hosts.txt"][..],
            "hosts.txt is a file, not an endpoint",
            "did you mean --hosts hosts.txt?",
        ),
        (
            &["check", "hosts.txt"],
            "hosts.txt is a file",
            "did you mean --hosts hosts.txt?",
        ),
        (
            &["survey", "--hosts", "run.jsonl"],
            "run.jsonl is a saved run, not a host list",
            "give --only-failed run.jsonl",
        ),
        (
            &["survey", "--hosts", "run.json"],
            "run.json is a saved run",
            "labrpc rank run.json",
        ),
        (
            &["survey", "--hosts", "run.csv"],
            "run.csv is a table of answers",
            "labrpc rank run.csv",
        ),
        (
            &["survey", "--hosts", "run.html"],
            "run.html is a web page",
            "one expression a line",
        ),
    ] {
        let output = run_in(arguments);
        assert_eq!(output.status, 2, "{arguments:?}: {output:?}");
        assert_eq!(output.stderr.lines().count(), 2, "{output:?}");
        assert!(output.stderr.contains(error), "{output:?}");
        assert!(output.stderr.contains(hint), "{output:?}");
    }
    // A host may have any other name, whether or not there is a file of that name.
    fs::write(folder.path().join("localhost"), "").unwrap();
    let output = run_in(&["survey", "--list", "localhost"]);
    assert_eq!(output.stdout, "localhost:1024\n", "{output:?}");
}

#[test]
fn wrong_variable_is_named_and_an_empty_one_is_ignored() {
    let survey = |name: &str, value: &str| {
        output(
            labrpc()
                .args(["survey", "--list", "127.0.0.1"])
                .env(name, value),
        )
    };
    for (name, value) in [
        ("LABRPC_FORMAT", "xml"),
        ("LABRPC_MAX_TIME", "soon"),
        ("LABRPC_COLOR", "red"),
    ] {
        let wrong = survey(name, value);
        assert_eq!(wrong.status, 2, "{wrong:?}");
        let tip = format!("the value is that of the variable {name}");
        assert!(wrong.stderr.contains(&tip), "{wrong:?}");
        assert_eq!(survey(name, "").status, 0, "{name}");
    }
    let typed = run(["survey", "--list", "127.0.0.1", "--format", "xml"]);
    assert!(!typed.stderr.contains("variable"), "{typed:?}");
}

#[test]
fn quiet_leaves_only_errors_on_standard_error() {
    let server = Running::serve(["--listen", "127.0.0.1:0"]);
    let loud = run(["survey", server.address()]);
    let quiet = run(["survey", server.address(), "--quiet"]);
    assert_ne!(loud.stderr, "");
    assert_eq!((quiet.status, &*quiet.stderr), (0, ""), "{quiet:?}");
    assert_eq!(without_times(&quiet.stdout), without_times(&loud.stdout));
    let wrong = run(["-q", "survey", "127.0.0.300"]);
    assert_eq!(wrong.status, 2, "{wrong:?}");
    assert!(wrong.stderr.starts_with("error: "), "{wrong:?}");
}

#[test]
fn color_flag_overrides_terminal_and_variables() {
    let colored = |arguments: &[&str], force: bool| {
        let mut command = labrpc();
        command.args(arguments);
        if force {
            command.env("CLICOLOR_FORCE", "1");
        }
        let output = output(&mut command);
        (output.stdout + &output.stderr).contains('\x1b')
    };
    let dead = "127.0.0.1:1";
    assert!(!colored(&["check", dead], false));
    assert!(colored(&["check", dead, "--color", "always"], false));
    assert!(colored(&["check", dead], true));
    assert!(!colored(&["check", dead, "--color=never"], true));
    // Messages about the command line itself.
    assert!(colored(
        &["check", "--nonsense", "--color", "always"],
        false
    ));
    assert!(!colored(&["check", "--nonsense", "--color", "never"], true));
}

#[test]
fn errors_of_the_system_have_no_numbers() {
    for arguments in [
        &["survey", "--hosts", "/nonexistent/hosts.txt"][..],
        &["serve", "--profile", "/nonexistent/profile.toml"],
        &["serve", "--listen", "192.0.2.1:1024"],
        &["rank", "/nonexistent/run.jsonl"],
        &["get", "127.0.0.1", "--cacert", "/nonexistent/ca.pem"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status, 1, "{output:?}");
        assert!(output.stderr.contains("error: "), "{output:?}");
        assert!(!output.stderr.contains("os error"), "{output:?}");
    }
}

#[test]
fn errors_are_broken_at_words_to_the_width_of_the_terminal() {
    let output = output(
        labrpc()
            .args(["survey", "--hosts", "/nonexistent/folder/hosts.txt"])
            .env("COLUMNS", "40"),
    );
    assert_eq!(
        output.stderr,
        "error: cannot read\n       /nonexistent/folder/hosts.txt: No\n       such file or directory\n"
    );
}

#[test]
fn log_in_json_has_no_other_lines() {
    let mut serve = labrpc();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    let server = Running::start(&mut serve, |line| line.contains("grpcurl "));
    for line in &server.said {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["fields"]["message"].is_string(), "{line}");
        assert!(event["timestamp"].is_string(), "{line}");
    }
}

#[test]
fn board_prints_every_address_and_takes_a_port_or_an_address_alone() {
    let board = |listen: &str| {
        let mut board = labrpc();
        board.args(["board", "--demo", "2", "--anonymous", "--listen", listen]);
        let board = Running::start(&mut board, |line| line.contains("http://127.0.0.1:"));
        board.said.join("\n")
    };
    let own = board("0");
    assert!(own.starts_with("open http://127.0.0.1:"), "{own}");
    let all = board("0.0.0.0:0");
    assert!(!all.contains("http://0.0.0.0"), "{all}");
    for (arguments, error) in [
        (["--listen", "here"], "an IP address, or a port"),
        (["--every", "0"], "longer than 0"),
    ] {
        let wrong = run(["board", "127.0.0.1"].iter().chain(&arguments));
        assert_eq!(wrong.status, 2, "{wrong:?}");
        assert!(wrong.stderr.contains(error), "{wrong:?}");
    }
}

#[test]
fn table_shows_ten_of_many_tied_pairs_and_how_to_see_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut people = "id,height,weight,size\n".to_owned();
    for person in 0..14 {
        people += &format!("p{person:02},{},60,L\n", 150 + person);
    }
    let people = file(folder.path(), "people.csv", people);
    let rank = |top: &[&str]| output(labrpc().arg("rank").arg(&people).args(top)).stdout;
    let pairs = |text: &str| text.matches(": distance 7,").count();
    let short = rank(&[]);
    assert_eq!(pairs(&short), 10, "{short}");
    assert!(
        short.ends_with("\nand 3 more pairs; --top 13 shows them\n"),
        "{short}"
    );
    let long = rank(&["--top", "13"]);
    assert_eq!(pairs(&long), 13, "{long}");
}

#[test]
fn options_without_an_effect_are_warned_of() {
    for (arguments, warning) in [
        (
            &["survey", "--list", "127.0.0.1", "-x", "10.9.9.9"][..],
            "warning: --exclude takes out none of the endpoints\n",
        ),
        (
            &["survey", "127.0.0.1:1", "--min-ok", "5"],
            "warning: --min-ok 5 cannot be met by a list of 1\n",
        ),
    ] {
        let output = run(arguments);
        assert!(output.stderr.starts_with(warning), "{output:?}");
    }
}

#[test]
fn tables_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = "id,height,weight,size\na,178,60,L\n";
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for (content, mistake) in [
        (utf16, "the file is UTF-16"),
        (
            text.replace(',', ";").into_bytes(),
            "separated by semicolons",
        ),
    ] {
        let table = file(folder.path(), "people.csv", content);
        let refused = output(labrpc().arg("rank").arg(table));
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains(mistake), "{refused:?}");
    }
}

#[test]
fn people_nearest_to_one_are_listed_without_it_and_an_unknown_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let people = "id,height,weight,size\na,170,60,L\nm,175,60,L\nz,181,60,L\n";
    let people = file(folder.path(), "people.csv", people);
    let like = |id: &str| output(labrpc().arg("rank").arg(&people).args(["--like", id]));
    let found = like("m");
    assert_eq!(found.status, 0, "{found:?}");
    for line in [
        "  1. a: distance 35,",
        "height 175 and 170 cm",
        "  2. z: distance 42,",
        "height 175 and 181 cm",
    ] {
        assert!(found.stdout.contains(line), "{line}: {}", found.stdout);
    }
    let unknown = like("x");
    assert_eq!(unknown.status, 2, "{unknown:?}");
    assert!(
        unknown.stdout.contains("no profile with the id x"),
        "{unknown:?}"
    );
}

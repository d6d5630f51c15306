//! `--output`: when a report is opened, in which form it is written, and what is left when that fails.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::{fs::symlink, process::ExitStatusExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::Value;

use crate::support::{self, Output, Running, file, labrpc, network, output, under, without_times};

const PEOPLE: &str = "id,height,weight,size\na,178,60,L\nb,177,61,L\nc,177,61,L\n";

/// `labrpc`, ended by force if it does not end by itself; a signal reaches it, once.
fn bounded() -> Command {
    let words = ["timeout", "--foreground", "--signal=KILL", "60"];
    let mut command = under(&words, &labrpc());
    command.stdin(Stdio::null());
    command
}

/// A server whose one connection the test holds: the survey is running for as long as it is not answered.
struct Held(TcpListener);

impl Held {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn accept(&self) -> TcpStream {
        self.0.accept().unwrap().0
    }
}

/// Answers as a server of the original exercise does.
fn answer(mut connection: TcpStream) {
    let person = br#"{"id":"1","height":178,"weight":60,"size":"L"}"#;
    connection.write_all(person).unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    // The client closes after parsing the answer.
    let _ = connection.read_to_end(&mut Vec::new());
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: Result<fs::DirEntry, _>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = folder.read_dir().unwrap().map(name).collect();
    names.sort();
    names
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = output(Command::new("kill").args(["-s", name, &pid]));
    assert_eq!(sent.status, 0);
}

fn ended(child: Child) -> Output {
    let output = child.wait_with_output().unwrap();
    Output {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn unwritable_output_is_refused_before_anything_is_asked_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = Held::new();
    server.0.set_nonblocking(true).unwrap();
    let missing = folder.path().join("missing/x.html");
    let cases = [
        (missing.as_path(), "the folder does not exist"),
        (folder.path(), "it is a folder"),
    ];
    for (path, reason) in cases {
        let expected = format!("error: cannot write {}: {reason}\n", path.display());
        let survey = output(
            bounded()
                .args(["survey", &server.address(), "-o"])
                .arg(path),
        );
        assert_eq!((survey.status, survey.stderr), (1, expected.clone()));
        let connected = server.0.accept();
        assert_eq!(
            connected.unwrap_err().kind(),
            std::io::ErrorKind::WouldBlock
        );
        let rank = output(bounded().args(["rank", "/nonexistent", "-o"]).arg(path));
        assert_eq!((rank.status, rank.stderr), (1, expected));
    }
}

#[test]
fn report_goes_to_stdout_when_its_file_cannot_be_written_in_the_end() {
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let survey = output(labrpc().args(["survey", seat.address(), "-o", "/dev/full"]));
    assert_eq!(survey.status, 1, "{survey:?}");
    assert!(survey.stdout.contains("1 of 1 answered"), "{survey:?}");
    let expected = "error: cannot write /dev/full: No space left on device\n";
    assert!(survey.stderr.ends_with(expected), "{survey:?}");

    // The folder is gone when the survey ends, and what can be written is written.
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    fs::create_dir(&gone).unwrap();
    let (server, html) = (Held::new(), folder.path().join("report.html"));
    let mut survey = bounded();
    survey.args(["survey", &server.address(), "-o"]);
    survey.arg(gone.join("run.jsonl")).arg("-o").arg(&html);
    let survey = survey.stdout(Stdio::piped()).stderr(Stdio::piped());
    let survey = survey.spawn().unwrap();
    let connection = server.accept();
    fs::remove_dir_all(&gone).unwrap();
    answer(connection);
    let survey = ended(survey);
    assert_eq!(survey.status, 1, "{survey:?}");
    let header: Value = serde_json::from_str(survey.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(header["labrpc_run"], 1);
    assert!(!survey.stderr.contains(".partial"), "{survey:?}");
    assert_eq!(names(folder.path()), ["report.html"]);

    let people = file(folder.path(), "people.csv", PEOPLE);
    let rank = output(labrpc().arg("rank").arg(people).args(["-o", "/dev/full"]));
    assert_eq!(rank.status, 1);
    assert!(rank.stdout.contains("Most alike"), "{rank:?}");
}

/// Ranks the people in a folder, which is the current one for the reports.
fn rank_in(folder: &Path, arguments: &[&str]) -> Output {
    let people = file(folder, "people.csv", PEOPLE);
    let mut command = labrpc();
    command.arg("rank").arg(people).args(arguments);
    output(command.current_dir(folder))
}

#[test]
fn format_follows_the_file_name_unless_they_contradict() {
    let folder = tempfile::tempdir().unwrap();
    let rank = |arguments: &[&str]| rank_in(folder.path(), arguments);
    for (name, format, beginning) in [
        ("a.html", None, "<!doctype html>"),
        ("a.HTML", None, "<!doctype html>"),
        ("a.json", Some("json"), "{\n"),
        ("a.jsonl", None, "{\"labrpc_run\":1"),
        ("a.csv", None, "rank,a,b,"),
        ("a.txt", None, "3 people"),
        ("a.log", None, "3 people"),
        ("a.log", Some("csv"), "rank,a,b,"),
    ] {
        let format = format.map_or(vec![], |format| vec!["--format", format]);
        let rank = rank(&[&format[..], &["-o", name]].concat());
        assert_eq!((rank.status, &*rank.stdout), (0, ""), "{name} {rank:?}");
        assert_eq!(rank.stderr, format!("wrote {name}\n"));
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.to_lowercase().starts_with(beginning), "{name}: {text}");
    }
    let refused = rank(&["--format", "csv", "-o", "b.html"]);
    assert_eq!(refused.status, 2);
    assert!(
        refused
            .stderr
            .starts_with("error: --format csv contradicts the name b.html\n"),
        "{refused:?}"
    );
    // One table: the people nearest to one, or the nearest neighbour of each, wherever the CSV goes.
    let two = rank(&["--twins", "--per-person", "-o", "b.csv"]);
    assert_eq!(two.status, 2);
    assert!(two.stderr.contains("CSV holds one table"), "{two:?}");
    assert!(!folder.path().join("b.html").exists() && !folder.path().join("b.csv").exists());
}

#[test]
fn several_reports_are_written_each_in_its_own_format() {
    let folder = tempfile::tempdir().unwrap();
    let rank = |arguments: &[&str]| rank_in(folder.path(), arguments);
    let rank_all = rank(&["-o", "-", "-o", "a.html", "-o", "b.jsonl"]);
    assert_eq!(rank_all.status, 0, "{rank_all:?}");
    assert!(rank_all.stdout.starts_with("3 people"), "{rank_all:?}");
    assert_eq!(rank_all.stderr, "wrote a.html\nwrote b.jsonl\n");
    assert_eq!(names(folder.path()), ["a.html", "b.jsonl", "people.csv"]);
    let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(text("a.html").starts_with("<!"));
    assert!(text("b.jsonl").starts_with("{\"labrpc_run\":1"));
    for twice in [["-o", "-", "-o", "-"], ["-o", "c", "-o", "./c"]] {
        let refused = rank(&twice);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains("twice"), "{refused:?}");
    }
    assert_eq!(names(folder.path()), ["a.html", "b.jsonl", "people.csv"]);
}

#[test]
fn stderr_ends_with_the_outcomes_that_standard_output_does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let dead = network();
    let survey = |arguments: &[&str]| {
        let mut command = labrpc();
        command.args(["survey", seat.address(), &format!("{dead}1-3")]);
        output(command.args(arguments).current_dir(folder.path()))
    };
    let table = survey(&[]);
    let (outcomes, _) = table.stdout.split_once("\n\nAt least two").unwrap();
    assert!(outcomes.starts_with(&format!("{dead}[1-3] (3): refused")));
    assert!(
        outcomes.contains("\n\n1 of 4 answered\nanswer time: "),
        "{outcomes}"
    );
    // One reader may see both.
    assert!(table.stderr.contains(" s\n1 of 4 answered\n"), "{table:?}");
    assert!(!table.stderr.contains("refused"), "{table:?}");
    let saved = survey(&["-o", "report.html", "-o", "run.jsonl"]);
    assert_eq!((saved.status, &*saved.stdout), (3, ""));
    let outcomes = without_times(outcomes);
    let end = format!(" s\n{outcomes}wrote report.html\nwrote run.jsonl\n");
    assert!(without_times(&saved.stderr).ends_with(&end), "{saved:?}");
}

/// The thread that writes is blocked by a full pipe, or by one without a reader.
#[test]
fn signals_end_a_survey_whose_output_blocks() {
    let dead = format!("{}1-254", network());
    let survey = |to: Option<&Path>, signals: &'static [&'static str], status: i32| {
        let mut survey = bounded();
        // More than a pipe holds.
        survey.args(["survey", &dead, "--format", "json"]);
        if let Some(path) = to {
            survey.arg("-o").arg(path);
        }
        survey.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut survey = survey.spawn().unwrap();
        let mut said = BufReader::new(survey.stderr.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().starts_with("asked ")));
        for name in signals {
            signal(&survey, name);
        }
        thread::spawn(move || {
            // Standard output is held open and not read.
            let _said = said;
            assert_eq!(survey.wait().unwrap().code(), Some(status), "{signals:?}");
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert_eq!(output(Command::new("mkfifo").arg(&pipe)).status, 0);
    let surveys = [
        survey(None, &["INT"], 130),
        survey(None, &["TERM", "TERM"], 143),
        survey(Some(&pipe), &["TERM"], 143),
    ];
    for survey in surveys {
        survey.join().unwrap();
    }

    let people = file(folder.path(), "people.csv", PEOPLE);
    let mut rank = labrpc();
    let rank = rank.arg("rank").arg(people).arg("-o").arg(&pipe);
    let mut rank = rank.spawn().unwrap();
    signal(&rank, "TERM");
    assert_eq!(rank.wait().unwrap().signal(), Some(15));
}

#[test]
fn dangling_link_stays_and_its_target_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let people = file(folder.path(), "people.csv", PEOPLE);
    fs::create_dir(folder.path().join("sub")).unwrap();
    let link = folder.path().join("link");
    symlink("sub/second", &link).unwrap();
    symlink("behind", folder.path().join("sub/second")).unwrap();
    let rank = output(labrpc().arg("rank").arg(people).arg("-o").arg(&link));
    assert_eq!(rank.status, 0, "{rank:?}");
    assert!(link.is_symlink());
    let written = fs::read_to_string(folder.path().join("sub/behind")).unwrap();
    assert!(written.contains("Most alike"));

    let circle = folder.path().join("circle.csv");
    symlink("circle.csv", &circle).unwrap();
    let refused = output(labrpc().args(["rank", "-", "-o"]).arg(&circle));
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("too many links"), "{refused:?}");
}

#[test]
fn leftover_of_a_killed_run_is_replaced_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "run.jsonl", "the old one");
    let server = Held::new();
    let survey = || {
        let mut survey = labrpc();
        survey.args(["survey", &server.address(), "-o"]).arg(&path);
        let survey = survey.stderr(Stdio::null()).spawn().unwrap();
        (survey, server.accept())
    };
    let (mut killed, _held) = survey();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(names(folder.path()), ["run.jsonl", "run.jsonl.partial"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "the old one");
    let (mut next, connection) = survey();
    answer(connection);
    assert_eq!(next.wait().unwrap().code(), Some(0));
    assert_eq!(names(folder.path()), ["run.jsonl"]);
    assert!(fs::read_to_string(&path).unwrap().contains("labrpc_run"));
}

#[test]
fn run_that_was_overtaken_does_not_replace_the_file_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.csv");
    let servers = [Held::new(), Held::new()];
    let [first, second] = servers.each_ref().map(|server| {
        let mut survey = labrpc();
        survey.args(["survey", &server.address(), "-o"]).arg(&path);
        survey.stdout(Stdio::piped()).stderr(Stdio::piped());
        (survey.spawn().unwrap(), server.accept())
    });
    // The first one ends while the second one still asks, whose file must not be taken for the first one's.
    answer(first.1);
    let first = ended(first.0);
    assert_eq!(first.status, 1, "{first:?}");
    assert!(first.stdout.starts_with("line,endpoint,"), "{first:?}");
    assert!(!path.exists());
    answer(second.1);
    assert_eq!(ended(second.0).status, 0);
    assert_eq!(names(folder.path()), ["run.csv"]);
    let report = fs::read_to_string(&path).unwrap();
    assert!(report.contains(&servers[1].address()), "{report}");
}

#[test]
fn dash_is_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let people = file(folder.path(), "people.csv", PEOPLE);
    let mut rank = labrpc();
    rank.arg("rank").arg(people).args(["-o", "-"]);
    let rank = output(rank.current_dir(folder.path()));
    assert!(rank.stdout.contains("Most alike"), "{rank:?}");
    assert_eq!(names(folder.path()), ["people.csv"]);
}

/// What is written to a terminal is shown; nothing of it is repeated.
#[test]
fn outcomes_are_not_repeated_on_a_terminal_that_shows_the_report() {
    let Some(script) = support::tool("script") else {
        return;
    };
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let command = format!(
        "'{}' survey {}",
        env!("CARGO_BIN_EXE_labrpc"),
        seat.address()
    );
    let shown = output(
        Command::new(script)
            .args(["-qec", &command, "/dev/null"])
            .stdin(Stdio::null()),
    );
    assert_eq!(
        shown.stdout.matches("answer time: ").count(),
        1,
        "{shown:?}"
    );
}

#[test]
fn anonymous_reports_have_a_title_and_pseudonyms_and_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let people = file(folder.path(), "people.csv", PEOPLE);
    let page = folder.path().join("page.html");
    let anonymous = |arguments: &[&str]| {
        let mut command = bounded();
        command
            .arg("rank")
            .arg(&people)
            .arg("--anonymous")
            .args(arguments);
        output(&mut command)
    };
    let name = page.to_str().unwrap();
    let written = anonymous(&["--title", "Class 3b <2>", "-o", name, "-o", "-"]);
    assert_eq!(written.status, 0, "{}", written.stderr);
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("<b>Class 3b &#60;2&#62;</b>"), "{text}");
    for text in [&text, &written.stdout] {
        for value in ["177", "178", "61 kg", "b and c"] {
            assert!(!text.contains(value), "{value}: {text}");
        }
        assert!(text.contains("100 %"), "{text}");
    }
    // A saved run would have what is hidden.
    for format in ["json", "jsonl", "csv"] {
        let refused = anonymous(&["--format", format]);
        assert_eq!(refused.status, 2, "{format}");
        assert!(
            refused
                .stderr
                .contains("--anonymous is for tables and pages")
        );
    }
}

//! Commands with unusual terminals, pipes, files, signals and environment variables.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines, Read as _, Write as _},
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _, symlink},
        process::ExitStatusExt as _,
    },
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    thread,
};

use labrpc::tls::ca;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::{self, Running, file, labrpc, network, output, run, under};

const PEOPLE: &str = "id,height,weight,size\na,178,60,L\nb,177,61,L\nc,177,61,L\n";

/// `labrpc`, ended by force if it does not end by itself; signals reach it all the same.
fn bounded() -> Command {
    let mut command = under(&["timeout", "--signal=KILL", "60"], &labrpc());
    command.stdin(Stdio::null());
    command
}

fn made_pipe(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("pipe");
    assert_eq!(output(Command::new("mkfifo").arg(&path)).status, 0);
    path
}

#[test]
fn typed_flag_overrides_a_conflicting_variable() {
    let dead = format!("{}1", network());
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], i32, &'a str);
    let cases: &[Case<'_>] = &[
        // Of two that exclude each other the typed one wins.
        (
            &[("LABRPC_HOSTS", "/nonexistent")],
            &["survey", "--demo", "2", "--list"],
            0,
            "",
        ),
        (
            &[("LABRPC_INSECURE", "true")],
            &["get", &dead, "--cacert", "/nonexistent/ca.pem"],
            1,
            "/nonexistent/ca.pem",
        ),
        (
            &[("LABRPC_CACERT", "/nonexistent/ca.pem")],
            &["survey", &dead, "--plaintext"],
            4,
            "",
        ),
        (
            &[("LABRPC_PLAINTEXT", "false")],
            &["survey", &dead, "--insecure"],
            4,
            "",
        ),
        // The variables of a server's certificate do not apply to a client.
        (
            &[("LABRPC_SERVE_CERT", "x"), ("LABRPC_SERVE_KEY", "x")],
            &["survey", &dead],
            4,
            "",
        ),
        // Not a setting, so not a variable.
        (&[("LABRPC_LIST", "1")], &["survey", &dead], 4, ""),
        (&[("LABRPC_INSECURE", "1")], &["survey", &dead], 4, ""),
        (&[("LABRPC_INSECURE", "no")], &["survey", &dead], 4, ""),
        (
            &[("LABRPC_INSECURE", "perhaps")],
            &["survey", &dead],
            2,
            "perhaps",
        ),
        // Two typed flags that conflict are an error.
        (
            &[],
            &["survey", "--demo", "2", "--hosts", "x"],
            2,
            "cannot be used with",
        ),
        (
            &[],
            &["get", &dead, "--insecure", "--cacert", "x"],
            2,
            "cannot be used with",
        ),
    ];
    for (variables, arguments, status, said) in cases {
        let output = output(labrpc().envs(variables.iter().copied()).args(*arguments));
        assert_eq!(
            output.status, *status,
            "{variables:?} {arguments:?} {output:?}"
        );
        assert!(
            output.stderr.contains(said),
            "{variables:?} {arguments:?} {output:?}"
        );
    }
}

#[test]
fn long_flag_with_one_dash_is_rejected_with_a_suggestion() {
    let folder = tempfile::tempdir().unwrap();
    // clap alone would parse it as `-o utput` and one more endpoint.
    let output = output(
        labrpc()
            .args(["survey", &format!("{}1", network()), "-output", "report"])
            .current_dir(folder.path()),
    );
    assert_eq!(output.status, 2);
    assert!(output.stderr.contains("--output"), "{output:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // After two dashes nothing is a flag.
    assert_eq!(run(["rank", "--", "-output"]).status, 1);
}

#[test]
fn output_may_be_a_fifo_or_symlink_and_respects_umask() {
    let folder = tempfile::tempdir().unwrap();
    let people = file(folder.path(), "people.csv", PEOPLE);
    let rank = |to: &Path, umask: &str| {
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let mut command = under(&["sh", "-c", &script], &labrpc());
        command.arg("rank").arg(&people).arg("-o").arg(to);
        assert_eq!(output(&mut command).status, 0);
    };
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;

    let pipe = made_pipe(folder.path());
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    rank(&pipe, "022");
    // Checked before the join, which would block if the FIFO had been replaced.
    assert!(pipe.symlink_metadata().unwrap().file_type().is_fifo());
    assert!(reader.join().unwrap().contains("Most alike"));

    let private = folder.path().join("private");
    rank(&private, "077");
    assert_eq!(mode(&private), 0o600);
    // An existing file keeps its mode.
    rank(&private, "022");
    assert_eq!(mode(&private), 0o600);
    let open = folder.path().join("open");
    rank(&open, "022");
    assert_eq!(mode(&open), 0o644);

    let link = folder.path().join("link");
    symlink("behind", &link).unwrap();
    let behind = file(folder.path(), "behind", "");
    rank(&link, "022");
    assert!(link.is_symlink());
    assert!(fs::read_to_string(behind).unwrap().contains("Most alike"));
}

#[test]
fn closed_stderr_does_not_stop_a_survey() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let mut survey = labrpc();
    let survey = survey.args(["survey", seat.address()]).stderr(writer);
    let output = output(survey);
    assert_eq!(output.status, 0);
    assert!(output.stdout.contains("1 of 1 answered"), "{output:?}");
}

#[test]
fn closed_stderr_does_not_stop_reload_and_drain_of_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let profile = "id = \"1\"\nheight = 178\nweight = 60\nsize = \"M\"\n";
    let path = file(folder.path(), "profile.toml", profile);
    let mut server = bounded()
        .args(["serve", "--listen", "127.0.0.1:0", "--profile"])
        .arg(&path)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stderr.take().unwrap()).lines();
    let address = said
        .find_map(|line| Some(line.unwrap().strip_prefix("listening on ")?.to_owned()))
        .unwrap();
    said.find(|line| line.as_ref().unwrap().contains("grpcurl"));
    drop(said);
    // Each reload writes a log line.
    for id in ["2", "3"] {
        fs::write(&path, profile.replace("\"1\"", &format!("\"{id}\""))).unwrap();
        while !run(["get", &address]).stdout.contains(&format!("\"{id}\"")) {
            assert_eq!(server.try_wait().unwrap(), None);
        }
    }
    signal(server.id(), "TERM");
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

fn signal(pid: u32, name: &str) {
    let pid = pid.to_string();
    assert_eq!(
        output(Command::new("kill").args(["-s", name, &pid])).status,
        0
    );
}

/// A server whose log is read line by line.
struct Logged {
    server: Child,
    address: String,
    log: Lines<BufReader<ChildStderr>>,
}

impl Logged {
    fn start(command: &mut Command) -> Self {
        let mut server = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
        let address = log
            .find_map(|line| Some(line.unwrap().strip_prefix("listening on ")?.to_owned()))
            .unwrap();
        Self {
            server,
            address,
            log,
        }
    }

    /// The lines up to the first with this text.
    fn until(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for line in self.log.by_ref() {
            lines.push(line.unwrap());
            if lines[lines.len() - 1].contains(text) {
                return lines;
            }
        }
        panic!("no line with {text:?}: {lines:#?}");
    }

    fn profile(&self) -> String {
        run(["get", &self.address]).stdout
    }

    fn end(mut self) {
        signal(self.server.id(), "TERM");
        self.server.wait().unwrap();
    }
}

const PROFILE: &str = "id = \"1\"\nheight = 178\nweight = 60\nsize = \"M\"\n";

#[test]
fn fifo_in_place_of_a_served_file_is_reported_and_the_next_good_file_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let profile = file(folder, "profile.toml", PROFILE);
    ca::create(folder).unwrap();
    let identity = ca::issue(folder, &"127.0.0.1".parse().unwrap(), &[]).unwrap();
    let mut command = bounded();
    command.args(["serve", "--listen", "127.0.0.1:0", "--plaintext"]);
    command.arg("--profile").arg(&profile);
    command.arg("--cert").arg(&identity.cert);
    command.arg("--key").arg(&identity.key);
    let mut server = Logged::start(&mut command);
    for path in [&identity.cert, &identity.key, &profile] {
        let good = fs::read_to_string(path).unwrap().replace("\"1\"", "\"2\"");
        fs::rename(made_pipe(folder), path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let lines = server.until("not a regular file");
        assert!(lines[lines.len() - 1].contains(name), "{lines:#?}");
        assert!(server.profile().contains("\"id\":\"1\""));

        fs::rename(file(folder, "good", good), path).unwrap();
        server.until("reloaded");
    }
    assert!(server.profile().contains("\"id\":\"2\""));
    server.end();
}

#[test]
fn profile_that_cannot_be_opened_for_lack_of_descriptors_is_not_reported_as_bad() {
    if support::tool("strace").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let profile = file(folder.path(), "profile.toml", PROFILE);
    let trace = folder.path().join("trace");
    let mut words = vec!["timeout", "--signal=KILL", "60", "strace", "-f", "-qq"];
    let paths = [&trace, &profile].map(|path| path.to_str().unwrap());
    // The first two calls are those of the start.
    let inject = "inject=openat:error=EMFILE:when=3..5";
    words.extend(["-o", paths[0], "-P", paths[1], "-e", inject]);
    let mut command = under(&words, &labrpc());
    command.args(["serve", "--listen", "127.0.0.1:0", "--profile"]);
    let mut server = Logged::start(command.arg(&profile));
    let injected = || {
        let trace = fs::read_to_string(&trace).unwrap();
        trace.matches("INJECTED").count()
    };
    while injected() < 3 {
        assert_eq!(server.server.try_wait().unwrap(), None);
        thread::yield_now();
    }
    let new = file(folder.path(), "new", PROFILE.replace("\"1\"", "\"2\""));
    fs::rename(new, &profile).unwrap();
    for line in server.until("reloaded") {
        assert!(!line.contains("Too many open files"), "{line}");
    }
    assert!(server.profile().contains("\"id\":\"2\""));
    server.end();
}

#[test]
fn unix_socket_whose_owner_does_not_accept_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labrpc.sock");
    let address = SockAddr::unix(&path).unwrap();
    let socket = || Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    let owner = socket();
    owner.bind(&address).unwrap();
    owner.listen(1).unwrap();
    // Until the queue is full.
    let mut waiting = Vec::new();
    loop {
        let caller = socket();
        caller.set_nonblocking(true).unwrap();
        let connected = caller.connect(&address);
        waiting.push(caller);
        if connected.is_err() {
            break;
        }
    }
    let mut server = bounded();
    server.args(["serve", "--listen", &format!("unix:{}", path.display())]);
    let output = output(&mut server);
    assert_eq!(output.status, 1, "{output:?}");
    assert!(output.stderr.contains("another labrpc serve"), "{output:?}");
    assert!(path.exists());
}

#[test]
fn sighup_does_not_stop_a_server_without_a_terminal() {
    let mut server = Running::serve(["--listen", "127.0.0.1:0"]);
    server.signal("HUP");
    assert_eq!(run(["get", server.address()]).status, 0);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn signal_ends_a_survey_that_is_reading_its_host_list() {
    for name in ["INT", "TERM"] {
        // A shell starts background jobs, and so these tests, with SIGINT ignored.
        let default = ["env", "--default-signal=INT"];
        let mut survey = under(&default, labrpc().args(["survey", "--hosts", "-"]))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut list = survey.stdin.take().unwrap();
        // More than a pipe holds: once it is written, the survey is reading.
        list.write_all("# a comment\n".repeat(43_000).as_bytes())
            .unwrap();
        signal(survey.id(), name);
        // A survey that ignored the signal would continue when the list ends.
        drop(list);
        assert!(survey.wait().unwrap().signal().is_some());
    }
}

#[test]
fn closed_stdout_ends_a_watch_but_not_a_lab() {
    let seat = Running::serve(["--listen", "127.0.0.1:0"]);
    let mut watch = bounded()
        .args(["survey", seat.address(), "--watch", "10ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = [0];
    watch.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(0));

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = labrpc();
    command.args(["lab", "--seats", "3"]).stdout(writer);
    let mut room = Running::start(&mut command, |line| line.contains("3 seats are open"));
    room.signal("TERM");
    assert_eq!(room.wait().code(), Some(0));
}

#[test]
fn printed_example_command_fits_the_options_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca").display().to_string();
    let made = [
        run(["certs", "ca", &ca]).stdout,
        run(["certs", "issue", &ca, "127.0.0.1"]).stdout,
    ];
    let path = |lines: &str, index| lines.lines().nth(index).unwrap().to_owned();
    let (root, cert, key) = (path(&made[0], 0), path(&made[1], 0), path(&made[1], 1));
    let socket = format!("unix:{}", folder.path().join("socket").display());
    let tls = ["--cert", &cert, "--key", &key];
    let mutual = [&tls[..], &["--client-ca", &root]].concat();
    let cases: &[(&[&str], &str)] = &[
        (&[], "grpcurl -plaintext ADDRESS lab.Profile/GetProfile"),
        (
            &["--no-reflection"],
            "grpcurl -plaintext -proto profile.proto ADDRESS lab.Profile/GetProfile",
        ),
        (&tls, "grpcurl ADDRESS lab.Profile/GetProfile"),
        (
            &mutual,
            "grpcurl -cert CERT.pem -key KEY.pem ADDRESS lab.Profile/GetProfile",
        ),
        (&["--accept", "http,raw"], "curl http://ADDRESS/"),
        (&["--accept", "raw"], "nc 127.0.0.1 PORT"),
    ];
    for (arguments, expected) in cases {
        let mut command = labrpc();
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(*arguments);
        let server = Running::start(&mut command, |line| line.starts_with("  "));
        let port = server.address().rsplit(':').next().unwrap();
        let expected = expected
            .replace("ADDRESS", server.address())
            .replace("PORT", port);
        assert_eq!(server.said.last().unwrap().trim(), expected);
    }
    let mut command = labrpc();
    command.args(["serve", "--accept", "http", "--listen", &socket]);
    let server = Running::start(&mut command, |line| line.starts_with("  "));
    let curl = format!("curl --unix-socket {} http://localhost/", &socket[5..]);
    assert_eq!(server.said.last().unwrap().trim(), curl);

    // A server that could answer no request, and one that would admit callers without the required certificate.
    for (more, said) in [
        (&["--accept", "raw"][..], "raw is never spoken inside TLS"),
        (
            &["--client-ca", &root, "--plaintext"],
            "cannot be used with",
        ),
    ] {
        let refused = run(["serve"].iter().chain(&tls).chain(more));
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(refused.stderr.contains(said), "{refused:?}");
    }
}

#[test]
fn ca_with_a_mismatched_key_issues_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    for dir in [&one, &other] {
        assert_eq!(output(labrpc().args(["certs", "ca"]).arg(dir)).status, 0);
    }
    fs::copy(other.join("ca.pem"), one.join("ca.pem")).unwrap();
    let issued = output(labrpc().args(["certs", "issue"]).arg(&one).arg("127.0.0.1"));
    assert_eq!(issued.status, 1);
    assert!(issued.stderr.contains("is not the key of"), "{issued:?}");
    assert!(!one.join("127.0.0.1.pem").exists());
}

#[test]
fn init_writes_the_profile_to_the_given_path() {
    let folder = tempfile::tempdir().unwrap();
    let answers = file(folder.path(), "answers", "1001\n178\n60.5\nxl\n");
    let config = folder.path().join("config");
    for (path, said) in [
        (
            config.join("labrpc/profile.toml"),
            "`labrpc serve` finds it there",
        ),
        (folder.path().join("me.toml"), "labrpc serve --profile "),
    ] {
        let output = output(
            labrpc()
                .arg("init")
                .arg("--profile")
                .arg(&path)
                .env("XDG_CONFIG_HOME", &config)
                .current_dir(folder.path())
                .stdin(fs::File::open(&answers).unwrap()),
        );
        assert_eq!(output.status, 0, "{output:?}");
        assert!(output.stderr.contains(said), "{output:?}");
        assert!(path.is_file());
    }
}

#[test]
fn more_faults_than_seats_is_a_usage_error() {
    let output = run(["lab", "--seats", "2", "--faults", "hang=3"]);
    assert_eq!(output.status, 2, "{output:?}");
    assert!(!output.stderr.contains("--port"), "{output:?}");
}

/// Connecting then fails with EADDRNOTAVAIL, which is also the error for exhausted ports.
#[test]
fn ipv6_endpoints_are_unreachable_on_a_host_without_ipv6() {
    if support::tool("unshare").is_none() {
        return;
    }
    let script = "ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec \"$0\" \"$@\"";
    let mut survey = under(&["unshare", "-rn", "sh", "-c", script], &labrpc());
    let none = "[2001:db8::1],[2001:db8::2]";
    let output = output(survey.args(["survey", none, "127.0.0.1", "--format", "csv"]));
    if output.stderr.contains("unshare") {
        return support::skip("this user may not make a network namespace");
    }
    let outcomes: Vec<_> = output.stdout.lines().skip(1).collect();
    let outcome = |line: usize| outcomes[line].split(',').nth(2).unwrap();
    assert_eq!(
        [outcome(0), outcome(1), outcome(2)],
        ["unreachable", "unreachable", "refused"],
        "{output:?}"
    );
}

//! What `labrpc serve` prints: whose profile it serves, its log, and which flag is wrong.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, ChildStderr, Stdio},
};

use crate::support::{file, labrpc, network, run};

const PROFILE: &str = "id = \"s-471\"\nheight = 181\nweight = 66.5\nsize = \"XXL\"\n";

/// A server whose standard error is read line by line.
struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Server {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = labrpc();
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(folder)
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The lines up to the first that contains `mark`.
    fn read_to(&mut self, mark: &str) -> Vec<String> {
        let mut read = Vec::new();
        for line in self.lines.by_ref() {
            read.push(line.unwrap());
            if read[read.len() - 1].contains(mark) {
                return read;
            }
        }
        panic!("{mark} was not printed: {read:#?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn served_id_and_its_file_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "profile.toml", PROFILE);
    let mut server = Server::start(folder.path(), &[]);
    let greeting = server.read_to("grpcurl ");
    assert_eq!(
        greeting[0],
        "serving the profile of s-471 from profile.toml"
    );
    let given = [
        "--id", "7", "--height", "178", "--weight", "60", "--size", "M",
    ];
    let mut server = Server::start(folder.path(), &given);
    let greeting = server.read_to("grpcurl ");
    assert_eq!(greeting[0], "serving the profile of 7");
    let local = "only this machine can call it".to_owned();
    assert!(greeting.contains(&local), "{greeting:?}");
}

#[test]
fn failed_reload_is_logged_with_the_range_and_without_the_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "profile.toml", PROFILE);
    let mut server = Server::start(folder.path(), &[]);
    server.read_to("grpcurl ");
    fs::write(path, PROFILE.replace("181", "1.83").replace("XXL", "giant")).unwrap();
    let line = server.read_to("profile reload failed").pop().unwrap();
    // Digits of the time are not values.
    let line = line.split_once("ERROR").unwrap().1;
    for words in ["height must be 50 to 272 cm", "size must be one of XXS"] {
        assert!(line.contains(words), "{line}");
    }
    for value in ["1.83", "giant"] {
        assert!(!line.contains(value), "{line}");
    }
}

#[test]
fn debug_log_has_one_line_a_call_and_no_frames() {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "profile.toml", PROFILE);
    let mut server = Server::start(folder.path(), &["--log", "debug"]);
    let greeting = server.read_to("grpcurl ");
    let address = greeting
        .iter()
        .find_map(|line| line.strip_prefix("listening on "))
        .unwrap();
    assert_eq!(run(["get", address]).status, 0);
    let lines = server.read_to("call answered");
    let line = lines[lines.len() - 1]
        .replace("\x1b[3m", "")
        .replace("\x1b[0m", "");
    for words in [
        "peer=\"127.0.0.1\"",
        "lab.Profile/GetProfile",
        "status=\"OK\"",
    ] {
        assert!(line.contains(words), "{line}");
    }
    assert!(!line.contains("181"), "{line}");
    let frames = lines.iter().filter(|line| line.contains("frame")).count();
    assert_eq!(frames, 0, "{lines:#?}");
}

#[test]
fn unknown_log_level_is_refused() {
    for filter in ["verbose", "labrpc=loud", "info,h2"] {
        // A server that accepts the filter ends at once as well.
        let output = run(["serve", "--profile", "/nonexistent", "--log", filter]);
        assert_eq!(output.status, 2, "{filter}: {output:?}");
        let words = "it must be error, warn, info, debug, trace or off";
        assert!(output.stderr.contains(words), "{output:?}");
    }
}

#[test]
fn address_that_is_given_twice_is_refused_with_the_name_of_the_flag() {
    let address = format!("{}1:1024", network());
    for (flag, words) in [
        (
            "--metrics",
            "hint: --listen has this address already; give another --metrics",
        ),
        (
            "--listen",
            "hint: --listen has this address already; give another --listen",
        ),
    ] {
        let output = run(["serve", "--listen", &address, flag, &address]);
        assert_eq!(output.status, 1, "{output:?}");
        let error = format!("error: {flag}: cannot listen on {address}: ");
        assert!(output.stderr.contains(&error), "{output:?}");
        assert!(output.stderr.contains(words), "{output:?}");
    }
}

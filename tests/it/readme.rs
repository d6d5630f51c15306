//! The README, typed line by line by somebody who has only the README.
//!
//! Its code blocks are marked behind the language: `sh` runs to its end and succeeds, `sh 3` ends with that status,
//! `sh background` runs until the section ends, `sh cargo` is what the machine that runs the tests does anyway,
//! `text NAME.txt` is the content of a file, and `text output` what the last command printed.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::support;

struct Block {
    /// The heading of the second level that it stands under.
    section: String,
    mark: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut section = String::new();
    for line in page.lines() {
        if open.is_none() && line.starts_with("## ") {
            section = line.to_owned();
        }
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(mark)) => {
                open = Some(Block {
                    section: section.clone(),
                    mark: mark.to_owned(),
                    text: String::new(),
                })
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// A shell in an empty folder, in which `labrpc` and `cargo run` are the program under test.
fn shell(folder: &Path, line: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_labrpc"));
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command
        .args(["-c", &line.replace("cargo run --release --", "labrpc")])
        .current_dir(folder)
        .env(
            "PATH",
            format!("{}:{path}", binary.parent().unwrap().display()),
        )
        .env("XDG_CONFIG_HOME", folder)
        .stdin(Stdio::null());
    command
}

struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const INSIDE: &str = "LABRPC_TEST_OWN_NETWORK";

/// The addresses of the README are nobody's here: the test runs itself again in a network of its own.
#[test]
fn every_command_does_what_the_page_says() {
    for tool in ["grpcurl", "curl", "ip", "unshare"] {
        if support::tool(tool).is_none() {
            return;
        }
    }
    if std::env::var_os(INSIDE).is_none() {
        let own = Command::new("unshare")
            .args(["-rn", "true"])
            .status()
            .unwrap();
        if !own.success() {
            return support::skip("this user may not make a network namespace");
        }
        let test = std::env::current_exe().unwrap();
        let name = std::thread::current().name().unwrap().to_owned();
        let output = support::output(
            Command::new("unshare")
                .arg("-rn")
                .arg(test)
                .args([&name, "--exact", "--nocapture"])
                .env(INSIDE, "1"),
        );
        assert_eq!(output.status, 0, "{}\n{}", output.stdout, output.stderr);
        return;
    }
    for line in [
        "link set lo up",
        "address add 192.168.1.7/32 dev lo",
        "address add 192.168.1.8/32 dev lo",
        "address add 192.168.1.9/32 dev lo",
    ] {
        assert!(
            Command::new("ip")
                .args(line.split(' '))
                .status()
                .unwrap()
                .success()
        );
    }

    let folder = tempfile::tempdir().unwrap();
    let mut running = Vec::new();
    let mut printed = String::new();
    let mut current = String::new();
    let mut started = 0;
    for Block {
        section,
        mark,
        text,
    } in blocks(&page())
    {
        if section != current {
            running.clear();
            current = section;
        }
        match mark.split_once(' ').unwrap_or((&mark, "")) {
            ("sh", "background") => {
                let mut child = shell(folder.path(), &format!("exec {}", text.trim()))
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                let ready = ["grpcurl ", "seats are open"];
                let said = support::read_until(child.stderr.take().unwrap(), |line| {
                    ready.iter().any(|word| line.contains(word))
                });
                running.push(Background(child));
                started += 1;
                assert!(said, "{text} did not become ready");
            }
            ("sh", "cargo") => {
                for line in text.lines() {
                    assert!(
                        ["cargo test", "cargo install --path ."].contains(&line),
                        "{line}"
                    );
                }
            }
            ("sh", status) => {
                let status = if status.is_empty() {
                    0
                } else {
                    status.parse().unwrap()
                };
                for line in text.lines() {
                    let output = support::output(&mut shell(folder.path(), line));
                    // Of a block that ends badly on purpose, each command may also end well.
                    assert!([0, status].contains(&output.status), "{line}: {output:?}");
                    printed = output.stdout;
                }
            }
            ("text", "output") => assert_eq!(printed, text),
            ("text", "house" | "") => {}
            ("text", name) => drop(support::file(folder.path(), name, text)),
            other => panic!("what is the block {other:?} for?"),
        }
    }
    assert!(started >= 3, "the page was not read");
}

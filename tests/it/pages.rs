//! The pages for readers, typed line by line by somebody who has nothing else.
//!
//! Code blocks are marked behind the language. `sh` runs to its end and succeeds, and where numbers follow, as in
//! `sh 3`, it may end with one of them instead; `sh input:A,B` is answered with these lines; `sh background` runs
//! until the section ends; `sh python` needs a Python with grpcio; `sh cargo` is what the machine that runs the
//! tests does anyway. `text NAME.EXT` is the content of a file, and `text output` what the last command printed.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::support;

#[derive(Clone, Debug, Default, PartialEq)]
struct Block {
    /// The heading of the second level that it stands under, counted.
    section: usize,
    mark: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut section = 0;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(mark)) => {
                let (mark, text) = (mark.to_owned(), String::new());
                open = Some(Block {
                    section,
                    mark,
                    text,
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => section += usize::from(line.starts_with("## ")),
        }
    }
    blocks
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// A reader's machine: an empty folder, and the program on the path.
struct Reader {
    folder: tempfile::TempDir,
    python: Option<PathBuf>,
    running: Vec<Background>,
    printed: String,
}

struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Reader {
    fn shell(&self, line: &str) -> Command {
        let own = Path::new(env!("CARGO_BIN_EXE_labrpc"));
        let system = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.python.as_deref(), Some(own)]
            .into_iter()
            .flatten()
            .filter_map(Path::parent);
        let folders = folders
            .map(Path::to_owned)
            .chain(std::env::split_paths(&system));
        let mut command = Command::new("bash");
        command
            .args(["-c", &line.replace("cargo run --release --", "labrpc")])
            .current_dir(self.folder.path())
            .env("PATH", std::env::join_paths(folders).unwrap())
            .env("XDG_CONFIG_HOME", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    fn follow(&mut self, Block { mark, text, .. }: &Block) {
        let mut words = mark.split(' ');
        let language = words.next().unwrap_or_default();
        let words: Vec<&str> = words.filter(|word| *word != "python").collect();
        match (language, words.as_slice()) {
            ("sh", ["background"]) => self.start(text, mark.contains("python")),
            ("sh", ["cargo"]) => {
                for line in text.lines() {
                    assert!(
                        ["cargo test", "cargo install --locked --path .", "cargo deb"]
                            .contains(&line),
                        "{line}"
                    );
                }
            }
            // Minutes each, and a matter of other programs: here they need only exist. Clippy compiles them.
            ("sh", ["bench"]) => {
                let manifest = page("Cargo.toml");
                for line in text.lines() {
                    let name = line.strip_prefix("cargo bench --bench ").unwrap();
                    assert!(
                        manifest.contains(&format!("name = \"{name}\"\nharness = false")),
                        "{line}"
                    );
                }
            }
            ("sh", words) => text.lines().for_each(|line| self.run(line, words)),
            ("text", ["output"]) => assert_eq!(&self.printed, text),
            ("text", ["house"] | []) => {}
            ("text", [name]) => drop(support::file(self.folder.path(), name, text)),
            _ => panic!("what is the block \"{mark}\" for?"),
        }
    }

    /// Starts what runs on, and waits until it says that it is ready. Somebody else's program says nothing: the
    /// page waits for it by a command of its own.
    fn start(&mut self, line: &str, silent: bool) {
        let mut command = self.shell(&format!("exec {}", line.trim()));
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        self.running.push(Background(child));
        let ready = |said: &str| {
            ["grpcurl ", "seats are open", "http://"]
                .iter()
                .any(|word| said.contains(word))
        };
        assert!(
            silent || support::read_until(stderr, ready),
            "{line} did not become ready"
        );
    }

    fn run(&mut self, line: &str, words: &[&str]) {
        let mut statuses = vec![0];
        let mut input = String::new();
        for word in words {
            match word.strip_prefix("input:") {
                Some(answers) => input = answers.replace(',', "\n") + "\n",
                None => statuses.push(word.parse().unwrap()),
            }
        }
        let mut command = self.shell(line);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Most commands read nothing and close it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let status = output.status.code().unwrap();
        assert!(statuses.contains(&status), "{line}: {output:?}");
        self.printed = String::from_utf8(output.stdout).unwrap();
    }
}

/// The addresses of the pages are nobody's here: a test runs itself again in a network of its own, and follows
/// the page there.
fn follow(name: &str) {
    const INSIDE: &str = "LABRPC_TEST_OWN_NETWORK";

    for tool in ["grpcurl", "curl", "ip", "unshare"] {
        if support::tool(tool).is_none() {
            return;
        }
    }
    let blocks = blocks(&page(name));
    let python = if blocks.iter().any(|block| block.mark.contains("python")) {
        let Some(python) = support::python("grpc, grpc_tools") else {
            return;
        };
        // The one with the modules shall also be the one that is called python3.
        Some(python).filter(|python| {
            python
                .parent()
                .is_some_and(|folder| folder.join("python3").is_file())
        })
    } else {
        None
    };
    if std::env::var_os(INSIDE).is_none() {
        let own = Command::new("unshare")
            .args(["-rn", "true"])
            .output()
            .unwrap();
        if !own.status.success() {
            return support::skip("this user may not make a network namespace");
        }
        let thread = std::thread::current();
        let mut again = Command::new("unshare");
        again.arg("-rn").arg(std::env::current_exe().unwrap());
        again
            .args([thread.name().unwrap(), "--exact", "--nocapture"])
            .env(INSIDE, "1");
        let output = support::output(&mut again);
        assert_eq!(output.status, 0, "{}\n{}", output.stdout, output.stderr);
        return;
    }

    let ip = |arguments: &str| {
        assert!(
            Command::new("ip")
                .args(arguments.split(' '))
                .status()
                .unwrap()
                .success()
        );
    };
    ip("link set lo up");
    for address in 7..=9 {
        ip(&format!("address add 192.168.1.{address}/32 dev lo"));
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("proto")).unwrap();
    support::file(
        folder.path(),
        "proto/profile.proto",
        page("proto/profile.proto"),
    );
    let mut reader = Reader {
        folder,
        python,
        running: Vec::new(),
        printed: String::new(),
    };
    let mut section = 0;
    for block in &blocks {
        if block.section != section {
            reader.running.clear();
            section = block.section;
        }
        reader.follow(block);
    }
    assert!(blocks.len() >= 10, "the page was not read");
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    follow("README.md");
}

/// A command or an output that changes on one page changes on the other.
#[test]
fn the_chinese_readme_has_the_same_blocks() {
    assert_eq!(blocks(&page("README.zh-CN.md")), blocks(&page("README.md")));
}

#[test]
fn every_command_of_the_lesson_does_what_it_says() {
    follow("docs/lesson.md");
}

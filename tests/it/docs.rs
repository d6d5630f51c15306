//! The documentation: every command of every page is executed, in the order of the page.
//!
//! The word behind the language of a code block says how it is run. `sh` runs to its end and succeeds; where numbers
//! follow, as in `sh 3`, it exits with one of them instead. `sh input:A,B` gets these lines on standard input.
//! `sh background` runs until the section ends. `sh python` needs a Python with grpcio, `sh duckdb` one with DuckDB's
//! command line; kubectl is a script of the tests. The commands of [`ENGINES`] are run by `engines`. `sh cargo`, `sh bench` and `sh long` take minutes; they are only
//! compared with what exists. `text NAME.EXT` is the content of a file, and `text output` what the last command
//! printed.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::support::{self, without_times};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Block {
    /// The heading of the second level that it stands under, counted.
    section: usize,
    pub(crate) mark: String,
    pub(crate) text: String,
}

pub(crate) fn blocks(page: &str) -> Vec<Block> {
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

pub(crate) fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Python modules that the commands with a word need; the programs of one are in the folder of its Python.
const MODULES: &[(&str, &str)] = &[("python", "grpc, grpc_tools"), ("duckdb", "duckdb_cli")];

/// Engines that have tests of their own.
const ENGINES: &[&str] = &["kubernetes", "parallel", "parallel-ssh", "slurm", "spark"];

/// The machine of a reader: an empty folder, and the program on the path.
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
        let kubectl = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers/bin/kubectl");
        let system = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.python.as_deref(), Some(own), Some(Path::new(kubectl))]
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
        let is_module = |word: &&str| MODULES.iter().any(|(name, _)| name == word);
        let words: Vec<&str> = words.filter(|word| !is_module(word)).collect();
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
            // Run by `engines`, which starts the engine.
            ("sh", [engine]) if ENGINES.contains(engine) => {}
            // Each takes minutes and other programs. Clippy compiles them.
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
            ("sh", ["long"]) => {
                let recipes = page("Makefile");
                for line in text.lines() {
                    let recipe = line.strip_prefix("make ").unwrap();
                    assert!(recipes.contains(&format!("\n{recipe}:")), "{line}");
                }
            }
            // A backslash continues a line.
            ("sh", words) => text
                .replace("\\\n", "")
                .lines()
                .for_each(|line| self.run(line, words)),
            ("text", ["output"]) => {
                assert_eq!(without_times(&self.printed), without_times(text));
            }
            ("text", ["architecture"] | []) => {}
            ("text", [name]) => drop(support::file(self.folder.path(), name, text)),
            _ => panic!("unknown mark of a code block: {mark}"),
        }
    }

    /// Starts a command that keeps running, and waits for its ready message. A Python server prints none: the page
    /// has a command that waits for it.
    fn start(&mut self, line: &str, silent: bool) {
        let mut command = self.shell(&format!("exec {}", line.trim()));
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        self.running.push(Background(child));
        let ready = |printed: &str| {
            ["grpcurl ", "seats are open", "http://"]
                .iter()
                .any(|word| printed.contains(word))
        };
        assert!(
            silent || support::read_until(stderr, ready),
            "{line} did not become ready"
        );
    }

    fn run(&mut self, line: &str, words: &[&str]) {
        let mut statuses = Vec::new();
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
        if statuses.is_empty() {
            statuses.push(0);
        }
        assert!(statuses.contains(&status), "{line}: {output:?}");
        self.printed = String::from_utf8(output.stdout).unwrap();
    }
}

/// Executes a page. Its addresses do not exist on this machine, so the test runs itself again inside a network
/// namespace of its own.
fn follow(name: &str) {
    const INSIDE: &str = "LABRPC_TEST_OWN_NETWORK";

    for tool in ["grpcurl", "curl", "ip", "unshare"] {
        if support::tool(tool).is_none() {
            return;
        }
    }
    let blocks = blocks(&page(name));
    let marked = |word: &str| {
        let mut words = blocks.iter().flat_map(|block| block.mark.split(' '));
        words.any(|found| found == word)
    };
    let needed = MODULES.iter().filter(|(word, _)| marked(word));
    let modules: Vec<&str> = needed.map(|(_, modules)| *modules).collect();
    let python = if modules.is_empty() {
        None
    } else {
        let Some(python) = support::python(&modules.join(", ")) else {
            return;
        };
        // The page calls `python3`; that must be the one with the modules.
        Some(python).filter(|python| {
            python
                .parent()
                .is_some_and(|folder| folder.join("python3").is_file())
        })
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
    let contrib = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib");
    std::os::unix::fs::symlink(contrib, folder.path().join("contrib")).unwrap();
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
    assert!(!blocks.is_empty(), "the page has no commands");
}

/// One test a page, so that they run in parallel and a failure names its page.
macro_rules! pages {
    ($($test:ident: $page:literal,)+) => {
        const PAGES: &[&str] = &[$($page),+];
        $(
            #[test]
            fn $test() {
                follow($page);
            }
        )+
    };
}

pages! {
    every_command_of_the_readme_works: "README.md",
    every_command_of_docs_engineering_works: "docs/engineering.md",
    every_command_of_docs_fleet_works: "docs/fleet.md",
    every_command_of_docs_formats_works: "docs/formats.md",
    every_command_of_docs_lesson_works: "docs/lesson.md",
    every_command_of_docs_operations_works: "docs/operations.md",
    every_command_of_docs_ranking_works: "docs/ranking.md",
    every_command_of_docs_scale_works: "docs/scale.md",
    every_command_of_docs_server_works: "docs/server.md",
    every_command_of_docs_survey_works: "docs/survey.md",
    every_command_of_docs_tls_works: "docs/tls.md",
}

#[test]
fn no_page_of_docs_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let page = format!("docs/{name}");
        assert!(!name.ends_with(".md") || PAGES.contains(&&*page), "{page}");
    }
}

/// A command or an output that changes on one page changes on the other.
#[test]
fn the_chinese_readme_has_the_same_blocks() {
    assert_eq!(blocks(&page("README.zh-CN.md")), blocks(&page("README.md")));
}

/// Relative links of the pages lead to files, and to headings where they name one.
#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let others = [
        "README.zh-CN.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
    ];
    for name in PAGES.iter().chain(&others) {
        let text = page(name);
        let folder = root.join(name);
        for rest in text.split("](").skip(1) {
            let link = rest.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => folder.clone(),
                _ => folder.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{name}: {link}");
            if !heading.is_empty() {
                let slugs = fs::read_to_string(&target).unwrap();
                let mut slugs = slugs
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .map(|line| {
                        let line = line.trim_start_matches('#').trim().to_lowercase();
                        line.replace(' ', "-").replace('`', "")
                    });
                assert!(slugs.any(|slug| slug == heading), "{name}: {link}");
            }
        }
    }
}

//! Surveys divided by real engines: each runs the commands of docs/scale.md with the files of contrib on a simulated
//! room, and the merged runs are compared with one survey of the same room.

mod duckdb;
mod kubernetes;
mod parallel;
mod slurm;
mod spark;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    docs::{blocks, page},
    support::{self, Output, Running, labrpc, output},
};

const SEATS: usize = 2000;
const FAULTY: usize = 48;

/// A reader's folder with contrib and the list of a simulated room, and one survey of that room.
struct Room {
    folder: tempfile::TempDir,
    /// The report that merged parts have to give.
    single: Facts,
    /// Variables of the shell.
    variables: Vec<(&'static str, String)>,
    _lab: Running,
}

impl Room {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::os::unix::fs::symlink(root.join("contrib"), folder.path().join("contrib")).unwrap();
        fs::create_dir(folder.path().join("runs")).unwrap();
        let mut lab = labrpc();
        let faults = format!("all={FAULTY}");
        lab.args(["lab", "--seats", &SEATS.to_string(), "--faults", &faults]);
        lab.stdout(fs::File::create(folder.path().join("hosts.txt")).unwrap());
        let lab = Running::start(&mut lab, |line| line.contains("seats are open"));
        let mut room = Self {
            folder,
            single: Facts::default(),
            variables: Vec::new(),
            _lab: lab,
        };
        room.single = room.report("survey --hosts hosts.txt -o single.jsonl");
        assert_eq!(room.single.endpoints.len(), SEATS);
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A script of the reader's shell, in which the program under test is on the path.
    fn shell(&self, script: &str) -> Command {
        let inner = labrpc();
        let mut command = support::under(&["bash", "-euc", script], &inner);
        let system = std::env::var_os("PATH").unwrap_or_default();
        let own = Path::new(inner.get_program()).parent().unwrap().to_owned();
        let folders = [own].into_iter().chain(std::env::split_paths(&system));
        command
            .current_dir(self.folder.path())
            .env("PATH", std::env::join_paths(folders).unwrap())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, script: &str) -> Output {
        output(&mut self.shell(script))
    }

    /// Runs a script that must succeed, and returns its output.
    fn succeed(&self, script: &str) -> String {
        let ran = self.run(script);
        assert_eq!(ran.status, 0, "{script}: {ran:?}");
        ran.stdout
    }

    /// The report of a command that finds failures.
    fn report(&self, arguments: &str) -> Facts {
        let ran = self.run(&format!("labrpc {arguments} -o report.json"));
        assert_eq!(ran.status, 3, "{ran:?}");
        Facts::read(&self.path("report.json"))
    }

    /// Compares merged runs, and their ranking, with one survey.
    fn expect_equal(&self, runs: &str) {
        let merged = self.report(&format!("merge {runs}"));
        assert_eq!(merged, self.single);
        self.expect_same_ranking(runs);
    }

    fn expect_same_ranking(&self, runs: &str) {
        let [parts, single] = [runs, "single.jsonl"]
            .map(|runs| self.run(&format!("labrpc rank {runs} --top 100 --format csv")));
        assert_eq!((parts.status, parts.stdout), (0, single.stdout));
    }
}

/// What two surveys of one room have in common.
#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    endpoints: Vec<[Value; 5]>,
    pairs: Value,
    summary: Value,
}

impl Facts {
    fn read(report: &Path) -> Self {
        let mut report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
        // Two surveys take different times.
        report["summary"]
            .as_object_mut()
            .unwrap()
            .remove("answer_ms");
        let fields = ["endpoint", "outcome", "detail", "dialect", "profile"];
        let endpoints = report["endpoints"].as_array().unwrap().iter();
        Self {
            endpoints: endpoints
                .map(|endpoint| fields.map(|field| endpoint[field].clone()))
                .collect(),
            pairs: report["pairs"].clone(),
            summary: report["summary"].clone(),
        }
    }

    /// The same without the order of the list.
    fn in_any_order(mut self) -> Self {
        self.endpoints
            .sort_by_key(|[endpoint, ..]| endpoint.to_string());
        self
    }
}

/// The commands of docs/scale.md with this mark.
fn commands(mark: &str) -> String {
    let blocks = blocks(&page("docs/scale.md"));
    let mark = format!("sh {mark}");
    let found: String = blocks
        .into_iter()
        .filter(|block| block.mark == mark)
        .map(|block| block.text)
        .collect();
    assert!(!found.is_empty(), "{mark}");
    found
}

/// Waits for a condition that another process brings about.
fn until<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(Instant::now() < limit, "{what} did not happen");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Free ports of 127.0.0.1, for programs that need to be given one.
fn free_ports<const N: usize>() -> [u16; N] {
    // All are open at the same time, so that no two are equal.
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

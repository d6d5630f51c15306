//! The harness: the real binary as a server and as a client, on addresses that the test owns.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    thread,
};

use labrpc::{
    profile::{Build, Profile},
    survey::hosts::{Builder, Hosts},
};

/// A person with a height and a weight in tenths and a size from 0.
pub(crate) fn person(id: &str, height: u16, weight: u16, size: usize) -> Profile {
    Profile {
        id: id.parse().unwrap(),
        build: Build::nearest(|field| match field.name {
            "height" => f64::from(height) / 10.0,
            "weight" => f64::from(weight) / 10.0,
            _ => size as f64 + 1.0,
        }),
    }
}

/// The program under test, without the `LABRPC_…` variables of the environment that runs the tests.
pub(crate) fn labrpc() -> Command {
    // Another build can be measured, or compared, with the same tests.
    let other = std::env::var_os("LABRPC_TEST_PROGRAM");
    let mut command = Command::new(other.unwrap_or(env!("CARGO_BIN_EXE_labrpc").into()));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LABRPC_") {
            command.env_remove(name);
        }
    }
    // A profile of the user's own must not be found, nor a coloured terminal assumed.
    command
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null());
    command
}

/// The same command, run under another program: words before it, such as `timeout 60`.
pub(crate) fn under<S: AsRef<OsStr>>(words: &[S], inner: &Command) -> Command {
    let mut words = words
        .iter()
        .map(AsRef::as_ref)
        .chain([inner.get_program()])
        .chain(inner.get_args());
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// The endpoints of an argument.
pub(crate) fn hosts(text: &str) -> Hosts {
    let mut builder = Builder::default();
    builder.argument(text);
    builder.build().unwrap()
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program to its end.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    output(labrpc().args(arguments))
}

/// Runs any command to its end.
pub(crate) fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    Output {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A process that says on standard error when it is ready, and dies with the test.
pub(crate) struct Running {
    child: Child,
    /// What it has said until it was ready.
    pub(crate) said: Vec<String>,
}

impl Running {
    /// Starts a command and waits until a line of its standard error satisfies `ready`.
    pub(crate) fn start(command: &mut Command, ready: impl Fn(&str) -> bool) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        loop {
            match lines.next() {
                Some(line) => said.push(line.unwrap()),
                None => panic!(
                    "it ended before it was ready: {said:#?}, {:?}",
                    child.wait()
                ),
            }
            if ready(&said[said.len() - 1]) {
                break;
            }
        }
        // Without a reader the pipe would fill up and block the process.
        thread::spawn(move || lines.for_each(drop));
        Self { child, said }
    }

    /// `labrpc serve` with these arguments.
    pub(crate) fn serve<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::start(labrpc().arg("serve").args(arguments), |line| {
            line.contains("grpcurl ")
        })
    }

    /// The first address that it listens on.
    pub(crate) fn address(&self) -> &str {
        let line = self
            .said
            .iter()
            .find_map(|line| line.strip_prefix("listening on "));
        line.expect("a server says where it listens")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A /24 of loopback addresses that no other test uses: `127.x.y.`, to be followed by a number.
///
/// Two runs of the tests at the same time have different process ids, and so, most likely, different networks.
pub(crate) fn network() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("127.{}.{next}.", 64 + std::process::id() % 128)
}

/// A tool of the machine. Without it the test is skipped loudly, except where all tools are required.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// Where a program of the machine is.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|p| p.is_file())
}

/// A Python that has these modules: the one that `LABRPC_PYTHON` names, or the system's.
pub(crate) fn python(modules: &str) -> Option<PathBuf> {
    let python = match std::env::var_os("LABRPC_PYTHON") {
        Some(python) => python.into(),
        None => tool("python3")?,
    };
    let import = format!("import {modules}");
    let imports = Command::new(&python)
        .args(["-c", &import])
        .output()
        .unwrap();
    if !imports.status.success() {
        skip(&format!(
            "Python cannot import {modules}; pip install it, or set LABRPC_PYTHON"
        ));
        return None;
    }
    Some(python)
}

/// Node, and the folder of these npm packages below `LABRPC_AXE`, the folder where npm installed them.
pub(crate) fn node(packages: &[&str]) -> Option<(PathBuf, PathBuf)> {
    let node = tool("node")?;
    let modules =
        std::env::var_os("LABRPC_AXE").map(|folder| Path::new(&folder).join("node_modules"));
    let modules = modules.filter(|modules| packages.iter().all(|name| modules.join(name).is_dir()));
    if modules.is_none() {
        skip(&format!(
            "LABRPC_AXE names no folder with {}; npm install them",
            packages.join(", ")
        ));
    }
    Some((node, modules?))
}

/// Says that a test does less than it could; an error where `LABRPC_REQUIRE_TOOLS` is set.
pub(crate) fn skip(reason: &str) {
    assert!(
        std::env::var_os("LABRPC_REQUIRE_TOOLS").is_none(),
        "required: {reason}"
    );
    say_skipped(reason);
}

/// Reports a skip past the capture of the test runner, so that it is visible in a passing run.
pub(crate) fn say_skipped(reason: &str) {
    let message = format!(
        "SKIPPED in {}: {reason}\n",
        thread::current().name().unwrap_or("?")
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), message.as_bytes());
}

/// An output without the line of answer times, which are others in each run.
pub(crate) fn without_times(text: &str) -> String {
    let lines = text
        .split_inclusive('\n')
        .map(|line| match line.starts_with("answer time: ") {
            true => "",
            false => line,
        });
    lines.collect()
}

/// A file with this content in a folder that is removed with it.
pub(crate) fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// Reads lines until one satisfies `ready`, then drains the rest in the background; false at the end.
pub(crate) fn read_until(
    from: impl std::io::Read + Send + 'static,
    ready: impl Fn(&str) -> bool,
) -> bool {
    let mut lines = BufReader::new(from).lines().map_while(Result::ok);
    let found = lines.any(|line| ready(&line));
    thread::spawn(move || lines.for_each(drop));
    found
}

/// Runs the calling test again as root of network and mount namespaces of its own, and returns whether this is that
/// run. Where none can be made the test is skipped.
pub(crate) fn in_own_network() -> bool {
    const INSIDE: &str = "LABRPC_TEST_IN_OWN_NETWORK";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if tool("unshare").is_none() || tool("ip").is_none() {
        return false;
    }
    let made = output(Command::new("unshare").args(["-rmn", "true"]));
    if made.status != 0 {
        skip("this user may not make a network namespace");
        return false;
    }
    let thread = thread::current();
    let mut again = Command::new("unshare");
    again.arg("-rmn").arg(std::env::current_exe().unwrap());
    again
        .args([
            thread.name().unwrap(),
            "--exact",
            "--nocapture",
            "--include-ignored",
        ])
        .env(INSIDE, "1")
        .stderr(Stdio::inherit());
    let output = output(&mut again);
    assert_eq!(output.status, 0, "{}", output.stdout);
    false
}

/// Runs a shell script that must succeed.
pub(crate) fn shell(script: &str) {
    let ran = output(Command::new("sh").args(["-ec", script]));
    assert_eq!(ran.status, 0, "{script}: {ran:?}");
}

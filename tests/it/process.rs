//! A server in a process of its own, for tests with signals, injected errors of system calls, or ten thousand
//! connections.

use std::{
    env,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use crate::{serve::running, support};

const MARK: &str = "listening on ";

/// How to start it.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// Where to listen, shared with others; a free port of 127.0.0.1 if absent.
    pub(crate) listen: Option<SocketAddr>,
    /// A folder with `profile.toml`, `server.pem` and `server.key.pem`, for TLS beside plaintext.
    pub(crate) folder: Option<PathBuf>,
    /// The program to run it under, such as strace.
    pub(crate) wrapper: Vec<String>,
    /// The program to run instead of the tests' own build.
    pub(crate) program: Option<PathBuf>,
    /// Plain tonic with its defaults instead, which is this test binary again with one ignored test.
    pub(crate) bare_tonic: bool,
}

impl Settings {
    fn command(&self) -> Command {
        let inner = if self.bare_tonic {
            let mut command = Command::new(env::current_exe().unwrap());
            command.args(["process::bare_tonic", "--exact", "--ignored", "--nocapture"]);
            command.env("LABRPC_TEST_BARE", "");
            command
        } else {
            self.labrpc()
        };
        support::under(&self.wrapper, &inner)
    }

    fn labrpc(&self) -> Command {
        let mut command = match &self.program {
            Some(program) => Command::new(program),
            None => support::labrpc(),
        };
        let listen = self
            .listen
            .map_or("127.0.0.1:0".into(), |at| at.to_string());
        command.args(["serve", "--reuse-port", "--listen", &listen]);
        command.args(["--drain-timeout", "1s"]);
        match &self.folder {
            Some(folder) => {
                for (option, file) in [
                    ("--profile", "profile.toml"),
                    ("--cert", "server.pem"),
                    ("--key", "server.key.pem"),
                ] {
                    command.arg(option).arg(folder.join(file));
                }
                command.arg("--plaintext")
            }
            None => command.args(running::ARGUMENTS),
        };
        command
    }
}

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(settings: &Settings) -> Self {
        let mut command = settings.command();
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| Some(line.unwrap().split_once(MARK)?.1.parse().unwrap()))
            .expect("the server prints where it listens");
        // The pipe must be read, or the server would block on a full one.
        thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let kill = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Resident memory now, in MiB.
    pub(crate) fn resident(&self) -> f64 {
        self.memory("VmRSS:")
    }

    /// Open file descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid()));
        open.unwrap().count()
    }

    /// The server's own id, not that of what it runs under.
    pub(crate) fn pid(&self) -> u32 {
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let first = std::fs::read_to_string(children).ok();
        first
            .and_then(|pids| pids.split(' ').next()?.parse().ok())
            .unwrap_or(self.child.id())
    }

    /// CPU time taken so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let of = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<f64>().ok()
        };
        tasks.filter_map(|task| of(task.ok()?)).sum::<f64>() / 1e9
    }

    /// The largest resident memory so far, in MiB.
    pub(crate) fn peak(&self) -> f64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<f64>().ok())
            .unwrap_or_default()
            / 1024.0
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_alive() {
            self.signal("KILL");
            let _ = self.child.wait();
        }
    }
}

/// The same service by tonic alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a server, started by the tests that need one"]
async fn bare_tonic() {
    use labrpc::pb::{
        GetProfileRequest, GetProfileResponse,
        profile_server::{Profile, ProfileServer},
    };
    use tokio_stream::wrappers::TcpListenerStream;

    if env::var_os("LABRPC_TEST_BARE").is_none() {
        return;
    }
    rlimit::increase_nofile_limit(20_000).unwrap();
    struct Owner;

    #[tonic::async_trait]
    impl Profile for Owner {
        async fn get_profile(
            &self,
            _request: tonic::Request<GetProfileRequest>,
        ) -> Result<tonic::Response<GetProfileResponse>, tonic::Status> {
            Ok(tonic::Response::new((&running::profile()).into()))
        }
    }

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    eprintln!("{MARK}{}", listener.local_addr().unwrap());
    let service = ProfileServer::new(Owner);
    let server = tonic::transport::Server::builder().add_service(service);
    server
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await
        .unwrap();
}

//! A server in a process of its own, for what cannot be tried on the tests' own process: signals, injected
//! errors of system calls, ten thousand connections.
//!
//! The process is this test binary again, told to run the one ignored test below.

use std::{
    env,
    ffi::OsString,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use labrpc::{
    serve::{
        self, Config, limits::Limits, listen::Listener, manager, profile_file::Fields, reload,
    },
    tls,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::serve::running;

const MARK: &str = "listening on ";

/// How to start it. Everything not named is as in `running::config`.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// Where to listen, shared with others; a free port of 127.0.0.1 if absent.
    pub(crate) listen: Option<SocketAddr>,
    /// A folder with `profile.toml` and, for TLS beside plaintext, `server.pem` and `server.key.pem`.
    pub(crate) folder: Option<std::path::PathBuf>,
    /// The program to run it under, such as strace.
    pub(crate) wrapper: Vec<String>,
    /// Plain tonic with its defaults instead.
    pub(crate) bare_tonic: bool,
}

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(settings: &Settings) -> Self {
        let mut words: Vec<OsString> = settings.wrapper.iter().map(Into::into).collect();
        words.push(env::current_exe().unwrap().into());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args(["process::serve", "--exact", "--ignored", "--nocapture"])
            .env(
                "LABRPC_TEST_LISTEN",
                settings
                    .listen
                    .map_or("127.0.0.1:0".into(), |address| address.to_string()),
            )
            .env("LABRPC_TEST_BARE", settings.bare_tonic.to_string())
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::piped());
        if let Some(folder) = &settings.folder {
            command.env("LABRPC_TEST_FOLDER", folder);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                let line = line.unwrap();
                let (_, address) = line.split_once(MARK)?;
                Some(address.parse().unwrap())
            })
            .expect("the server said where it listens");
        // Whatever else it says must find somebody who reads it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let kill = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(kill.unwrap().success());
    }

    /// The server's own id, not that of what it runs under.
    fn pid(&self) -> u32 {
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
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
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

#[test]
#[ignore = "a server, started by the tests that need one"]
fn serve() {
    let Ok(listen) = env::var("LABRPC_TEST_LISTEN") else {
        return;
    };
    rlimit::increase_nofile_limit(20_000).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    if env::var("LABRPC_TEST_BARE").unwrap() == "true" {
        return runtime.block_on(bare_tonic());
    }
    runtime.block_on(async {
        let mut config = Config {
            drain_timeout: Duration::from_secs(1),
            limits: Limits::default(),
            ..running::config()
        };
        if let Some(folder) = env::var_os("LABRPC_TEST_FOLDER") {
            let folder = Path::new(&folder);
            let profile = reload::profile(
                folder.join("profile.toml"),
                Fields::default(),
                reload::EVERY,
            )
            .unwrap();
            config.profile = Arc::new(profile);
            let files = tls::Files {
                cert: folder.join("server.pem"),
                key: folder.join("server.key.pem"),
                client_ca: None,
            };
            if files.cert.exists() {
                config.tls = Some(reload::tls(files, reload::EVERY).unwrap());
                config.plaintext = true;
            }
        }
        let mut terminate = signal(SignalKind::terminate()).unwrap();
        let mut listeners = manager::sockets().unwrap();
        if listeners.is_empty() {
            listeners.push(Listener::tcp(listen.parse().unwrap(), true).unwrap());
        }
        println!("{MARK}{}", listeners[0].address().unwrap());
        manager::ready();
        let shutdown = async {
            terminate.recv().await;
        };
        serve::run(listeners, config, shutdown, std::future::pending()).await;
    });
}

/// What the same service is without a front door.
async fn bare_tonic() {
    use labrpc::pb::{
        GetProfileRequest, GetProfileResponse,
        profile_server::{Profile, ProfileServer},
    };
    use tokio_stream::wrappers::TcpListenerStream;

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
    println!("{MARK}{}", listener.local_addr().unwrap());
    let service = ProfileServer::new(Owner);
    let server = tonic::transport::Server::builder().add_service(service);
    server
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await
        .unwrap();
}

//! What a server writes to standard error, above all where standard error is not read.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    os::fd::OwnedFd,
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

use labrpc::pb::{GetProfileRequest, profile_client::ProfileClient};
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Action, tcflow},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
    sync::oneshot,
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::transport::Endpoint;

use crate::{
    abuse,
    frames::{self, END_HEADERS, HEADERS, Raw, frame},
    serve::running,
    support,
};

/// Not a measure of speed: a step that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server whose log is read up to the end of its greeting.
struct Server {
    child: Child,
    address: SocketAddr,
    metrics: SocketAddr,
    log: BufReader<Box<dyn Read + Send>>,
}

impl Server {
    fn start(arguments: &[&str], stderr: OwnedFd, log: impl Read + Send + 'static) -> Self {
        let mut command = support::labrpc();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--metrics", "127.0.0.1:0"]);
        command.args(running::ARGUMENTS).args(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::from(stderr));
        let child = Command::from(command).kill_on_drop(true).spawn().unwrap();
        let mut log = BufReader::new(Box::new(log) as Box<dyn Read + Send>);
        let mut greeting = String::new();
        while !greeting.contains("grpcurl ") {
            assert_ne!(log.read_line(&mut greeting).unwrap(), 0, "{greeting}");
        }
        let after = |mark: &str| {
            let rest = greeting.split_once(mark).unwrap().1;
            let end = rest.find(['/', '"', '\r', '\n']).unwrap();
            rest[..end].parse().unwrap()
        };
        Self {
            child,
            address: after("listening on "),
            metrics: after("metrics at http://"),
            log,
        }
    }

    /// With a pipe that is not read after the greeting.
    fn with_full_pipe(arguments: &[&str]) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        Self::start(arguments, writer.into(), reader)
    }

    /// With a terminal that is stopped after the greeting, as Ctrl-S does it. The other end must be kept.
    fn with_stopped_terminal(arguments: &[&str]) -> (Self, File) {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = File::options()
            .read(true)
            .write(true)
            .open(Path::new(name.to_str().unwrap()))
            .unwrap();
        let server = Self::start(
            arguments,
            theirs.try_clone().unwrap().into(),
            File::from(ours),
        );
        tcflow(&theirs, Action::OOff).unwrap();
        (server, theirs)
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        let mut kill = std::process::Command::new("kill");
        assert_eq!(support::output(kill.args(["-s", name, &pid])).status, 0);
    }

    /// The counter in the metrics.
    async fn dropped_lines(&self) -> u64 {
        let mut stream = TcpStream::connect(self.metrics).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let sample = text
            .lines()
            .find_map(|line| line.strip_prefix("labrpc_log_lines_dropped_total "));
        sample.unwrap().parse().unwrap()
    }

    /// A hundred callers at once, each on a connection of its own.
    async fn answers_a_hundred_callers(&self) {
        let address = self.address;
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            callers.spawn(async move {
                let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
                let mut client = ProfileClient::new(endpoint.connect().await.unwrap());
                client.get_profile(GetProfileRequest {}).await.unwrap()
            });
        }
        let answers = timeout(TIMEOUT, callers.join_all()).await;
        let answers = answers.expect("every call is answered");
        assert!(
            answers
                .iter()
                .all(|answer| answer.get_ref().id == "1527406014")
        );
    }

    /// A call without its request, which keeps a drain from ending for ten seconds.
    async fn open_call(&self) -> Raw {
        let mut raw = Raw::open(self.address, &[]).await;
        let headers = frames::call_headers(&[]);
        raw.send(&frame(HEADERS, END_HEADERS, 1, &headers)).await;
        raw
    }

    async fn ends(&mut self) {
        let start = Instant::now();
        let status = timeout(TIMEOUT, self.child.wait()).await;
        let status = status.expect("the process ends").unwrap();
        assert_eq!(status.code(), Some(0));
        println!("ended {:?} after the last signal", start.elapsed());
    }

    async fn ends_after_its_drain_timeout(mut self) {
        let _call = self.open_call().await;
        self.signal("TERM");
        self.ends().await;
    }

    async fn ends_at_the_second_signal(mut self) {
        let _call = self.open_call().await;
        self.signal("TERM");
        // The listeners are closed once the first signal was handled.
        let closed = async { while TcpStream::connect(self.address).await.is_ok() {} };
        timeout(TIMEOUT, closed).await.expect("the drain begins");
        self.signal("TERM");
        self.ends().await;
    }
}

const SHORT: [&str; 4] = ["--log", "trace", "--drain-timeout", "1s"];
const LONG: [&str; 4] = ["--log", "trace", "--drain-timeout", "1h"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_stderr_pipe_delays_neither_calls_nor_shutdown() {
    let mut server = Server::with_full_pipe(&SHORT);
    server.answers_a_hundred_callers().await;
    let dropped = server.dropped_lines().await;
    assert!(dropped > 0);

    // As soon as the log is read again, it reports the number of dropped lines.
    let (found, report) = oneshot::channel();
    // A thread, because a runtime waits for its blocking tasks, even if the line never comes.
    thread::spawn(move || {
        let mut line = String::new();
        while !line.contains("log lines dropped") {
            line.clear();
            assert_ne!(server.log.read_line(&mut line).unwrap(), 0);
        }
        drop(found.send((server, line)));
    });
    let report = timeout(TIMEOUT, report).await;
    let (server, line) = report.expect("the drop is reported").unwrap();
    let total = line.rsplit_once("total=").unwrap().1.trim();
    assert!(total.parse::<u64>().unwrap() >= dropped, "{line}");

    server.answers_a_hundred_callers().await;
    server.ends_after_its_drain_timeout().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_stderr_pipe_does_not_delay_the_second_signal() {
    let server = Server::with_full_pipe(&LONG);
    server.answers_a_hundred_callers().await;
    server.ends_at_the_second_signal().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_terminal_delays_neither_calls_nor_shutdown() {
    let (server, _terminal) = Server::with_stopped_terminal(&SHORT);
    server.answers_a_hundred_callers().await;
    server.ends_after_its_drain_timeout().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_terminal_does_not_delay_the_second_signal() {
    let (server, _terminal) = Server::with_stopped_terminal(&LONG);
    server.answers_a_hundred_callers().await;
    server.ends_at_the_second_signal().await;
}

/// Peers can provoke any number of warnings of libraries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn default_log_level_leaves_out_warnings_of_libraries() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut server = Server::start(&["--log-format", "json"], writer.into(), reader);
    for _ in 0..3 {
        let _ = timeout(TIMEOUT, abuse::rapid_reset(server.address)).await;
    }
    server.signal("TERM");
    server.ends().await;
    let mut log = String::new();
    server.log.read_to_string(&mut log).unwrap();
    let events: Vec<serde_json::Value> = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(log.contains("draining"), "{log}");
    for event in events {
        let target = event["target"].as_str().unwrap();
        assert!(target.starts_with("labrpc"), "{event}");
    }
}

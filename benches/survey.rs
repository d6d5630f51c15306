//! What a survey costs, side by side with other ways to ask the same endpoints, in one run.
//!
//! ```text
//! cargo bench --bench survey                      every row that can be run here
//! cargo bench --bench survey -- cpu 20000 3       one table: endpoints, repetitions
//! ```
//!
//! The room is a process of its own, each client is another, and what is counted is the processor time of the
//! client's process from exec to exit. Every client prints a checksum of what it was told; a row whose checksum
//! is not the room's stops the run.

#![allow(clippy::unwrap_used, reason = "a bench that fails should stop")]

use std::{
    env, fs,
    future::pending,
    io::{self, BufRead as _, Write as _},
    net::SocketAddr,
    num::NonZeroUsize,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use labrpc::{
    lab::{self, Room},
    pb::{GetProfileRequest, GetProfileResponse, profile_client::ProfileClient},
    profile::Profile,
    survey::{
        self,
        endpoint::{Address, Endpoint},
        hosts::Hosts,
    },
};
use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// Calls open at the same time, in every client.
const CONCURRENCY: usize = 256;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["room", seats, seed, faults] => room(seats, seed, faults),
        ["client", kind, hosts] => client(kind, hosts),
        [] => {
            cpu(20_000, 3);
        }
        ["cpu", endpoints, times] => cpu(endpoints.parse().unwrap(), times.parse().unwrap()),
        _ => panic!("{words:?}"),
    }
}

/// What a client was told, added up: answers, ids and ticks of height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Checksum {
    answers: u64,
    ids: u64,
    heights: u64,
}

impl Checksum {
    fn add(&mut self, profile: &Profile) {
        self.answers += 1;
        self.ids += profile.id.as_str().parse::<u64>().unwrap();
        self.heights += u64::from(profile.height.ticks());
    }

    fn of<'a>(people: impl IntoIterator<Item = &'a Profile>) -> Self {
        let mut sum = Self::default();
        people.into_iter().for_each(|person| sum.add(person));
        sum
    }

    fn line(self) -> String {
        let Self {
            answers,
            ids,
            heights,
        } = self;
        format!("{answers} {ids} {heights}")
    }
}

/// Opens a room, writes its checksum and hosts to stdout and keeps it until stdin ends.
fn room(seats: &str, seed: &str, faults: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let room = Room::start(lab::Config {
            seats: seats.parse().unwrap(),
            seed: seed.parse().unwrap(),
            faults: faults.parse().unwrap(),
            ..lab::Config::default()
        })
        .await
        .unwrap();
        let hosts = room.hosts();
        let mut text = Checksum::of(room.people()).line() + "\n";
        for index in 0..hosts.len() {
            text += &format!("{}\n", hosts.get(index));
        }
        text += "\n";
        io::stdout().write_all(text.as_bytes()).unwrap();
        tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()))
            .await
            .unwrap()
            .unwrap();
    });
}

/// A room in another process.
struct Other {
    child: Child,
    checksum: String,
    hosts: tempfile::NamedTempFile,
}

impl Other {
    fn open(seats: usize, faults: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["room", &seats.to_string(), "7", faults])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = io::BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let checksum = lines.next().unwrap();
        let mut hosts = tempfile::NamedTempFile::new().unwrap();
        for line in lines.take_while(|line| !line.is_empty()) {
            writeln!(hosts, "{line}").unwrap();
        }
        Self {
            child,
            checksum,
            hosts,
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// One client and what it cost.
struct Row {
    name: &'static str,
    argv: Vec<String>,
    cpus: Vec<f64>,
    walls: Vec<f64>,
}

impl Row {
    fn new(name: &'static str, argv: Vec<String>) -> Self {
        Self {
            name,
            argv,
            cpus: vec![],
            walls: vec![],
        }
    }

    fn measure(&mut self, room: &Other, endpoints: usize) {
        let (before, start) = (children_cpu(), Instant::now());
        let output = Command::new(&self.argv[0])
            .args(&self.argv[1..])
            .arg(room.hosts.path())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let wall = start.elapsed();
        let cpu = children_cpu() - before;
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.trim(), room.checksum, "{}", self.name);
        self.cpus.push(cpu.as_secs_f64() * 1e6 / endpoints as f64);
        self.walls.push(endpoints as f64 / wall.as_secs_f64());
    }
}

fn cpu(endpoints: usize, times: usize) {
    let room = Other::open(endpoints, "");
    let own = env::current_exe().unwrap().display().to_string();
    let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let mut rows: Vec<Row> = ["floor", "labrpc", "channel"]
        .map(|name| Row::new(name, argv(&[&own, "client", name])))
        .into();
    for _ in 0..times {
        for row in &mut rows {
            row.measure(&room, endpoints);
        }
    }
    println!(
        "{:<10} {:>14} {:>14}",
        "client", "µs CPU each", "endpoints/s"
    );
    for Row {
        name, cpus, walls, ..
    } in &mut rows
    {
        println!("{name:<10} {:>14.1} {:>14.0}", median(cpus), median(walls));
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Processor time of all children that have ended.
fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // Fields 16 and 17, counted behind the name in brackets, in hundredths of a second.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn client(kind: &str, hosts: &str) {
    let text = fs::read_to_string(hosts).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let sum = match kind {
        "labrpc" => runtime.block_on(labrpc(&text)),
        "floor" => runtime.block_on(each(&text, floor)),
        "channel" => runtime.block_on(each(&text, channel)),
        _ => panic!("{kind}"),
    };
    println!("{}", sum.line());
}

async fn labrpc(text: &str) -> Checksum {
    let hosts: Hosts = text
        .lines()
        .map(|line| {
            let address: SocketAddr = line.parse().unwrap();
            Endpoint {
                address: Address::Ip(address.ip(), address.port()),
                raw: false,
            }
        })
        .collect();
    let config = survey::Config {
        concurrency: NonZeroUsize::new(CONCURRENCY).unwrap(),
        ..survey::Config::default()
    };
    let answers = survey::run(&hosts, &config, |_, _| {}, pending()).await;
    Checksum::of(
        answers
            .iter()
            .filter_map(|answer| Some(answer.outcome.profile()?.0)),
    )
}

/// Asks every line with `ask`, so many at a time, each within 5 s as `labrpc` does.
async fn each<F>(text: &str, ask: fn(String) -> F) -> Checksum
where
    F: Future<Output = GetProfileResponse> + Send + 'static,
{
    let mut sum = Checksum::default();
    let mut calls = JoinSet::new();
    let mut lines = text.lines();
    loop {
        while calls.len() < CONCURRENCY
            && let Some(line) = lines.next()
        {
            calls.spawn(timeout(Duration::from_secs(5), ask(line.to_owned())));
        }
        match calls.join_next().await {
            Some(answer) => sum.add(&answer.unwrap().unwrap().try_into().unwrap()),
            None => return sum,
        }
    }
}

/// The same call as bytes made by hand: what the sockets themselves cost.
async fn floor(endpoint: String) -> GetProfileResponse {
    const REQUEST: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
        \0\0\0\x04\0\0\0\0\0\
        \0\0\x40\x01\x04\0\0\0\x01\
        \x83\x86\x04\x17/lab.Profile/GetProfile\x01\x03lab\
        \x0f\x10\x10application/grpc\0\x02te\x08trailers\
        \0\0\x05\0\x01\0\0\0\x01\0\0\0\0\0";
    let mut stream = TcpStream::connect(endpoint).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut buffer = Vec::with_capacity(1024);
    let mut message = None;
    let mut at = 0;
    loop {
        assert!(stream.read_buf(&mut buffer).await.unwrap() > 0);
        while let Some(head) = buffer.get(at..at + 9) {
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            let Some(payload) = buffer.get(at + 9..at + 9 + length) else {
                break;
            };
            match (head[3], head[4] & 1) {
                (0, _) => message = Some(GetProfileResponse::decode(&payload[5..]).unwrap()),
                (1, 1) => return message.unwrap(),
                _ => {}
            }
            at += 9 + length;
        }
    }
}

/// tonic's own transport.
async fn channel(endpoint: String) -> GetProfileResponse {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{endpoint}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut client = ProfileClient::new(channel);
    client
        .get_profile(GetProfileRequest {})
        .await
        .unwrap()
        .into_inner()
}

//! What a survey costs, side by side with other ways to ask the same endpoints, in one run.
//!
//! ```text
//! sh benches/baselines/survey.sh                  installs the baselines; rows of missing ones are left out
//! cargo bench --bench survey                      every table, some minutes
//! cargo bench --bench survey -- cpu 20000 5       one table: endpoints, repetitions
//! cargo bench --bench survey -- forty 15
//! cargo bench --bench survey -- growth 3
//! cargo bench --bench survey -- campus 100000
//! cargo bench --bench survey -- method 100000 3
//! ```
//!
//! The simulated room is one process and each client another; the CPU time of the client's process is counted from
//! exec to exit. The answers of every client are added up, and a sum that differs from the room's stops the run.
//! Rows are run in turn, and medians are given.

#![allow(clippy::unwrap_used, reason = "a bench that fails should stop")]

use std::{
    env, fs,
    future::pending,
    io::{self, BufRead as _, Write as _},
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use bytes::Bytes;
use labrpc::{
    lab::{self, Room, ServiceKind},
    pb::{GetProfileRequest, GetProfileResponse, profile_client::ProfileClient},
    profile::Profile,
    question::{AnswerId, AnyMethod, DEFAULT_MAX_MESSAGE, GetProfile, find_method},
    schema::Schema,
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
use tonic::metadata::MetadataMap;

/// Calls open at the same time, in every client.
const CONCURRENCY: usize = 256;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["room", seats, service, faults] => room(seats, service, faults),
        ["client", kind, hosts] => client(kind, hosts),
        [] => {
            cpu(20_000, 5);
            forty(15);
            growth(3);
            campus(100_000);
            method(100_000, 3);
        }
        ["cpu", endpoints, times] => cpu(endpoints.parse().unwrap(), times.parse().unwrap()),
        ["forty", times] => forty(times.parse().unwrap()),
        ["growth", times] => growth(times.parse().unwrap()),
        ["campus", endpoints] => campus(endpoints.parse().unwrap()),
        ["method", endpoints, times] => {
            method(endpoints.parse().unwrap(), times.parse().unwrap());
        }
        _ => panic!("{words:?}"),
    }
}

/// The answers that a client received, added up: their number, ids and ticks of height.
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
        self.heights += u64::from(profile.build.ticks()[0]);
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
fn room(seats: &str, service: &str, faults: &str) {
    let runtime = single();
    runtime.block_on(async {
        let room = Room::start(lab::Config {
            service: ServiceKind::from_name(service).unwrap(),
            seats: seats.parse().unwrap(),
            faults: faults.parse().unwrap(),
            ..lab::Config::default()
        })
        .await
        .unwrap();
        let hosts = room.hosts();
        let mut sum = Checksum::of(room.people());
        sum.answers = hosts.len() as u64;
        let mut text = sum.line() + "\n";
        for index in 0..hosts.len() {
            text += &format!("{}\n", hosts.get(index));
        }
        text += "\n";
        io::stdout().write_all(text.as_bytes()).unwrap();
        let end = || io::copy(&mut io::stdin(), &mut io::sink());
        tokio::task::spawn_blocking(end).await.unwrap().unwrap();
    });
}

fn single() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// A room in another process.
struct Other {
    child: Child,
    checksum: String,
    hosts: tempfile::NamedTempFile,
}

impl Other {
    fn open(seats: usize, faults: &str) -> Self {
        Self::open_with(seats, ServiceKind::Profile, faults)
    }

    fn open_with(seats: usize, service: ServiceKind, faults: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["room", &seats.to_string(), service.name(), faults])
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

/// One client and what its runs cost.
struct Row {
    name: &'static str,
    /// The client; the file of hosts is its last argument.
    argv: Vec<String>,
    /// How its answers are read.
    answers: Answers,
    /// Seconds of processor time, and of the clock.
    cpus: Vec<f64>,
    walls: Vec<f64>,
    /// The largest resident set that the client has reported, in KiB.
    peak: u64,
}

/// What a client prints.
#[derive(Clone, Copy)]
enum Answers {
    /// The checksum itself.
    Sum,
    /// The room's JSON messages, one after the other.
    Messages,
    /// `labrpc survey --format jsonl`.
    Run,
}

impl Row {
    fn new(name: &'static str, answers: Answers, argv: &[&str]) -> Self {
        Self {
            name,
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            answers,
            cpus: vec![],
            walls: vec![],
            peak: 0,
        }
    }

    /// The same, if its program is there.
    fn baseline(name: &'static str, answers: Answers, argv: &[&str]) -> Option<Self> {
        let there = Path::new(argv[0]).exists();
        if !there {
            eprintln!(
                "{name}: left out, no {}; see benches/baselines/survey.sh",
                argv[0]
            );
        }
        there.then(|| Self::new(name, answers, argv))
    }

    fn measure(&mut self, room: &Other) {
        let (before, start) = (children_cpu(), Instant::now());
        let output = Command::new(&self.argv[0])
            .args(&self.argv[1..])
            .arg(room.hosts.path())
            .env("PYTHONPATH", baselines().join("python"))
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        self.walls.push(start.elapsed().as_secs_f64());
        self.cpus.push((children_cpu() - before).as_secs_f64());
        let sum = self.answers.sum(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        let peak = said.lines().find_map(|line| line.strip_prefix("peak "));
        self.peak = self.peak.max(peak.map_or(0, |peak| peak.parse().unwrap()));
        assert_eq!(sum, room.checksum, "{}: {said}", self.name);
    }
}

impl Answers {
    fn sum(self, printed: &[u8]) -> String {
        let people: Vec<Profile> = match self {
            Self::Sum => return String::from_utf8_lossy(printed).trim().to_owned(),
            Self::Messages => serde_json::Deserializer::from_slice(printed)
                .into_iter()
                .map(Result::unwrap)
                .collect(),
            Self::Run => printed
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap())
                .filter(|line| line["outcome"] == "ok" || line["outcome"] == "duplicate_id")
                .map(|line| serde_json::from_value(line["profile"].clone()).unwrap())
                .collect(),
        };
        Checksum::of(&people).line()
    }
}

/// What benches/baselines/survey.sh has installed.
fn baselines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/baselines")
}

fn own() -> String {
    env::current_exe().unwrap().display().to_string()
}

/// `labrpc survey`, the command itself, ranking and report included.
fn command() -> Row {
    let labrpc = env!("CARGO_BIN_EXE_labrpc");
    let concurrency = CONCURRENCY.to_string();
    let arguments = ["survey", "-c", &concurrency, "--format", "jsonl", "--hosts"];
    Row::new(
        "labrpc survey",
        Answers::Run,
        &[&[labrpc], &arguments[..]].concat(),
    )
}

fn in_turn(rows: &mut [Row], times: usize, room: &Other) {
    for _ in 0..times {
        rows.iter_mut().for_each(|row| row.measure(room));
    }
}

/// Processor time of a client for each endpoint.
fn cpu(endpoints: usize, times: usize) {
    println!("\nclient CPU per endpoint, {endpoints} endpoints, median of {times}");
    let room = Other::open(endpoints, "");
    let path = |name: &str| baselines().join(name).display().to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baselines/survey.py");
    let python = path("venv/bin/python");
    let client = |name, kind| Row::new(name, Answers::Sum, &[&own(), "client", kind]);
    let mut rows = vec![
        client("hand-made bytes", "floor"),
        client("labrpc::survey", "labrpc"),
        command(),
        client("tonic Channel", "channel"),
    ];
    rows.extend(Row::baseline(
        "grpc-go",
        Answers::Sum,
        &[&path("bin/survey-go")],
    ));
    rows.extend(Row::baseline(
        "grpcio asyncio",
        Answers::Sum,
        &[&python, script, "grpcio"],
    ));
    in_turn(&mut rows, times, &room);

    println!(
        "{:<16} {:>8} {:>12} {:>12}",
        "", "µs CPU", "over floor", "endpoints/s"
    );
    for row in &rows {
        let (cpu, wall) = (median(&row.cpus), median(&row.walls));
        // Of each round its own: what else the machine does changes from round to round.
        let ratios = row.cpus.iter().zip(&rows[0].cpus);
        let ratios: Vec<f64> = ratios.map(|(cpu, floor)| cpu / floor).collect();
        println!(
            "{:<16} {:>8.1} {:>12.2} {:>12.0}",
            row.name,
            cpu * 1e6 / endpoints as f64,
            median(&ratios),
            endpoints as f64 / wall
        );
    }
}

/// Forty endpoints, from exec to exit.
fn forty(times: usize) {
    println!("\nforty endpoints, from exec to exit, median of {times}");
    let room = Other::open(40, "");
    // The original client waits for the server to speak: these seats do so at once.
    let raw = Other::open(40, "raw=40");
    let grpcurl = baselines().join("bin/grpcurl").display().to_string();
    let xargs =
        format!("xargs -P 40 -I {{}} {grpcurl} -plaintext {{}} lab.Profile/GetProfile < \"$0\"");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baselines/survey.py");
    let mut rows = vec![command()];
    if Path::new(&grpcurl).exists() {
        rows.push(Row::new(
            "xargs grpcurl",
            Answers::Messages,
            &["sh", "-c", &xargs],
        ));
    }
    in_turn(&mut rows, times, &room);
    let python = ["/usr/bin/env", "python3", script, "threads"];
    let mut raw_rows = vec![command(), Row::new("Python threads", Answers::Sum, &python)];
    raw_rows[0].name = "labrpc, raw";
    in_turn(&mut raw_rows, times, &raw);
    println!("{:<16} {:>8} {:>8}", "", "ms", "ms CPU");
    for row in rows.iter().chain(&raw_rows) {
        println!(
            "{:<16} {:>8.1} {:>8.1}",
            row.name,
            median(&row.walls) * 1e3,
            mean(&row.cpus) * 1e3
        );
    }
}

/// How the cost grows with the room.
fn growth(times: usize) {
    println!("\ngrowth of labrpc::survey's CPU, median of {times}");
    let sizes = [1_000, 10_000, 100_000];
    let costs = sizes.map(|size| {
        let room = Other::open(size, "");
        let mut row = Row::new("", Answers::Sum, &[&own(), "client", "labrpc"]);
        // A clock of hundredths of a second needs a hundred thousand endpoints to be exact.
        let runs = 100_000 / size;
        let cost = |row: &mut Row| {
            row.cpus.clear();
            (0..runs).for_each(|_| row.measure(&room));
            row.cpus.iter().sum::<f64>() / runs as f64
        };
        let costs: Vec<f64> = (0..times).map(|_| cost(&mut row)).collect();
        let cost = median(&costs);
        println!(
            "{size:>8} endpoints: {:>8.1} µs each",
            cost * 1e6 / size as f64
        );
        cost
    });
    println!("exponent {:.3}", (costs[2] / costs[0]).log(100.0));
}

/// A campus, one in ten dead or hostile, by the command itself.
fn campus(endpoints: usize) {
    println!("\n{endpoints} endpoints, one in ten slow, dead, hostile or wrong");
    let room = Other::open(endpoints, "all=10%");
    let report = tempfile::NamedTempFile::new().unwrap();
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_labrpc"))
        .args(["survey", "--format", "jsonl", "-o"])
        .arg(report.path())
        .arg("--hosts")
        .arg(room.hosts.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(memory_peak(child.id()).unwrap_or(0));
        sleep(Duration::from_millis(5));
    }
    println!(
        "{:.1} s, peak {} MiB",
        start.elapsed().as_secs_f64(),
        peak / 1024
    );
}

/// Any method beside the profile's generated code.
fn method(endpoints: usize, times: usize) {
    println!("\nany method, {endpoints} endpoints, median of {times}");
    let client = |name, kind| Row::new(name, Answers::Sum, &[&own(), "client", kind]);
    let profiles = Other::open(endpoints, "");
    let machines = Other::open_with(endpoints, ServiceKind::Fleet, "");
    let mut rows = [
        (client("GetProfile", "labrpc"), &profiles),
        (client("the same, generic", "generic"), &profiles),
        (client("GetStatus, generic", "fleet"), &machines),
    ];
    for _ in 0..times {
        rows.iter_mut().for_each(|(row, room)| row.measure(room));
    }
    println!(
        "{:<20} {:>8} {:>12} {:>9}",
        "", "µs CPU", "of the first", "peak MiB"
    );
    for (row, _) in &rows {
        let ratios = row.cpus.iter().zip(&rows[0].0.cpus);
        let ratios: Vec<f64> = ratios.map(|(cpu, first)| cpu / first).collect();
        println!(
            "{:<20} {:>8.1} {:>12.2} {:>9}",
            row.name,
            median(&row.cpus) * 1e6 / endpoints as f64,
            median(&ratios),
            row.peak / 1024
        );
    }
}

/// The largest resident set of a process so far, in KiB; none once it has ended.
fn memory_peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
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
    let runtime = single();
    let sum = match kind {
        "labrpc" => runtime.block_on(labrpc(&text)),
        "generic" => runtime.block_on(generic(&text)),
        "fleet" => runtime.block_on(fleet(&text)),
        "floor" => runtime.block_on(each(&text, floor)),
        "channel" => runtime.block_on(each(&text, channel)),
        _ => panic!("{kind}"),
    };
    println!("{}", sum.line());
    eprintln!("peak {}", memory_peak(std::process::id()).unwrap());
}

/// The endpoints of a list, one in a line.
fn hosts(text: &str) -> Hosts {
    let endpoint = |line: &str| {
        let address: SocketAddr = line.parse().unwrap();
        Endpoint {
            address: Address::Ip(address.ip(), address.port()),
            raw: false,
        }
    };
    text.lines().map(endpoint).collect()
}

fn config() -> survey::Config {
    survey::Config {
        concurrency: NonZeroUsize::new(CONCURRENCY).unwrap(),
        ..survey::Config::default()
    }
}

async fn labrpc(text: &str) -> Checksum {
    let (hosts, config) = (hosts(text), config());
    let answers = survey::run(&hosts, &GetProfile, &config, |_, _| {}, pending()).await;
    Checksum::of(
        answers
            .iter()
            .filter_map(|answer| Some(answer.outcome.answer()?.0)),
    )
}

/// The same method without its generated code: every answer is another one.
async fn generic(text: &str) -> Checksum {
    let method = Schema::built_in().method(&"lab.Profile/GetProfile".parse().unwrap());
    let question = AnyMethod::new(method.unwrap(), Bytes::new());
    let (hosts, config) = (hosts(text), config());
    let results = survey::run(&hosts, &question, &config, |_, _| {}, pending()).await;
    let answers = question.answers();
    let mut sum = Checksum::default();
    for (AnswerId(id), _) in results.iter().filter_map(|result| result.outcome.answer()) {
        let bytes = answers.distinct[*id as usize].clone();
        let response = GetProfileResponse::decode(bytes).unwrap();
        sum.add(&response.try_into().unwrap());
    }
    sum
}

/// A method of a fleet, with its schema by reflection.
async fn fleet(text: &str) -> Checksum {
    let (hosts, config) = (hosts(text), config());
    let name = "fleet.v1.MachineService/GetStatus".parse().unwrap();
    let (metadata, max_message) = (MetadataMap::new(), DEFAULT_MAX_MESSAGE);
    let method = find_method(&hosts, &config, &metadata, max_message, &name).await;
    let question = AnyMethod::new(method.unwrap(), Bytes::new());
    let results = survey::run(&hosts, &question, &config, |_, _| {}, pending()).await;
    let answers = results
        .iter()
        .filter(|result| result.outcome.answer().is_some());
    Checksum {
        answers: answers.count() as u64,
        ..Checksum::default()
    }
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

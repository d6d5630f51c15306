//! The abuse table: each row is an attack on the port, and during each a good client makes 200 calls a second, of
//! which none may fail.
//!
//! `cargo test --test it abuse -- --ignored --nocapture` prints the table with plain tonic as a second column.

use std::{future::Future, net::SocketAddr, pin::Pin, process::Command, time::Duration};

use labrpc::pb::{GetProfileRequest, profile_client::ProfileClient};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpSocket, TcpStream},
    sync::oneshot::{self, error::TryRecvError},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tonic::transport::{Channel, Endpoint};

use crate::{
    frames::{
        self, CONTINUATION, DATA, EMPTY_MESSAGE, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING,
        PREFACE, RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, frame,
    },
    process::{Process, Settings},
};

/// How long each row lasts: 200 calls of the good client.
pub(crate) const ROW: Duration = Duration::from_secs(1);

/// A call that takes longer will not be answered: no row is about speed, and the machine may be busy.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

type Attack = fn(SocketAddr) -> Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What strace injects into accept(2) for a while after the good client has its first connection.
    pub(crate) accept_error: Option<&'static str>,
    pub(crate) attack: Attack,
}

impl Row {
    /// The program to run the server under.
    fn wrapper(&self) -> Vec<String> {
        let strace = |error| {
            let inject = format!("-einject=accept4:error={error}:when=6..11");
            let fixed = ["strace", "-fqq", "-o/dev/null", "-etrace=accept4"];
            fixed.map(str::to_owned).into_iter().chain([inject])
        };
        self.accept_error.into_iter().flat_map(strace).collect()
    }

    /// Whether strace may trace here, if it is needed.
    fn is_possible(&self) -> bool {
        self.accept_error.is_none() || {
            let mut strace = Command::new("strace");
            let works = strace.args(["-qq", "-o", "/dev/null", "true"]).status();
            works.is_ok_and(|status| status.success())
        }
    }
}

macro_rules! rows {
    ($to:ident: $($name:literal $($error:literal)? => $attack:expr;)+) => {
        vec![$(Row {
            name: $name,
            accept_error: None$(.or(Some($error)))?,
            attack: |$to| Box::pin($attack),
        }),+]
    };
}

pub(crate) fn rows() -> Vec<Row> {
    rows! { to:
        "silence on 200 connections" => hold(to, 200, b"");
        "half a preface on 200" => hold(to, 200, &PREFACE[..10]);
        "a preface and no SETTINGS" => hold(to, 200, PREFACE);
        "half a TLS hello on 200" => hold(to, 200, b"\x16\x03\x01\x02\x00\x01");
        "half an HTTP request on 200" => hold(to, 200, b"GET / HTTP/1.1\r\nHost: ");
        "a byte every 50 ms" => drip(to);
        "headers of a megabyte" => repeat(to, header_flood);
        "CONTINUATION without an end" => repeat(to, continuation_flood);
        "rapid reset" => repeat(to, rapid_reset);
        "calls whose errors are provoked" => repeat(to, provoked_errors);
        "PING flood" => flood(to, frame(PING, 0, 0, &[7; 8]));
        "SETTINGS flood" => flood(to, frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]));
        "unknown frames" => flood(to, frame(0xee, 0xff, 0, &[0; 64]));
        "empty DATA frames" => repeat(to, empty_data);
        "WINDOW_UPDATE beyond the limit" => repeat(to, window_overflow);
        "GOAWAY flood" => flood(to, frame(GOAWAY, 0, 0, &[0; 8]));
        "zero window" => repeat(to, zero_window);
        "responses that are not read" => repeat(to, never_reads);
        "calls that never end, 50 × 128" => endless_calls(to);
        "10,000 connections" => crowd(to);
        "one address takes all it can get" => hog(to);
        "connect and reset" => repeat(to, connect_and_reset);
        "a message of 4 GiB announced" => repeat(to, oversized);
        "a compressed message" => repeat(to, compressed);
        "all 256 first bytes" => first_bytes(to);
        "nonsense in grpc-timeout" => repeat(to, timeouts);
        "cross-site GET" => repeat(to, cross_site);
        "banners of ten other protocols" => banners(to);
        "random bytes after the preface" => repeat(to, random);
        "accept: EMFILE" "EMFILE" => repeat(to, knock);
        "accept: ENFILE" "ENFILE" => repeat(to, knock);
        "accept: ENOMEM" "ENOMEM" => repeat(to, knock);
        "accept: ECONNABORTED" "ECONNABORTED" => repeat(to, knock);
    }
}

/// What the good client saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) calls: u32,
    pub(crate) failed: u32,
    /// The first failure, for diagnosis.
    pub(crate) why: Option<String>,
    slowest: Duration,
}

/// 200 calls a second on one connection, and every twentieth on a new one.
pub(crate) async fn good_client(to: SocketAddr, mut stop: oneshot::Receiver<()>) -> Seen {
    let endpoint = || {
        let endpoint = Endpoint::from_shared(format!("http://{to}")).unwrap();
        // Another address than that of the abuse: what one may take is the hog's row.
        endpoint.local_address(Some("127.0.0.77".parse().unwrap()))
    };
    let connect = async || -> Result<ProfileClient<Channel>, String> {
        match timeout(CALL_TIMEOUT, endpoint().connect()).await {
            Ok(channel) => channel
                .map(ProfileClient::new)
                .map_err(|error| format!("{error:?}")),
            Err(_) => Err("no connection in time".into()),
        }
    };
    let mut client = connect().await.unwrap();
    let mut seen = Seen::default();
    let mut ticks = interval(Duration::from_millis(5));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut calls = JoinSet::new();
    while stop.try_recv() == Err(TryRecvError::Empty) {
        ticks.tick().await;
        if seen.calls % 20 == 19 {
            match connect().await {
                Ok(new) => client = new,
                Err(error) => {
                    seen.failed += 1;
                    seen.why.get_or_insert(error);
                }
            }
        }
        let mut client = client.clone();
        seen.calls += 1;
        calls.spawn(async move {
            let start = Instant::now();
            let answer = timeout(CALL_TIMEOUT, client.get_profile(GetProfileRequest {})).await;
            (answer, start.elapsed())
        });
    }
    while let Some(done) = calls.join_next().await {
        let (answer, took) = done.unwrap();
        seen.slowest = seen.slowest.max(took);
        let failure = match answer {
            Ok(Ok(response)) => {
                (response.get_ref().id != "1527406014").then(|| format!("{response:?}"))
            }
            Ok(Err(status)) => Some(format!("{status:?}")),
            Err(_) => Some("no answer in time".into()),
        };
        if let Some(failure) = failure {
            seen.failed += 1;
            seen.why.get_or_insert(failure);
        }
    }
    seen
}

/// Runs one row against one server.
async fn run(row: &Row, bare_tonic: bool) -> (Seen, String) {
    let mut server = Process::start(&Settings {
        bare_tonic,
        wrapper: row.wrapper(),
        ..Settings::default()
    });
    let before = server.cpu();
    let start = Instant::now();
    let (stop, stopped) = oneshot::channel();
    let good = tokio::spawn(good_client(server.address, stopped));
    let _ = timeout(10 * ROW, (row.attack)(server.address)).await;
    if let Some(rest) = ROW.checked_sub(start.elapsed()) {
        sleep(rest).await;
    }
    drop(stop);
    let seen = good.await.unwrap();
    assert!(server.is_alive(), "the server is gone");
    let cost = format!(
        "{:>5.0} % CPU {:>5.0} MiB {:>5} ms",
        100.0 * (server.cpu() - before) / start.elapsed().as_secs_f64(),
        server.peak(),
        seen.slowest.as_millis(),
    );
    (seen, cost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_of_a_good_client_fails_during_any_attack() {
    rlimit::increase_nofile_limit(20_000).unwrap();
    let mut bad = Vec::new();
    for row in rows() {
        if !row.is_possible() {
            crate::support::skip(&format!("{}: strace does not work here", row.name));
            continue;
        }
        let (seen, cost) = run(&row, false).await;
        eprintln!("{:<34} {cost}", row.name);
        assert!(
            seen.calls >= 20,
            "{}: only {} calls were made",
            row.name,
            seen.calls
        );
        if let Some(why) = seen.why {
            bad.push(format!(
                "{}: {} of {} calls failed: {why}",
                row.name, seen.failed, seen.calls
            ));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints the table with plain tonic beside it; its figures are for reading"]
async fn table() {
    rlimit::increase_nofile_limit(20_000).unwrap();
    println!("{:<34} {:<46} bare tonic", "", "labrpc serve");
    let filter = std::env::var("LABRPC_TEST_ROW").unwrap_or_default();
    let rows = rows();
    let rows = rows.iter().filter(|row| row.name.contains(&filter));
    for row in rows.filter(|row| row.is_possible()) {
        print!("{:<34}", row.name);
        for bare_tonic in [false, true] {
            let (Seen { calls, failed, .. }, cost) = run(row, bare_tonic).await;
            print!(" {failed:>4} of {calls:>4} failed {cost} ");
        }
        println!();
    }
}

/// Opens connections that send `opening` and then nothing, until the row is over.
async fn hold(to: SocketAddr, count: usize, opening: &[u8]) {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut raw = Raw::connect(to).await;
        raw.send(opening).await;
        held.push(raw);
    }
    sleep(ROW).await;
}

/// Does the same again and again, from four connections at once, until the row is over.
async fn repeat<F>(to: SocketAddr, once: fn(SocketAddr) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut callers = JoinSet::new();
    for _ in 0..4 {
        callers.spawn(async move {
            let end = Instant::now() + ROW;
            while Instant::now() < end {
                // The server may close early or not answer.
                let _ = timeout(ROW, once(to)).await;
            }
        });
    }
    callers.join_all().await;
}

/// Sends one frame as often as it can on four connections, and reads what comes back.
async fn flood(to: SocketAddr, frame: Vec<u8>) {
    let mut callers = JoinSet::new();
    for _ in 0..4 {
        let burst = frame.repeat(1000);
        callers.spawn(async move {
            let end = Instant::now() + ROW;
            while Instant::now() < end {
                let raw = Raw::open(to, &[]).await;
                let (mut read, mut write) = raw.stream.into_split();
                let reader = tokio::spawn(async move {
                    let mut sink = vec![0; 65_536];
                    while read.read(&mut sink).await.is_ok_and(|n| n > 0) {}
                });
                while Instant::now() < end
                    && tokio::io::AsyncWriteExt::write_all(&mut write, &burst)
                        .await
                        .is_ok()
                {}
                reader.abort();
            }
        });
    }
    callers.join_all().await;
}

async fn drip(to: SocketAddr) {
    let mut raw = Raw::connect(to).await;
    for byte in PREFACE {
        raw.send(&[*byte]).await;
        sleep(Duration::from_millis(50)).await;
    }
}

async fn header_flood(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    let filler = "x".repeat(15_000);
    for stream in (1..129).step_by(2) {
        let block = frames::call_headers(&[("x-filler", &filler)]);
        raw.send(&frame(HEADERS, END_HEADERS, stream, &block)).await;
    }
    raw.rest().await;
}

async fn continuation_flood(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    let piece = frames::block(&[("x-filler", &"x".repeat(16_000))]);
    raw.send(&frame(HEADERS, 0, 1, &frames::call_headers(&[])))
        .await;
    for _ in 0..200 {
        raw.send(&frame(CONTINUATION, 0, 1, &piece)).await;
    }
    raw.rest().await;
}

pub(crate) async fn rapid_reset(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    let headers = frames::call_headers(&[]);
    let mut burst = Vec::new();
    for stream in (1..4001).step_by(2) {
        burst.extend(frame(HEADERS, END_HEADERS, stream, &headers));
        burst.extend(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }
    raw.send(&burst).await;
    raw.rest().await;
}

/// Has the server reset the streams instead (RUSTSEC-2024-0003).
async fn provoked_errors(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    raw.send(&frames::malformed_calls(4_000)).await;
    raw.rest().await;
}

async fn empty_data(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &frames::call_headers(&[])))
        .await;
    let burst = frame(DATA, 0, 1, &[]).repeat(1000);
    for _ in 0..100 {
        raw.send(&burst).await;
    }
}

async fn window_overflow(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    let most = 0x7fff_ffff_u32.to_be_bytes();
    raw.send(&frame(WINDOW_UPDATE, 0, 0, &most).repeat(2)).await;
    raw.rest().await;
}

async fn zero_window(to: SocketAddr) {
    // SETTINGS_INITIAL_WINDOW_SIZE is 4.
    let mut raw = Raw::open(to, &[(4, 0)]).await;
    for stream in (1..257).step_by(2) {
        raw.call(stream, &[]).await;
    }
    raw.rest().await;
}

async fn never_reads(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    for stream in (1..20_001).step_by(2) {
        raw.call(stream, &[]).await;
    }
    sleep(ROW).await;
}

async fn endless_calls(to: SocketAddr) {
    let mut held = Vec::new();
    let headers = frames::call_headers(&[]);
    for _ in 0..50 {
        let mut raw = Raw::open(to, &[]).await;
        for stream in (1..257).step_by(2) {
            raw.send(&frame(HEADERS, END_HEADERS, stream, &headers))
                .await;
        }
        held.push(raw);
    }
    sleep(ROW).await;
}

/// Ten thousand connections from forty addresses.
async fn crowd(to: SocketAddr) {
    let mut held = Vec::new();
    for n in 0..10_000u32 {
        let socket = TcpSocket::new_v4().unwrap();
        let source = format!("127.0.1.{}:0", 1 + n % 40).parse().unwrap();
        socket.bind(source).unwrap();
        if let Ok(mut stream) = socket.connect(to).await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, PREFACE).await;
            held.push(stream);
        }
    }
    sleep(ROW).await;
}

/// As many connections and calls as one address is given, and more.
async fn hog(to: SocketAddr) {
    let mut held: Vec<TcpStream> = Vec::new();
    let headers = frames::call_headers(&[]);
    let mut opening = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for stream in (1..33).step_by(2) {
        opening.extend(frame(HEADERS, END_HEADERS, stream, &headers));
    }
    for _ in 0..500 {
        let mut raw = Raw::connect(to).await;
        raw.send(&opening).await;
        held.push(raw.stream);
    }
    sleep(ROW).await;
}

async fn connect_and_reset(to: SocketAddr) {
    let raw = Raw::connect(to).await;
    raw.stream.set_zero_linger().unwrap();
}

async fn oversized(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &frames::call_headers(&[])))
        .await;
    raw.send(&frame(DATA, 0, 1, b"\0\xff\xff\xff\xff")).await;
    raw.until(|frame| frame.stream == 1).await;
}

async fn compressed(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    raw.send(&frame(
        HEADERS,
        END_HEADERS,
        1,
        &frames::call_headers(&[("grpc-encoding", "gzip")]),
    ))
    .await;
    raw.send(&frame(DATA, END_STREAM, 1, &[1, 0, 0, 0, 1, 0]))
        .await;
    raw.until(|frame| frame.stream == 1).await;
}

async fn first_bytes(to: SocketAddr) {
    let mut held = Vec::new();
    for first in 0..=u8::MAX {
        let mut raw = Raw::connect(to).await;
        raw.send(&[first; 64]).await;
        held.push(raw);
    }
    sleep(ROW).await;
}

async fn timeouts(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    for (n, value) in ["", "S", "-1S", "99999999H", "0n", "1e9S", "💣"]
        .iter()
        .enumerate()
    {
        raw.call(2 * n as u32 + 1, &[("grpc-timeout", value)]).await;
    }
    raw.until(|frame| frame.stream == 13 && frame.ends_stream())
        .await;
}

async fn cross_site(to: SocketAddr) {
    let mut raw = Raw::connect(to).await;
    raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n\r\n")
        .await;
    let mut answer = Vec::new();
    let _ = raw.stream.read_to_end(&mut answer).await;
    assert!(
        !String::from_utf8_lossy(&answer).contains("178"),
        "another site got the profile"
    );
}

async fn banners(to: SocketAddr) {
    let banners: [&[u8]; 10] = [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"EHLO example.org\r\n",
        b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",
        b"\x00\x00\x00\x54\xffSMBr\x00\x00\x00\x00",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0alabrpcTest",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
        b"<?xml version='1.0'?><stream:stream>",
        b"\x05\x01\x00",
        b"RTSP/1.0 OPTIONS *\r\n",
    ];
    for _ in 0..10 {
        for banner in banners {
            let mut raw = Raw::connect(to).await;
            raw.send(banner).await;
            let mut answer = Vec::new();
            let _ = timeout(ROW, raw.stream.read_to_end(&mut answer)).await;
        }
    }
}

async fn random(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    let bytes: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(10_000)
        .collect();
    raw.send(&bytes).await;
    raw.rest().await;
}

/// A good call on a new connection, as often as it can.
async fn knock(to: SocketAddr) {
    let mut raw = Raw::open(to, &[]).await;
    raw.call(1, &[]).await;
    raw.until(|frame| frame.ends_stream() && frame.payload != EMPTY_MESSAGE)
        .await;
}

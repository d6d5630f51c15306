//! Floods of small HTTP/2 control frames: they end with GOAWAY, and they do not delay the calls of other addresses.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crate::{
    frames::{
        self, DATA, EMPTY_MESSAGE, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE,
        RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, frame,
    },
    process::{Process, Settings},
    serve::running::{Running, config, scrape_from},
};

const PRIORITY: u8 = 2;
const ENHANCE_YOUR_CALM: [u8; 4] = 11u32.to_be_bytes();

/// Without the limit it would never come.
const GOAWAY_TIMEOUT: Duration = Duration::from_secs(30);

/// The frames of a flood by name. Stream 1 is that of the call with which each connection begins.
fn floods() -> [(&'static str, Vec<u8>); 6] {
    [
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("PRIORITY", frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("RST_STREAM", frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
        ("unknown frames", frame(0xee, 0xff, 0, &[])),
    ]
}

#[tokio::test]
async fn control_frame_flood_is_ended_with_enhance_your_calm() {
    let (server, metrics) = Running::with_metrics(config());
    let mut good = Raw::open(server.address, &[]).await;
    for (name, flood) in floods() {
        let mut raw = Raw::open(server.address, &[]).await;
        raw.call(1, &[]).await;
        raw.until(|frame| frame.ends_stream()).await.unwrap();
        raw.send(&flood.repeat(1_200)).await;
        let goaway = raw.until(|frame| frame.kind == GOAWAY);
        let goaway = tokio::time::timeout(GOAWAY_TIMEOUT, goaway).await;
        let goaway = goaway.unwrap_or_else(|_| panic!("{name}: the flood is not ended"));
        let goaway = goaway.unwrap_or_else(|| panic!("{name}: closed without GOAWAY"));
        assert_eq!(
            goaway.payload[..4],
            1u32.to_be_bytes(),
            "{name}: last stream"
        );
        assert_eq!(goaway.payload[4..8], ENHANCE_YOUR_CALM, "{name}");
        assert_eq!(raw.rest().await, [], "{name}: frames after GOAWAY");
    }
    good.call(1, &[]).await;
    good.until(|frame| frame.ends_stream()).await.unwrap();
    let text = scrape_from("127.0.0.1", metrics).await;
    let line = r#"labrpc_connections_closed_by_server_total{reason="enhance_your_calm"} 6"#;
    assert!(text.contains(line), "{text}");
}

#[tokio::test]
async fn ten_thousand_pings_with_calls_between_them_do_not_end_a_connection() {
    let server = Running::start(config());
    let mut raw = Raw::open(server.address, &[]).await;
    raw.send(&frame(WINDOW_UPDATE, 0, 0, &[0, 0x10, 0, 0]))
        .await;
    let ping = frame(PING, 0, 0, &[7; 8]);
    for stream in (1..201).step_by(2) {
        raw.send(&ping.repeat(100)).await;
        raw.call(stream, &[]).await;
        let end = raw.until(|frame| frame.ends_stream()).await;
        assert_eq!(end.expect("the connection lives").stream, stream);
    }
}

/// One measurement: how many connections flood from how many addresses.
#[derive(Clone, Copy)]
struct Shape {
    connections: usize,
    addresses: usize,
    reconnects: bool,
}

/// What the flooders did together.
#[derive(Default)]
struct Sent {
    bytes: AtomicU64,
    ended: AtomicU64,
    stop: AtomicBool,
}

/// The calls of another address.
#[derive(Default)]
struct Calls {
    times: Vec<Duration>,
    failed: usize,
}

impl Calls {
    fn summary(&mut self) -> String {
        self.times.sort();
        let ms = |index: usize| self.times.get(index).map_or(0.0, |t| t.as_secs_f64() * 1e3);
        let last = self.times.len().saturating_sub(1);
        format!(
            "{:>6} calls {:>2} failed median {:>7.2} p99 {:>7.2} worst {:>7.2} ms",
            self.times.len(),
            self.failed,
            ms(last / 2),
            ms(last * 99 / 100),
            ms(last)
        )
    }
}

/// `LABRPC_TEST_PROGRAM` names the server to measure, such as a release binary; `LABRPC_TEST_ROW` the floods.
#[test]
#[ignore = "takes minutes and both cores; its figures are for reading"]
fn calls_of_other_addresses_during_control_frame_floods() {
    rlimit::increase_nofile_limit(20_000).unwrap();
    let filter = std::env::var("LABRPC_TEST_ROW").unwrap_or_default();
    for (connections, addresses) in [(256, 1), (4_096, 16)] {
        for (name, flood) in &floods()[..4] {
            for reconnects in [false, true] {
                let shape = Shape {
                    connections,
                    addresses,
                    reconnects,
                };
                let how = if reconnects { "again" } else { "once" };
                let row = format!("{connections:>5} from {addresses:>2} {how:<5} {name:<13}");
                if row.contains(&filter) {
                    println!("{row} {}", measure(shape, flood));
                }
            }
        }
    }
}

fn measure(shape: Shape, flood: &[u8]) -> String {
    let server = Process::start(&Settings {
        program: std::env::var_os("LABRPC_TEST_PROGRAM").map(PathBuf::from),
        ..Settings::default()
    });
    let to = server.address;
    let sent = Sent::default();
    let burst = flood.repeat(65_536 / flood.len());
    let (mut kept, mut new) = (Calls::default(), Calls::default());
    let start = Instant::now();
    let before = server.cpu();
    thread::scope(|scope| {
        // The attackers share the cores with the server. More threads of theirs than cores would measure how the
        // kernel divides the time, which other machines' attacks do not take.
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for first in 0..threads.min(shape.addresses) {
            let addresses: Vec<_> = (first..shape.addresses).step_by(threads).collect();
            let (sent, burst) = (&sent, &burst);
            scope.spawn(move || attack(to, &addresses, shape, burst, sent));
        }
        caller(to, &mut kept, &mut new);
        sent.stop.store(true, Relaxed);
    });
    let seconds = start.elapsed().as_secs_f64();
    format!(
        "{} | new connections {} | {:>5} ended, {:>4.0} MB/s, server {:>3.0} % CPU",
        kept.summary(),
        new.summary(),
        sent.ended.load(Relaxed),
        sent.bytes.load(Relaxed) as f64 / 1e6 / seconds,
        100.0 * (server.cpu() - before) / seconds,
    )
}

fn connect(from: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&format!("{from}:0").parse::<SocketAddr>().unwrap().into())?;
    socket.connect_timeout(&to.into(), Duration::from_secs(10))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Keeps these addresses' share of the connections full of frames, and takes what is answered.
fn attack(to: SocketAddr, addresses: &[usize], shape: Shape, burst: &[u8], sent: &Sent) {
    let mut from = addresses.iter().cycle();
    let mut open = || -> Option<(TcpStream, usize)> {
        let from = format!("127.0.1.{}", from.next()? + 1);
        let mut stream = connect(&from, to).ok()?;
        stream.write_all(PREFACE).ok()?;
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((stream, 0))
    };
    let count = shape.connections / shape.addresses * addresses.len();
    let mut connections: Vec<_> = (0..count).filter_map(|_| open()).collect();
    let mut scratch = vec![0; 65_536];
    while !sent.stop.load(Relaxed) {
        let mut is_idle = true;
        connections.retain_mut(|(stream, at)| {
            let _ = stream.read(&mut scratch);
            match stream.write(&burst[*at..]) {
                Ok(n) => {
                    *at = (*at + n) % burst.len();
                    sent.bytes.fetch_add(n as u64, Relaxed);
                    is_idle = false;
                    true
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => true,
                Err(_) => {
                    sent.ended.fetch_add(1, Relaxed);
                    false
                }
            }
        });
        while shape.reconnects && connections.len() < count && !sent.stop.load(Relaxed) {
            connections.extend(open());
        }
        if is_idle {
            thread::sleep(Duration::from_micros(500));
        }
    }
}

/// A call that takes longer counts as failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Calls for five seconds and at least a thousand times, on one connection, and every fiftieth on a new one.
fn caller(to: SocketAddr, kept: &mut Calls, new: &mut Calls) {
    let (start, mut connection) = (Instant::now(), Caller::open(to));
    while start.elapsed() < Duration::from_secs(5) || kept.times.len() < 1_000 {
        if start.elapsed() > Duration::from_secs(60) {
            break;
        }
        for _ in 0..49 {
            connection = connection.and_then(|mut connection| {
                kept.timed(|| connection.call())?;
                Some(connection)
            });
            if connection.is_none() {
                connection = Caller::open(to);
            }
            thread::sleep(Duration::from_millis(1));
        }
        new.timed(|| Caller::open(to)?.call());
    }
}

impl Calls {
    fn timed(&mut self, call: impl FnOnce() -> Option<()>) -> Option<()> {
        let start = Instant::now();
        let done = call();
        self.times.push(start.elapsed());
        self.failed += usize::from(done.is_none());
        done
    }
}

struct Caller(TcpStream, u32);

impl Caller {
    fn open(to: SocketAddr) -> Option<Self> {
        let mut stream = connect("127.0.0.77", to).ok()?;
        stream.set_read_timeout(Some(CALL_TIMEOUT)).ok()?;
        stream.write_all(PREFACE).ok()?;
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).ok()?;
        let window = frame(WINDOW_UPDATE, 0, 0, &0x7000_0000u32.to_be_bytes());
        stream.write_all(&window).ok()?;
        Some(Self(stream, 1))
    }

    fn call(&mut self) -> Option<()> {
        let Self(stream, id) = self;
        let headers = frame(HEADERS, END_HEADERS, *id, &frames::call_headers(&[]));
        let data = frame(DATA, END_STREAM, *id, EMPTY_MESSAGE);
        stream.write_all(&[headers, data].concat()).ok()?;
        loop {
            let mut header = [0; 9];
            stream.read_exact(&mut header).ok()?;
            let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
            stream.read_exact(&mut vec![0; length as usize]).ok()?;
            if header[3] == HEADERS && header[4] & END_STREAM != 0 {
                break;
            }
        }
        *id += 2;
        Some(())
    }
}

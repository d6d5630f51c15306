//! A long run: good and hostile traffic on one server, whose files are replaced meanwhile.
//!
//! `LABRPC_TEST_SOAK=25m cargo test --release --test it soak -- --ignored --nocapture` prints its
//! memory, its descriptors and the results of the good calls. Variables such as `MALLOC_ARENA_MAX=2` reach the server.

use std::{fs, path::Path, process::Command, sync::Arc, time::Duration};

use labrpc::{
    pb::{GetProfileRequest, profile_client::ProfileClient},
    tls::{self, ca},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    time::{Instant, sleep, timeout},
};
use tonic::transport::Endpoint;

use crate::{
    abuse::{self, ROW, Row, Seen},
    process::{Process, Settings},
    reload_restart,
    serve::running::TlsConnect,
    support,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Not a measure of speed: a step that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What was measured once a second.
struct Sample {
    at: Duration,
    resident: f64,
    descriptors: usize,
}

#[derive(Default)]
struct Counts {
    calls: u32,
    failed: u32,
    attacks: u32,
    reloads: u32,
    why: Vec<String>,
}

impl Counts {
    fn add(&mut self, seen: Seen, during: &str) {
        self.calls += seen.calls;
        self.failed += seen.failed;
        let why = seen.why.map(|why| format!("{during}: {why}"));
        self.why.extend(why);
    }

    fn add_call(&mut self, succeeded: bool, what: &str) {
        self.calls += 1;
        self.failed += u32::from(!succeeded);
        if !succeeded {
            self.why.push(what.to_owned());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes, or LABRPC_TEST_SOAK; its figures are for reading"]
async fn soak() {
    rlimit::increase_nofile_limit(20_000).unwrap();
    let duration = std::env::var("LABRPC_TEST_SOAK").unwrap_or_else(|_| "3m".into());
    let duration: Duration = humantime::parse_duration(&duration).unwrap();
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let server = Arc::new(Process::start(&Settings {
        folder: Some(folder.path().to_owned()),
        ..Settings::default()
    }));
    let descriptors = server.descriptors();
    let start = Instant::now();
    let (stop, stopped) = oneshot::channel();
    let sampler = tokio::spawn(sample(Arc::clone(&server), start, stopped));

    let mut counts = Counts::default();
    // Rows that run under a program such as strace start a server of their own.
    let rows: Vec<Row> = abuse::rows()
        .into_iter()
        .filter(|row| row.accept_error.is_none())
        .collect();
    while start.elapsed() < duration {
        let row = &rows[counts.attacks as usize % rows.len()];
        reload(folder.path(), &mut counts);
        counts.add(attack(&server, row).await, row.name);
        counts.attacks += 1;
        other_protocols(&server, folder.path(), &mut counts).await;
    }
    drop(stop);
    let samples = sampler.await.unwrap();
    // A reload may be in progress.
    let left = async {
        while server.descriptors() > descriptors + 2 {
            sleep(ROW / 10).await
        }
    };
    let left = timeout(MINUTE, left).await;

    print(&samples, &counts, duration);
    print_trimmed(&server);
    assert!(left.is_ok(), "{} descriptors", server.descriptors());
    assert_eq!(counts.failed, 0, "{:#?}", counts.why);
}

/// A profile, and a certificate that can be exchanged for another.
fn prepare(folder: &Path) {
    ca::create(folder).unwrap();
    for name in ["a.example", "b.example"] {
        let names = [name, "127.0.0.1"].map(|name| name.parse().unwrap());
        ca::issue(folder, &names[0], &names[1..]).unwrap();
    }
    install(folder, "a");
    reload_restart::write_profile(folder, "1527406014");
}

fn install(folder: &Path, name: &str) {
    for file in ["key.pem", "pem"] {
        let from = folder.join(format!("{name}.example.{file}"));
        fs::copy(from, folder.join(format!("server.{file}"))).unwrap();
    }
}

/// Replaces a file, with a bad one every third time.
fn reload(folder: &Path, counts: &mut Counts) {
    counts.reloads += 1;
    match counts.reloads % 6 {
        0 | 3 => fs::write(folder.join("profile.toml"), "id = \"half\nheig").unwrap(),
        1 => install(folder, "a"),
        4 => install(folder, "b"),
        _ => reload_restart::write_profile(folder, "1527406014"),
    }
}

/// One row of the abuse table, beside the good client.
async fn attack(server: &Process, row: &Row) -> Seen {
    let (stop, stopped) = oneshot::channel();
    let good = tokio::spawn(abuse::good_client(server.address, stopped));
    let start = Instant::now();
    let _ = timeout(10 * ROW, (row.attack)(server.address)).await;
    if let Some(rest) = ROW.checked_sub(start.elapsed()) {
        sleep(rest).await;
    }
    drop(stop);
    good.await.unwrap()
}

/// A call over TLS, an HTTP request and a raw connection.
async fn other_protocols(server: &Process, folder: &Path, counts: &mut Counts) {
    let address = server.address;
    let trusting = tls::client(Some(&folder.join("ca.pem")), None, false).unwrap();
    let call = async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let connector = TlsConnect(trusting, address);
        let channel = endpoint.connect_with_connector(connector).await.ok()?;
        let mut client = ProfileClient::new(channel);
        client.get_profile(GetProfileRequest {}).await.ok()
    };
    let answered = timeout(TIMEOUT, call)
        .await
        .is_ok_and(|answer| answer.is_some());
    counts.add_call(answered, "TLS");
    for (name, request) in [
        ("HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("raw", ""),
    ] {
        let exchange = async {
            let mut stream = TcpStream::connect(address).await.ok()?;
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            Some(answer)
        };
        let answer = timeout(TIMEOUT, exchange).await.ok().flatten();
        let answered = answer.is_some_and(|answer| answer.contains("1527406014"));
        counts.add_call(answered, name);
    }
}

async fn sample(
    server: Arc<Process>,
    start: Instant,
    mut stop: oneshot::Receiver<()>,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = &mut stop => return samples,
            _ = ticks.tick() => samples.push(Sample {
                at: start.elapsed(),
                resident: server.resident(),
                descriptors: server.descriptors(),
            }),
        }
    }
}

fn print(samples: &[Sample], counts: &Counts, duration: Duration) {
    // Until each row of the table has run.
    let warm_up = (duration / 3).min(5 * MINUTE);
    let minutes = minima(samples);
    let warm: Vec<_> = minutes
        .iter()
        .copied()
        .filter(|(minute, _)| 60.0 * minute >= warm_up.as_secs_f64())
        .collect();
    let Counts {
        calls,
        failed,
        attacks,
        reloads,
        ..
    } = counts;
    println!("{calls} good calls, {failed} failed; {attacks} attacks, {reloads} reloads");
    let all = |of: fn(&Sample) -> f64| samples.iter().map(of).fold(0.0, f64::max);
    println!(
        "at most {:.0} MiB resident and {:.0} descriptors",
        all(|sample| sample.resident),
        all(|sample| sample.descriptors as f64),
    );
    for (minute, resident) in &minutes {
        println!("minute {minute:>3}: at least {resident:.1} MiB resident");
    }
    match slope(&warm) {
        Some(slope) => println!("after {warm_up:?}: {:+.2} MiB an hour", 60.0 * slope),
        None => println!("too short for a slope"),
    }
}

/// The lowest resident memory of each whole minute.
fn minima(samples: &[Sample]) -> Vec<(f64, f64)> {
    let minute = |sample: &Sample| sample.at.as_secs() / 60;
    samples
        .chunk_by(|a, b| minute(a) == minute(b))
        .filter(|chunk| chunk.len() > 50)
        .map(|chunk| {
            let lowest = chunk.iter().map(|sample| sample.resident);
            (minute(&chunk[0]) as f64, lowest.fold(f64::MAX, f64::min))
        })
        .collect()
}

/// The slope of the line with the least squares.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let products = points.iter().map(|point| (point.0 - x) * (point.1 - y));
    let squares = points
        .iter()
        .map(|point| (point.0 - x).powi(2))
        .sum::<f64>();
    (points.len() > 1).then(|| products.sum::<f64>() / squares)
}

/// Prints how much memory the allocator holds that is free.
fn print_trimmed(server: &Process) {
    let Some(gdb) = support::find("gdb") else {
        return println!("no gdb: the allocator's share is not measured");
    };
    let before = server.resident();
    let trimmed = Command::new(gdb)
        .args(["-batch", "-ex", "call (int)malloc_trim(0)", "-p"])
        .arg(server.pid().to_string())
        .output()
        .unwrap();
    println!(
        "{before:.1} MiB resident at the end, {:.1} after malloc_trim(0)",
        server.resident()
    );
    if !trimmed.status.success() {
        println!("gdb failed: {}", String::from_utf8_lossy(&trimmed.stderr));
    }
}

#[test]
fn slope_is_the_least_squares_fit() {
    assert_eq!(slope(&[(5.0, 1.0)]), None);
    assert_eq!(slope(&[(5.0, 1.0), (6.0, 3.0)]), Some(2.0));
    assert_eq!(slope(&[(0.0, 1.0), (1.0, 0.0), (2.0, 2.0)]), Some(0.5));
}

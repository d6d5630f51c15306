//! Limits of connections and calls: timeouts, numbers, sizes, and the allow list.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use h2::{RecvStream, SendStream, client::SendRequest};
use http::{Request, Response};
use labrpc::{
    pb::GetProfileRequest,
    profile::Profile,
    serve::{Config, End, Protocols, limits::Limits, profile_source::ProfileSource},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tonic::Code;

use crate::frames::{self, GOAWAY, HEADERS, PREFACE, Raw, SETTINGS, frame};
use crate::serve::running::{JSON, Running, config, profile};

/// An HTTP/2 client that can leave calls open.
async fn h2_client(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

type Open = (h2::client::ResponseFuture, SendStream<Bytes>);

/// Sends the headers of a call and keeps its message back.
fn begin(client: &mut SendRequest<Bytes>, timeout: Option<&str>) -> Open {
    let mut request = Request::post("http://127.0.0.1/lab.Profile/GetProfile")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", timeout);
    }
    client
        .send_request(request.body(()).unwrap(), false)
        .unwrap()
}

fn code(response: &Response<RecvStream>) -> Option<Code> {
    let status = response.headers().get("grpc-status")?;
    Some(Code::from_bytes(status.as_bytes()))
}

/// Reads to the end, which may be a reset.
async fn everything(mut stream: TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    received
}

fn limited(limits: Limits) -> Config {
    Config { limits, ..config() }
}

#[tokio::test]
async fn preface_in_single_bytes_is_detected_as_grpc() {
    let server = Running::start(config());
    let mut raw = Raw::connect(server.address).await;
    for byte in [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat() {
        raw.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    raw.call(1, &[]).await;
    let last = raw.until(|frame| frame.ends_stream()).await.unwrap();
    assert_eq!((last.kind, last.stream), (HEADERS, 1));
}

#[tokio::test(start_paused = true)]
async fn incomplete_preface_is_closed_at_handshake_deadline() {
    let server = Running::start(config());
    let openings: [&[u8]; 5] = [
        b"P",
        &PREFACE[..PREFACE.len() - 1],
        b"\x16",
        b"GET",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
    ];
    for opening in openings {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(opening).await.unwrap();
        let start = Instant::now();
        let received = everything(stream).await;
        let text = String::from_utf8_lossy(&received);
        assert!(!text.contains("178"), "{opening:?} was answered: {text}");
        // The paused clock advances only while every task is idle.
        let waited = start.elapsed().as_secs_f64();
        assert!((4.9..5.2).contains(&waited), "{opening:?}: {waited} s");
    }
}

#[tokio::test(start_paused = true)]
async fn silent_client_gets_raw_json_after_the_raw_delay_if_raw_is_served() {
    for raw in [true, false] {
        let server = Running::start(Config {
            protocols: Protocols {
                raw,
                ..Protocols::default()
            },
            ..config()
        });
        let stream = TcpStream::connect(server.address).await.unwrap();
        let start = Instant::now();
        let received = everything(stream).await;
        let waited = start.elapsed().as_secs_f64();
        if raw {
            assert_eq!(String::from_utf8(received).unwrap(), JSON);
            assert!((2.9..3.2).contains(&waited), "{waited} s");
        } else {
            assert_eq!(received, b"");
            assert!((4.9..5.2).contains(&waited), "{waited} s");
        }
    }
}

#[tokio::test]
async fn unknown_protocol_is_closed_at_its_first_byte() {
    let server = Running::start(Config {
        limits: Limits {
            raw_delay: Duration::MAX,
            handshake: Duration::from_secs(3600),
            ..Limits::default()
        },
        ..config()
    });
    for first in (0..=u8::MAX).filter(|byte| !b"\x16CDGHOPT".contains(byte)) {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&[first]).await.unwrap();
        assert_eq!(everything(stream).await, b"", "first byte {first}");
    }
    server.answers().await;
}

#[tokio::test]
async fn protocols_that_are_not_served_are_closed() {
    let server = Running::start(Config {
        protocols: "raw".parse().unwrap(),
        ..config()
    });
    for opening in [PREFACE, b"GET / HTTP/1.1\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(opening).await.unwrap();
        assert_eq!(everything(stream).await, b"");
    }
}

#[test]
fn unknown_protocol_name_is_in_the_error() {
    assert_eq!("grpc, http,raw".parse(), Ok(Protocols::default()));
    for (text, name) in [("", "\"\""), ("grpc,ftp", "\"ftp\""), ("GRPC", "\"GRPC\"")] {
        let error = text.parse::<Protocols>().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn idle_connection_gets_goaway_and_is_cut_after_the_grace_period() {
    let server = Running::start(config());
    let mut raw = Raw::open(server.address, &[]).await;
    raw.call(1, &[]).await;
    raw.until(|frame| frame.ends_stream()).await.unwrap();
    let start = Instant::now();
    raw.until(|frame| frame.kind == GOAWAY).await.unwrap();
    let goaway_at = start.elapsed().as_secs();
    assert!(
        (299..=301).contains(&goaway_at),
        "GOAWAY after {goaway_at} s"
    );
    // A peer that does not answer the PING after it is cut.
    raw.rest().await;
    let cut = start.elapsed().as_secs();
    assert!((304..=306).contains(&cut), "cut after {cut} s");
}

#[tokio::test(start_paused = true)]
async fn open_watch_is_not_idle_and_ends_at_the_maximum_age() {
    let server = Running::start(config());
    let mut health = tonic_health::pb::health_client::HealthClient::new(server.channel().await);
    let request = tonic_health::pb::HealthCheckRequest::default();
    let mut watch = health.watch(request).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    let start = Instant::now();
    watch.message().await.unwrap_err();
    let age = start.elapsed().as_secs();
    // An hour, a tenth to either side, and the grace.
    assert!((3_240..=3_966).contains(&age), "cut after {age} s");
}

#[tokio::test]
async fn connections_of_one_address_are_limited() {
    let server = Running::start(limited(Limits {
        connections: 6,
        connections_per_address: 4,
        ..Limits::default()
    }));
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(Raw::open(server.address, &[]).await);
    }
    let fifth = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(everything(fifth).await, b"");

    // Other addresses are not affected until the server is full.
    for source in ["127.0.0.2", "127.0.0.3"] {
        let mut raw = Raw::connect_from(source, server.address).await.unwrap();
        assert!(raw.handshake(&[]).await, "{source}");
        held.push(raw);
    }
    let seventh = Raw::connect_from("127.0.0.4", server.address).await;
    assert_eq!(everything(seventh.unwrap().stream).await, b"");

    // Released connections can be used again.
    held.clear();
    while !Raw::connect(server.address).await.handshake(&[]).await {}
}

#[tokio::test]
async fn call_beyond_the_limit_is_rejected_with_retry_pushback() {
    let server = Running::start(limited(Limits {
        calls_per_address: 3,
        ..Limits::default()
    }));
    assert_three_calls_may_wait(&server).await;
    server.answers().await;
}

async fn assert_three_calls_may_wait(server: &Running) {
    let mut client = h2_client(server.address).await;
    let held: Vec<Open> = (0..3).map(|_| begin(&mut client, None)).collect();
    let (response, _body) = begin(&mut client, None);
    let response = response.await.unwrap();
    assert_eq!(code(&response), Some(Code::ResourceExhausted));
    assert_eq!(response.headers()["grpc-retry-pushback-ms"], "1000");
    // The three are still answered.
    for (response, mut body) in held {
        body.send_data(Bytes::from_static(frames::EMPTY_MESSAGE), true)
            .unwrap();
        assert_eq!(code(&response.await.unwrap()), None);
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_timeout_is_kept_and_capped_and_ends_with_deadline_exceeded() {
    let server = Running::start(config());
    let mut client = h2_client(server.address).await;
    for (timeout, seconds) in [
        (Some("250m"), 0.25),
        (Some("99999999H"), 10.0),
        (None, 10.0),
        (Some("0n"), 0.0),
    ] {
        let start = Instant::now();
        let (response, _body) = begin(&mut client, timeout);
        let response = response.await.unwrap();
        assert_eq!(code(&response), Some(Code::DeadlineExceeded), "{timeout:?}");
        let waited = start.elapsed().as_secs_f64();
        assert!((waited - seconds).abs() < 0.05, "{timeout:?}: {waited} s");
    }
    for nonsense in ["", "5", "S", "-1S", "1.5S", "123456789S", "1D", "1 S", "∞S"] {
        let (response, _body) = begin(&mut client, Some(nonsense));
        let response = response.await.unwrap();
        assert_eq!(code(&response), Some(Code::InvalidArgument), "{nonsense:?}");
    }
}

/// A source that panics the first time that it is used.
struct PanicsOnce(AtomicBool);

impl ProfileSource for PanicsOnce {
    fn profile(&self, _local: Option<SocketAddr>) -> Option<Profile> {
        assert!(self.0.swap(true, Ordering::Relaxed), "the first call fails");
        Some(profile())
    }
}

#[tokio::test]
async fn handler_panic_is_an_internal_error_and_the_connection_survives() {
    let server = Running::start(Config {
        profile: Arc::new(PanicsOnce(AtomicBool::new(false))),
        ..config()
    });
    let mut client = h2_client(server.address).await;
    for expected in [Some(Code::Internal), None] {
        let (response, mut body) = begin(&mut client, None);
        body.send_data(Bytes::from_static(frames::EMPTY_MESSAGE), true)
            .unwrap();
        assert_eq!(code(&response.await.unwrap()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_outside_the_allow_list_are_closed_before_a_byte_is_read() {
    // Dual stack, so that the callers are v4-mapped addresses.
    for (listen, allow, callers) in [
        (
            "127.0.0.1:0",
            "127.0.0.2/32",
            [("127.0.0.2", true), ("127.0.0.1", false)],
        ),
        (
            "[::]:0",
            "127.0.0.0/30",
            [("127.0.0.3", true), ("127.0.0.4", false)],
        ),
        (
            "127.0.0.1:0",
            "::ffff:127.0.0.0/126",
            [("127.0.0.3", true), ("127.0.0.4", false)],
        ),
    ] {
        let listener =
            labrpc::serve::listen::Listener::tcp(listen.parse().unwrap(), false).unwrap();
        let server = Running::on(
            listener,
            Config {
                allow: vec![allow.parse().unwrap()],
                ..config()
            },
        );
        let address = SocketAddr::new("127.0.0.1".parse().unwrap(), server.address.port());
        for (caller, allowed) in callers {
            // Nothing is sent: a rejected peer is closed without the delay of the raw answer.
            let start = Instant::now();
            let raw = Raw::connect_from(caller, address).await.unwrap();
            let received = everything(raw.stream).await;
            assert_eq!(received == JSON.as_bytes(), allowed, "{caller} at {listen}");
            assert_eq!(
                start.elapsed() > Duration::from_secs(1),
                allowed,
                "{caller}"
            );
        }
    }
}

#[tokio::test]
async fn oversized_or_compressed_message_is_rejected() {
    let server = Running::start(config());
    let mut client = h2_client(server.address).await;
    let send = async |client: &mut SendRequest<Bytes>, message: &'static [u8], end: bool| {
        let (response, mut body) = begin(client, None);
        body.send_data(Bytes::from_static(message), end).unwrap();
        code(&response.await.unwrap())
    };
    // The length decides, before any of the gigabytes arrives.
    let claims = send(&mut client, b"\0\xff\xff\xff\xff", false).await;
    assert_eq!(claims, Some(Code::OutOfRange));
    let compressed = send(&mut client, &[1, 0, 0, 0, 0], true).await;
    assert!(
        matches!(compressed, Some(Code::Internal | Code::Unimplemented)),
        "{compressed:?}"
    );
    let nothing = send(&mut client, b"", true).await;
    assert!(nothing.is_some_and(|code| code != Code::Ok), "{nothing:?}");
    let good = send(&mut client, frames::EMPTY_MESSAGE, true).await;
    assert_eq!(good, None);
}

#[tokio::test]
async fn rapid_reset_flood_ends_with_enhance_your_calm_on_its_connection_only() {
    let server = Running::start(config());
    let mut good = server.client().await;
    let mut raw = Raw::open(server.address, &[]).await;
    let headers = frames::call_headers(&[]);
    let mut flood = Vec::new();
    for stream in (1..20_001).step_by(2) {
        flood.extend(frame(HEADERS, frames::END_HEADERS, stream, &headers));
        flood.extend(frame(frames::RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }
    raw.send(&flood).await;
    let goaway = raw.until(|frame| frame.kind == GOAWAY).await.unwrap();
    // ENHANCE_YOUR_CALM
    assert_eq!(goaway.payload[4..8], 11u32.to_be_bytes());
    good.get_profile(GetProfileRequest {}).await.unwrap();
    drop(good);
    assert_eq!(server.end().await, End::Drained);
}

#[tokio::test]
async fn flood_of_provoked_resets_ends_with_enhance_your_calm_on_its_connection_only() {
    let server = Running::start(config());
    let mut good = server.client().await;
    let mut raw = Raw::open(server.address, &[]).await;
    raw.send(&frames::malformed_calls(2_000)).await;
    let goaway = raw.until(|frame| frame.kind == GOAWAY);
    // Without the limit it would never come.
    let goaway = timeout(Duration::from_secs(60), goaway).await.unwrap();
    let goaway = goaway.unwrap();
    // ENHANCE_YOUR_CALM
    assert_eq!(goaway.payload[4..8], 11u32.to_be_bytes());
    good.get_profile(GetProfileRequest {}).await.unwrap();
}

/// A malformed request in the same write as a good call ends the connection before the call is polled.
#[tokio::test]
async fn call_that_was_never_polled_does_not_leak_its_connection_permit() {
    let server = Running::start(limited(Limits {
        connections: 4,
        ..Limits::default()
    }));
    let call = frames::call_headers(&[]);
    let connect = [
        (":method", "CONNECT"),
        (":authority", "x:1"),
        ("content-length", "5"),
    ];
    let opening = [
        PREFACE.to_vec(),
        frame(SETTINGS, 0, 0, &[]),
        frame(HEADERS, frames::END_HEADERS, 1, &call),
        frame(HEADERS, frames::END_HEADERS, 3, &frames::block(&connect)),
    ]
    .concat();
    for _ in 0..16 {
        let mut raw = Raw::connect(server.address).await;
        raw.send(&opening).await;
        raw.rest().await;
    }
    // The last one may not be quite gone yet.
    let again = async { while connect_and_ask(server.address).await.is_none() {} };
    timeout(Duration::from_secs(60), again)
        .await
        .expect("the server is full of connections that are gone");
}

/// `None` where the connection is closed at once.
async fn connect_and_ask(address: SocketAddr) -> Option<frames::Frame> {
    let mut raw = Raw::connect(address).await;
    raw.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat())
        .await;
    raw.call(1, &[]).await;
    raw.until(|frame| frame.ends_stream()).await
}

/// The peer gives no window: as many responses as there are slots are kept for a while, the others are reset.
#[tokio::test(start_paused = true)]
async fn unread_responses_are_limited_and_reset_after_the_grace_period() {
    const INITIAL_WINDOW_SIZE: u16 = 4;
    let limits = Limits {
        calls_per_address: 3,
        ..Limits::default()
    };
    let longest = (limits.call + limits.grace).as_secs_f64();
    let server = Running::start(limited(limits));
    let mut raw = Raw::open(server.address, &[(INITIAL_WINDOW_SIZE, 0)]).await;
    let start = Instant::now();
    for stream in (1..20).step_by(2) {
        raw.call(stream, &[]).await;
    }
    let mut resets = Vec::new();
    while resets.len() < 10 {
        raw.until(|frame| frame.kind == frames::RST_STREAM)
            .await
            .expect("the connection lives");
        resets.push(start.elapsed().as_secs_f64());
    }
    let soon = resets.iter().filter(|at| **at < 1.0).count();
    let late = resets.iter().filter(|at| **at > longest - 1.0).count();
    assert_eq!((soon, late), (7, 3), "{resets:?}");
    assert!(resets[9] < longest + 1.0, "{resets:?}");
    // The slots are released. A paused clock would jump and end these calls as well.
    tokio::time::resume();
    assert_three_calls_may_wait(&server).await;
}

#[tokio::test]
async fn endless_continuation_frames_end_the_connection() {
    let server = Running::start(config());
    let mut raw = Raw::open(server.address, &[]).await;
    let piece = frames::block(&[("x-filler", &"x".repeat(8_000))]);
    raw.send(&frame(HEADERS, 0, 1, &frames::call_headers(&[])))
        .await;
    for _ in 0..1_000 {
        raw.send(&frame(frames::CONTINUATION, 0, 1, &piece)).await;
    }
    let rest = raw.rest().await;
    // Long before the last of the eight megabytes.
    assert!(rest.iter().any(|frame| frame.kind == GOAWAY), "{rest:?}");
    server.answers().await;
}

#[tokio::test]
async fn oversized_headers_are_rejected_and_the_connection_survives() {
    let server = Running::start(config());
    let mut client = h2_client(server.address).await;
    let request = Request::post("http://127.0.0.1/lab.Profile/GetProfile")
        .header("content-type", "application/grpc")
        .header("x-filler", "x".repeat(9_000));
    let (response, _) = client
        .send_request(request.body(()).unwrap(), true)
        .unwrap();
    assert_eq!(response.await.unwrap().status(), 431);
    let (response, mut body) = begin(&mut client, None);
    body.send_data(Bytes::from_static(frames::EMPTY_MESSAGE), true)
        .unwrap();
    assert_eq!(code(&response.await.unwrap()), None);
}

#[tokio::test]
async fn at_most_128_calls_are_open_on_a_connection() {
    let server = Running::start(config());
    let mut raw = Raw::open(server.address, &[]).await;
    let headers = frames::call_headers(&[]);
    for stream in (1..=2 * 129).step_by(2) {
        raw.send(&frame(HEADERS, frames::END_HEADERS, stream, &headers))
            .await;
    }
    let refused = raw
        .until(|frame| frame.kind == frames::RST_STREAM)
        .await
        .unwrap();
    // REFUSED_STREAM: the caller may retry.
    assert_eq!(
        (refused.stream, &refused.payload[..]),
        (257, &7u32.to_be_bytes()[..])
    );
}

//! Long-lived calls: health watches and reflection have limits, deadlines and memory of their own.

use std::{net::SocketAddr, process::Command, time::Duration};

use labrpc::serve::{Config, limits::Limits};
use prost::Message as _;
use tokio::{
    net::TcpSocket,
    time::{Instant, sleep, timeout},
};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

use crate::{
    frames::{
        DATA, EMPTY_MESSAGE, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Raw, WINDOW_UPDATE,
        call_headers, frame, headers_of,
    },
    process::{Process, Settings},
    serve::{
        running::{Running, config},
        shares::{HANG, calls_from},
    },
    support,
};

const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// SETTINGS_INITIAL_WINDOW_SIZE, and a value with which no window is ever used up.
const INITIAL_WINDOW: u16 = 4;
const LARGE: u32 = 0x3fff_ffff;

/// A request for the file with the server's own service.
fn reflection_request() -> ServerReflectionRequest {
    let symbol = MessageRequest::FileContainingSymbol("lab.Profile".into());
    ServerReflectionRequest {
        message_request: Some(symbol),
        ..ServerReflectionRequest::default()
    }
}

/// The same as a gRPC message.
fn reflection_message() -> Vec<u8> {
    let bytes = reflection_request().encode_to_vec();
    let mut message = vec![0, 0, 0, 0, u8::try_from(bytes.len()).unwrap()];
    message.extend(bytes);
    message
}

/// The frames of `streams` watches.
fn watches(streams: u32) -> Vec<u8> {
    let headers = headers_of(WATCH, &[]);
    let watch = |n: u32| {
        let headers = frame(HEADERS, END_HEADERS, 2 * n + 1, &headers);
        [headers, frame(DATA, END_STREAM, 2 * n + 1, EMPTY_MESSAGE)].concat()
    };
    (0..streams).flat_map(watch).collect()
}

/// The frames of reflection streams that stay open, each with as many requests, in one DATA frame: a connection with
/// many small ones is closed.
fn reflections(streams: u32, requests: usize) -> Vec<u8> {
    let headers = headers_of(REFLECTION, &[]);
    let messages = reflection_message().repeat(requests);
    let stream = |n: u32| {
        let headers = frame(HEADERS, END_HEADERS, 2 * n + 1, &headers);
        [headers, frame(DATA, 0, 2 * n + 1, &messages)].concat()
    };
    (0..streams).flat_map(stream).collect()
}

/// Connects from `source` and opens the windows wide.
async fn open_from(source: &str, to: SocketAddr) -> Option<Raw> {
    let mut raw = Raw::connect_from(source, to).await.ok()?;
    if !raw.handshake(&[(INITIAL_WINDOW, LARGE)]).await {
        return None;
    }
    raw.send(&frame(WINDOW_UPDATE, 0, 0, &LARGE.to_be_bytes()))
        .await;
    Some(raw)
}

/// A call whose message comes a while after its headers.
async fn call_in_two_pieces(source: &str, to: SocketAddr) -> bool {
    let Some(mut raw) = open_from(source, to).await else {
        return false;
    };
    raw.send(&frame(HEADERS, END_HEADERS, 1, &call_headers(&[])))
        .await;
    // A PING that comes back shows that the headers were read.
    raw.send(&frame(crate::frames::PING, 0, 0, &[7; 8])).await;
    raw.until(|frame| frame.kind == crate::frames::PING).await;
    raw.send(&frame(DATA, END_STREAM, 1, EMPTY_MESSAGE)).await;
    // An error has no message.
    let answer = raw.until(|frame| frame.stream == 1 && frame.kind == DATA || frame.ends_stream());
    let answer = timeout(HANG, answer).await.ok().flatten();
    answer.is_some_and(|frame| frame.kind == DATA)
}

/// Opens connections from `sources` in turn, and sends `opening` on each.
async fn hoard(to: SocketAddr, sources: &[String], connections: usize, opening: &[u8]) -> Vec<Raw> {
    let mut held = Vec::new();
    for source in sources.iter().cycle().take(connections) {
        let mut raw = open_from(source, to).await.expect("a connection");
        // The server stops reading from a peer that does not read.
        let _ = timeout(Duration::from_secs(5), raw.send(opening)).await;
        held.push(raw);
    }
    held
}

fn sources(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("127.0.2.{}", 1 + n)).collect()
}

async fn memory_of_hoarded_reflection(connections: usize, addresses: usize, bound: f64) -> Process {
    let server = Process::start(&Settings::default());
    let before = server.resident();
    let held = hoard(
        server.address,
        &sources(addresses),
        connections,
        &reflections(128, 40),
    )
    .await;
    // By now the server has answered all that it has read.
    assert!(calls_from("127.0.0.77", server.address).await);
    sleep(Duration::from_secs(2)).await;
    let peak = server.peak();
    drop(held);
    eprintln!("{connections} connections: {before:.0} MiB before, {peak:.0} MiB at most");
    assert!(peak < bound, "{peak} MiB for answers that were not read");
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_reflection_responses_take_little_memory() {
    memory_of_hoarded_reflection(16, 4, 64.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures memory at full scale; for a release build"]
async fn memory_of_128_connections_that_hoard_reflection_answers() {
    let server = memory_of_hoarded_reflection(128, 16, 128.0).await;
    sleep(Duration::from_secs(10)).await;
    let after = server.resident();
    eprintln!("{after:.0} MiB ten seconds after they closed");
    assert!(after < 48.0, "{after} MiB stay resident");
}

/// Idle watches from `addresses`, among which is that of grpcurl and of some of the calls.
async fn calls_beside_watches(connections: usize, addresses: usize) {
    let server = Process::start(&Settings::default());
    let to = server.address;
    let mut from = sources(addresses - 1);
    from.insert(0, "127.0.0.1".to_owned());
    let _held = hoard(to, &from, connections, &watches(128)).await;
    for source in ["127.0.0.1", "127.0.0.77"] {
        for call in 0..20 {
            let answered = call_in_two_pieces(source, to).await;
            assert!(answered, "call {call} from {source}");
        }
    }
    let Some(grpcurl) = support::tool("grpcurl") else {
        return;
    };
    for _ in 0..5 {
        let mut command = Command::new(&grpcurl);
        command.args(["-plaintext", &to.to_string(), "lab.Profile/GetProfile"]);
        let answer = crate::serve::running::output(&mut command).await;
        assert!(answer.contains("1527406014"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_watches_take_no_slots_of_calls_and_reflection() {
    // More than the calls of one address: 9 times 128.
    calls_beside_watches(9, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "16,384 watches; for a release build"]
async fn calls_beside_16_384_watches() {
    calls_beside_watches(128, 16).await;
}

/// A health watch with this grpc-timeout, after its first message.
async fn watch(
    channel: Channel,
    grpc_timeout: Option<&'static str>,
) -> Result<tonic::Streaming<tonic_health::pb::HealthCheckResponse>, Status> {
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    if let Some(grpc_timeout) = grpc_timeout {
        let metadata = request.metadata_mut();
        metadata.insert("grpc-timeout", grpc_timeout.parse().unwrap());
    }
    let response = HealthClient::new(channel).watch(request).await?;
    let mut messages = response.into_inner();
    messages.message().await?.expect("a first message");
    Ok(messages)
}

/// A reflection stream with this grpc-timeout and one request, after its answer.
async fn reflection(
    channel: Channel,
    grpc_timeout: Option<&'static str>,
) -> Result<tonic::Streaming<tonic_reflection::pb::v1::ServerReflectionResponse>, Status> {
    let requests = tokio_stream::once(reflection_request());
    let requests = tokio_stream::StreamExt::chain(requests, tokio_stream::pending());
    let mut request = tonic::Request::new(requests);
    if let Some(grpc_timeout) = grpc_timeout {
        let metadata = request.metadata_mut();
        metadata.insert("grpc-timeout", grpc_timeout.parse().unwrap());
    }
    let mut client = ServerReflectionClient::new(channel);
    let response = client.server_reflection_info(request).await?;
    let mut messages = response.into_inner();
    messages.message().await?.expect("an answer");
    Ok(messages)
}

#[tokio::test(start_paused = true)]
async fn grpc_timeout_ends_watches_and_reflection_with_deadline_exceeded() {
    let server = Running::start(config());
    let channel = server.channel().await;
    for (grpc_timeout, seconds) in [(Some("2S"), 2.0), (Some("1H"), 10.0), (None, 10.0)] {
        let start = Instant::now();
        let mut messages = reflection(channel.clone(), grpc_timeout).await.unwrap();
        let status = messages.message().await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{grpc_timeout:?}");
        let took = start.elapsed().as_secs_f64();
        assert!((took - seconds).abs() < 0.1, "{grpc_timeout:?}: {took} s");
    }
    // A watch may last longer than a call.
    for (grpc_timeout, seconds) in [("2S", 2.0), ("60S", 60.0)] {
        let start = Instant::now();
        let mut messages = watch(channel.clone(), Some(grpc_timeout)).await.unwrap();
        let status = messages.message().await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{grpc_timeout:?}");
        let took = start.elapsed().as_secs_f64();
        assert!((took - seconds).abs() < 0.1, "{grpc_timeout:?}: {took} s");
    }
}

/// A peer that gives no window cannot be sent the status.
#[tokio::test(start_paused = true)]
async fn stream_whose_response_is_not_read_is_reset_after_its_deadline() {
    let server = Running::start(config());
    for path in [WATCH, REFLECTION] {
        let mut raw = Raw::open(server.address, &[(INITIAL_WINDOW, 0)]).await;
        let start = Instant::now();
        let headers = headers_of(path, &[("grpc-timeout", "2S")]);
        let message = match path {
            WATCH => frame(DATA, END_STREAM, 1, EMPTY_MESSAGE),
            _ => frame(DATA, 0, 1, &reflection_message()),
        };
        let call = [frame(HEADERS, END_HEADERS, 1, &headers), message];
        raw.send(&call.concat()).await;
        let reset = raw.until(|frame| frame.kind == RST_STREAM).await;
        assert!(reset.is_some(), "{path}");
        // The deadline and the grace.
        let took = start.elapsed().as_secs_f64();
        assert!((took - 7.0).abs() < 0.1, "{path}: {took} s");
    }
}

#[tokio::test]
async fn watches_and_reflection_have_limits_of_their_own() {
    let server = Running::start(Config {
        limits: Limits {
            watches_per_address: 2,
            reflections_per_address: 1,
            calls_per_address: 1,
            ..Limits::default()
        },
        ..config()
    });
    let channel = server.channel().await;
    let held = [
        watch(channel.clone(), None).await.unwrap(),
        watch(channel.clone(), None).await.unwrap(),
    ];
    let error = watch(channel.clone(), None).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    let open = reflection(channel.clone(), None).await.unwrap();
    let error = reflection(channel.clone(), None).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert!(call_in_two_pieces("127.0.0.1", server.address).await);

    // Released slots can be used again.
    drop((held, open));
    let again = async {
        while watch(channel.clone(), None).await.is_err()
            || reflection(channel.clone(), None).await.is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, again).await.expect("a slot is lost");
}

/// A server with four slots for reflection, and a connection that takes all of them and reads no response.
async fn unread_reflection() -> (Running, Raw) {
    let server = Running::start(Config {
        limits: Limits {
            reflections_per_address: 4,
            ..Limits::default()
        },
        ..config()
    });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    let mut raw = Raw { stream };
    assert!(raw.handshake(&[(INITIAL_WINDOW, LARGE)]).await);
    raw.send(&frame(WINDOW_UPDATE, 0, 0, &LARGE.to_be_bytes()))
        .await;
    // Responses of far more than the sockets' buffers hold.
    raw.send(&reflections(4, 800)).await;
    (server, raw)
}

/// Waits until a slot for reflection is free.
async fn reflection_is_served_again(server: &Running) {
    let channel = server.channel().await;
    tokio::time::resume();
    let again = async { while reflection(channel.clone(), None).await.is_err() {} };
    timeout(HANG, again).await.expect("a slot is lost");
}

/// A reset stream leaves its bytes with a connection whose peer does not read: they count until they are gone.
#[tokio::test(start_paused = true)]
async fn unsent_bytes_keep_their_slot_after_their_stream_has_ended() {
    let (server, raw) = unread_reflection().await;
    let limits = Limits::default();
    sleep(limits.call + limits.grace + Duration::from_secs(1)).await;
    let other = server.channel().await;
    let error = reflection(other, None).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    drop(raw);
    reflection_is_served_again(&server).await;
}

#[tokio::test(start_paused = true)]
async fn connection_whose_peer_does_not_read_is_closed_at_the_write_timeout() {
    let (server, raw) = unread_reflection().await;
    // Less than the idle timeout, after which every connection is closed.
    sleep(Duration::from_secs(60)).await;
    reflection_is_served_again(&server).await;
    drop(raw);
}

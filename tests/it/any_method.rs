//! Surveys that ask any unary method, against real servers and scripted ones.

use std::{
    future::pending,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use labrpc::{
    lab::{self, Room},
    profile::Profile,
    question::{AnswerId, AnyMethod},
    schema::Schema,
    survey::{
        self, Config,
        hosts::Hosts,
        outcome::{EndpointResult, Outcome},
    },
};
use tokio::io::AsyncReadExt as _;

use crate::{
    frames::{
        DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, Raw, SETTINGS, block,
        frame,
    },
    peer::{peer, says},
};

/// `lab.Profile/GetProfile`, asked as any other method.
pub(crate) fn get_profile() -> AnyMethod {
    let name = "lab.Profile/GetProfile".parse().unwrap();
    let method = Schema::built_in().method(&name).unwrap();
    let request = method.request("{}").unwrap();
    AnyMethod::new(method, request)
}

fn shown(answer: &EndpointResult<AnswerId>) -> String {
    let name = answer.outcome.name();
    match answer.outcome.detail() {
        Some(detail) => format!("{name} {detail}"),
        None => name.to_owned(),
    }
}

#[tokio::test]
async fn generic_call_gives_the_answers_of_the_generated_client() {
    let room = Room::start(lab::Config {
        seats: 300,
        seed: 3,
        ..lab::Config::default()
    })
    .await
    .unwrap();
    let question = get_profile();
    let config = Config::default();
    let results = survey::run(&room.hosts(), &question, &config, |_, _| {}, pending()).await;
    let answers = question.answers();
    assert_eq!(results.len(), 300);
    for (result, person) in results.iter().zip(room.people()) {
        let (id, _) = result.outcome.answer().unwrap();
        let value = answers.value(*id).to_string();
        let profile: Profile = serde_json::from_str(&value.replace("SIZE_", "")).unwrap();
        assert_eq!(profile, *person);
    }
}

/// The bytes of one answer are kept once, however many endpoints send them.
#[tokio::test]
async fn equal_answers_share_an_id() {
    let endpoint = crate::peer::grpc(Ok(crate::peer::profile("a"))).await;
    let question = get_profile();
    for _ in 0..3 {
        let result = survey::ask(&endpoint, &question, &Config::default()).await;
        assert_eq!(result.outcome.answer().unwrap().0, &AnswerId(0));
    }
    assert_eq!(question.answers().distinct.len(), 1);
}

#[tokio::test]
async fn metadata_is_sent_with_the_request() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let endpoint = peer(move |stream| {
        let record = Arc::clone(&record);
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, _))) = connection.accept().await {
                record.lock().unwrap().push(request.headers().clone());
            }
        }
    })
    .await;
    let mut question = get_profile();
    question.metadata.insert("x-team", "blue".parse().unwrap());
    let key = tonic::metadata::MetadataValue::from_bytes(&[0, 255]);
    question.metadata.insert_bin("key-bin", key);
    // The server drops the call.
    let result = survey::ask(&endpoint, &question, &Config::default()).await;
    assert_eq!(shown(&result), "reset");
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0]["x-team"], "blue");
    assert_eq!(seen[0]["key-bin"], "AP8");
    assert!(seen[0].contains_key("grpc-timeout"));
}

/// Saved runs and reports have the message of a status.
#[tokio::test]
async fn metadata_that_a_server_repeats_in_its_status_is_redacted() {
    let endpoint = peer(|stream| async move {
        let mut raw = Raw { stream };
        let message = "Bearer secret-token! secret-token, %73ecret-token; c2VjcmV0 blue";
        let sends = [
            frame(SETTINGS, 0, 0, &[]),
            status(
                "8",
                &[("grpc-message", message), ("grpc-retry-pushback-ms", "1")],
            ),
        ];
        read(&mut raw, Reads::Request).await;
        raw.send(&sends.concat()).await;
        raw.rest().await;
    })
    .await;
    let mut question = get_profile();
    question.is_idempotent = true;
    let token = "Bearer secret-token".parse().unwrap();
    question.metadata.insert("authorization", token);
    question.metadata.insert("x-team", "blue".parse().unwrap());
    let key = tonic::metadata::MetadataValue::from_bytes(b"secret");
    question.metadata.insert_bin("key-bin", key);
    let result = survey::ask(&endpoint, &question, &Config::default()).await;
    // A short value is too likely to be a word of the message.
    assert_eq!(
        shown(&result),
        "status RESOURCE_EXHAUSTED: (redacted)! (redacted), (redacted); (redacted) blue"
    );
    assert_eq!(result.attempts, 3);
}

/// The raw protocol has GetProfile alone: no connection is made, and a JSON object is another program's text.
#[tokio::test]
async fn raw_protocol_is_not_used_for_another_method() {
    let connections = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&connections);
    let mut raw = peer(move |_| {
        counted.fetch_add(1, Relaxed);
        async {}
    })
    .await;
    raw.raw = true;
    let result = survey::ask(&raw, &get_profile(), &Config::default()).await;
    assert_eq!(
        shown(&result),
        "local the raw protocol has GetProfile alone"
    );
    assert_eq!((result.attempts, connections.load(Relaxed)), (0, 0));

    let json = says(br#"{"id":"a","height":178,"weight":60,"size":"M"}"#).await;
    let result = survey::ask(&json, &get_profile(), &Config::default()).await;
    assert!(
        shown(&result).starts_with("not_grpc text: {\"id\""),
        "{result:?}"
    );
}

/// How far a server reads before it misbehaves.
#[derive(Clone, Copy, PartialEq)]
enum Reads {
    Nothing,
    Headers,
    Request,
}

/// What a server does on its first connections, and how often each kind of call connects to it.
struct Misbehaviour {
    name: &'static str,
    reads: Reads,
    executes: bool,
    sends: Vec<u8>,
    /// Connections with a call that is idempotent, of at most three, and with another one.
    connections: (u32, u32),
}

fn status(code: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut headers = vec![
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", code),
    ];
    headers.extend(more);
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&headers))
}

#[rustfmt::skip]
fn misbehaviours() -> Vec<Misbehaviour> {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let headers = frame(HEADERS, END_HEADERS, 1, &block(&[(":status", "200"), ("content-type", "application/grpc")]));
    let half = frame(DATA, 0, 1, b"\0\0\0\0\x05\x0a\x03a");
    let whole = frame(DATA, 0, 1, b"\0\0\0\0\x05\x0a\x03abc");
    let reset = |reason: u32| frame(RST_STREAM, 0, 1, &reason.to_be_bytes());
    let goaway = |last: u32, reason: u32| frame(GOAWAY, 0, 0, &[last.to_be_bytes(), reason.to_be_bytes()].concat());
    let case = |name, reads, executes, sends: &[&[u8]], connections| Misbehaviour {
        name, reads, executes, sends: sends.concat(), connections,
    };
    use Reads::{Headers, Nothing, Request};
    vec![
        case("close before the preface is read", Nothing, false, &[], (3, 1)),
        case("close after SETTINGS", Nothing, false, &[&settings], (1, 1)),
        case("close after HEADERS are received", Headers, false, &[], (3, 1)),
        case("close after SETTINGS and HEADERS", Headers, false, &[&settings], (1, 1)),
        case("close after execution, nothing sent", Request, true, &[], (3, 1)),
        case("close after execution and SETTINGS", Request, true, &[&settings], (1, 1)),
        case("close after the response's headers", Request, true, &[&settings, &headers], (1, 1)),
        case("close within the message", Request, true, &[&settings, &headers, &half], (1, 1)),
        case("close before the trailers", Request, true, &[&settings, &headers, &whole], (1, 1)),
        case("UNAVAILABLE after execution", Request, true, &[&settings, &status("14", &[])], (3, 1)),
        case("UNAVAILABLE with a time", Request, true,
            &[&settings, &status("14", &[("grpc-retry-pushback-ms", "1")])], (3, 1)),
        case("RESOURCE_EXHAUSTED with a time", Request, true,
            &[&settings, &status("8", &[("grpc-retry-pushback-ms", "1")])], (3, 1)),
        case("CANCELLED", Request, true, &[&settings, &status("1", &[])], (1, 1)),
        case("RST_STREAM(CANCEL)", Request, true, &[&settings, &reset(8)], (1, 1)),
        case("RST_STREAM(INTERNAL_ERROR)", Request, true, &[&settings, &reset(2)], (1, 1)),
        case("RST_STREAM(NO_ERROR)", Request, true, &[&settings, &reset(0)], (1, 1)),
        case("RST_STREAM(REFUSED_STREAM) within the response", Request, true,
            &[&settings, &headers, &reset(7)], (1, 1)),
        case("GOAWAY(NO_ERROR) that includes the call", Request, true, &[&settings, &goaway(1, 0)], (1, 1)),
        case("GOAWAY(NO_ERROR) that includes every call", Request, true, &[&settings, &goaway(0x7fff_ffff, 0)], (1, 1)),
        case("GOAWAY(INTERNAL_ERROR)", Request, true, &[&settings, &goaway(1, 2)], (1, 1)),
        case("GOAWAY(ENHANCE_YOUR_CALM) without the call", Request, true, &[&settings, &goaway(0, 11)], (1, 1)),
        case("GOAWAY(NO_ERROR) without the call, within the response", Request, true,
            &[&settings, &headers, &goaway(0, 0)], (1, 1)),
        // The peer states that it did not begin with the call.
        case("RST_STREAM(REFUSED_STREAM)", Request, false, &[&settings, &reset(7)], (3, 3)),
        case("GOAWAY(NO_ERROR) without the call", Request, false, &[&settings, &goaway(0, 0)], (3, 3)),
        case("GOAWAY(NO_ERROR) at once", Nothing, false, &[&settings, &goaway(0, 0)], (3, 3)),
    ]
}

/// Reads as far as it is told. Returns false if the client has closed before.
async fn read(raw: &mut Raw, reads: Reads) -> bool {
    let mut preface = [0; PREFACE.len()];
    match reads {
        Reads::Nothing => true,
        _ if raw.stream.read_exact(&mut preface).await.is_err() => false,
        Reads::Headers => raw.until(|frame| frame.kind == HEADERS).await.is_some(),
        Reads::Request => raw
            .until(|frame| frame.kind == DATA && frame.ends_stream())
            .await
            .is_some(),
    }
}

/// Connections to, and executions at, a server that misbehaves on every connection.
async fn count(case: &Arc<Misbehaviour>, resets: bool, is_idempotent: bool) -> (u32, u32) {
    let connections = Arc::new(AtomicU32::new(0));
    let executions = Arc::new(AtomicU32::new(0));
    let shared = (
        Arc::clone(case),
        Arc::clone(&connections),
        Arc::clone(&executions),
    );
    let endpoint = peer(move |stream| {
        let (case, connections, executions) = shared.clone();
        async move {
            connections.fetch_add(1, Relaxed);
            let mut raw = Raw { stream };
            let read = read(&mut raw, case.reads).await;
            executions.fetch_add(u32::from(read && case.executes), Relaxed);
            raw.send(&case.sends).await;
            if resets {
                // Bytes in flight to the client are lost, and a reset is all that it sees.
                raw.stream.set_zero_linger().unwrap();
            } else {
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut raw.stream).await;
                raw.rest().await;
            }
        }
    })
    .await;
    let mut question = get_profile();
    question.is_idempotent = is_idempotent;
    let config = Config {
        max_time: Duration::from_secs(30),
        wait: Some(Duration::from_secs(2)),
        ..Config::default()
    };
    let result = survey::ask(&endpoint, &question, &config).await;
    assert!(
        !matches!(result.outcome, Outcome::Ok { .. }),
        "{}",
        case.name
    );
    (connections.load(Relaxed), executions.load(Relaxed))
}

#[tokio::test]
async fn call_that_is_not_idempotent_is_never_executed_twice() {
    for case in misbehaviours().into_iter().map(Arc::new) {
        let executed = u32::from(case.executes);
        let (connections, executions) = count(&case, false, false).await;
        assert_eq!(executions, executed, "{}", case.name);
        assert_eq!(connections, case.connections.1, "{}", case.name);
        // A reset may overtake what was sent before it.
        let (_, executions) = count(&case, true, false).await;
        assert_eq!(executions, executed, "{} with a reset", case.name);
    }
}

#[tokio::test]
async fn idempotent_call_is_retried_after_failures_without_effect() {
    for case in misbehaviours().into_iter().map(Arc::new) {
        let (connections, executions) = count(&case, false, true).await;
        assert_eq!(connections, case.connections.0, "{}", case.name);
        assert_eq!(
            executions,
            connections * u32::from(case.executes),
            "{}",
            case.name
        );
    }
}

/// Before the request nothing can have been executed, so a write is retried as well.
#[tokio::test]
async fn write_is_retried_while_no_server_is_up() {
    let listener = tokio::net::TcpSocket::new_v4().unwrap();
    listener.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut question = get_profile();
    question.is_idempotent = false;
    let config = Config {
        wait: Some(Duration::from_millis(700)),
        ..Config::default()
    };
    let hosts = Hosts::from_iter([crate::peer::local(port)]);
    let results = survey::run(&hosts, &question, &config, |_, _| {}, pending()).await;
    assert_eq!(shown(&results[0]), "refused");
    assert!(results[0].attempts > 1, "{results:?}");
}

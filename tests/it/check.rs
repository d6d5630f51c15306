//! `labrpc check` and `labrpc get`, with the real binary: each verdict right, each exit status right.

use std::{collections::BTreeMap, convert::Infallible, net::Ipv4Addr, process::Command};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use labrpc::{pb::profile_server::ProfileServer, survey::endpoint::Endpoint};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tower_service::Service as _;

use crate::{
    peer, road,
    support::{self, Output, Running, network, run},
};

const ALL: [&str; 11] = [
    "reachable",
    "speaks HTTP/2",
    "data valid",
    "health",
    "reflection v1",
    "reflection v1alpha",
    "descriptor",
    "unknown method",
    "deadline honoured",
    "forty callers at once",
    "survives a cut",
];

/// Runs the checks and returns the verdicts, which must be of all checks in their order.
#[track_caller]
fn verdicts(output: &Output) -> BTreeMap<String, &str> {
    let lines = output.stdout.lines().map(|line| {
        let (verdict, rest) = line.split_once("  ").unwrap();
        let (name, seen) = rest.split_at(21);
        assert!(!seen.trim().is_empty(), "{line:?} says nothing");
        // A failure says what to do.
        assert!(
            verdict != "FAIL" || seen.contains("; "),
            "{line:?} gives no advice"
        );
        (name.trim().to_owned(), verdict)
    });
    let lines: Vec<_> = lines.collect();
    let names: Vec<_> = lines.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ALL, "{output:?}");
    lines.into_iter().collect()
}

/// Asserts every verdict: all not named have passed.
#[track_caller]
fn assert_verdicts(output: &Output, status: i32, fail: &[&str], skip: &[&str]) {
    assert_eq!(output.status, status, "{output:?}");
    for (name, verdict) in verdicts(output) {
        let expected = match name.as_str() {
            name if fail.contains(&name) => "FAIL",
            name if skip.contains(&name) => "skip",
            _ => "pass",
        };
        assert_eq!(verdict, expected, "{name}: {}", output.stdout);
    }
}

/// The real binary against a peer that this test's own runtime plays.
async fn checked(endpoint: &impl ToString) -> Output {
    let endpoint = endpoint.to_string();
    let check = move || run(["check", "--max-time", "500ms", &endpoint]);
    tokio::task::spawn_blocking(check).await.unwrap()
}

const WITHOUT_HTTP2: [&str; 6] = [
    "health",
    "reflection v1",
    "reflection v1alpha",
    "descriptor",
    "unknown method",
    "deadline honoured",
];

#[test]
fn labrpc_passes_every_check() {
    let server = Running::serve(["--listen", "127.0.0.1:0"]);
    assert_verdicts(&run(["check", server.address()]), 0, &[], &[]);
}

#[test]
fn a_server_without_reflection() {
    let server = Running::serve(["--listen", "127.0.0.1:0", "--no-reflection"]);
    let output = run(["check", server.address()]);
    let missing = ["reflection v1", "reflection v1alpha"];
    assert_verdicts(&output, 3, &missing, &["descriptor"]);
    assert!(output.stdout.contains("UNIMPLEMENTED"), "{output:?}");
}

#[test]
fn a_python_server_that_has_only_the_proto_file() {
    let Some(python) = support::python("grpc, grpc_tools") else {
        return;
    };
    let folder = road::generate(&python);
    let server = Running::start(
        Command::new(&python)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/it/peers/grpcio_server.py"
            ))
            .args(["1001", "178", "60.5", "7"])
            .env("PYTHONPATH", folder.path()),
        |line| line.starts_with("listening on "),
    );
    let missing = ["health", "reflection v1", "reflection v1alpha"];
    let output = run(["check", server.address()]);
    assert_verdicts(&output, 3, &missing, &["descriptor"]);

    let got = run(["get", server.address()]);
    assert_eq!(got.status, 0, "{got:?}");
    let json = "{\"id\":\"1001\",\"height\":178,\"weight\":60.5,\"size\":\"XXL\"}\n";
    assert_eq!(got.stdout, json);
}

#[tokio::test]
async fn servers_that_are_no_grpc_servers() {
    let fail = ["speaks HTTP/2", "data valid"];
    let mut skip = WITHOUT_HTTP2.to_vec();
    skip.extend(["forty callers at once", "survives a cut"]);
    for (endpoint, seen) in [
        (
            peer::says(b"SSH-2.0-OpenSSH_9.2\r\n").await,
            "it sent SSH-2.0",
        ),
        (peer::says(b"").await, "reset"),
        (peer::mute().await, "timeout (headers)"),
    ] {
        let output = checked(&endpoint).await;
        assert_verdicts(&output, 3, &fail, &skip);
        assert!(output.stdout.contains(seen), "{seen}: {output:?}");
    }
}

#[tokio::test]
async fn a_server_after_the_original_exercise() {
    let raw = peer::says(br#"{"id":"1001","height":178,"weight":60,"size":"XXL"}"#).await;
    let output = checked(&raw).await;
    assert_verdicts(&output, 3, &["speaks HTTP/2"], &WITHOUT_HTTP2);
    assert!(output.stdout.contains("as bare JSON"), "{output:?}");
}

/// The original exercise's server in one thread: it sends its object and waits until the caller has left.
async fn one_thread(answers: usize) -> Endpoint {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut answered = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            answered += 1;
            if answered > answers {
                continue;
            }
            let json = br#"{"id":"1001","height":178,"weight":60,"size":"XXL"}"#;
            stream.write_all(json).await.unwrap();
            // Whatever goes wrong here ends the server, as it did the student's.
            if stream.read_to_end(&mut Vec::new()).await.is_err() {
                return;
            }
        }
    });
    peer::local(port)
}

#[tokio::test]
async fn a_server_that_dies_with_its_caller() {
    let output = checked(&one_thread(usize::MAX).await).await;
    let fail = ["speaks HTTP/2", "survives a cut"];
    assert_verdicts(&output, 3, &fail, &WITHOUT_HTTP2);
    // Refused, or reset where the system had taken the connection for the dying server.
    assert!(
        output
            .stdout
            .contains("; an error on one connection must not end the server"),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_server_that_has_not_enough_for_a_room() {
    let output = checked(&one_thread(10).await).await;
    let fail = ["speaks HTTP/2", "forty callers at once", "survives a cut"];
    assert_verdicts(&output, 3, &fail, &WITHOUT_HTTP2);
    // One connection was for the preface and one for the profile.
    assert!(
        output.stdout.contains("8 of 40 answered; 32 × reset"),
        "{output:?}"
    );
}

#[tokio::test]
async fn a_server_that_looks_at_neither_path_nor_deadline() {
    let server = ProfileServer::new(peer::Person(Ok(peer::profile("1001"))));
    let endpoint = peer::peer(move |stream| {
        let server = server.clone();
        async move {
            let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
                *request.uri_mut() = "/lab.Profile/GetProfile".parse().unwrap();
                let mut server = server.clone();
                async move { Ok::<_, Infallible>(server.call(request).await.unwrap()) }
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // A client that has its answer goes away without a word.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await;
    let output = checked(&endpoint).await;
    let fail = [
        "health",
        "reflection v1",
        "reflection v1alpha",
        "unknown method",
        "deadline honoured",
    ];
    assert_verdicts(&output, 3, &fail, &["descriptor"]);
}

/// tonic's clients panic at such details, wherever they stand.
#[tokio::test]
async fn a_server_that_cancels_everything_with_details_that_are_no_base64() {
    let endpoint = peer::peer(|stream| async move {
        let service = service_fn(|request: http::Request<hyper::body::Incoming>| async move {
            let mut status = http::HeaderMap::new();
            status.insert("grpc-status", "1".parse().unwrap());
            status.insert("grpc-status-details-bin", "!!".parse().unwrap());
            let mut response = http::Response::builder().header("content-type", "application/grpc");
            let in_trailers = request.uri().path().contains("Health");
            if !in_trailers {
                response.headers_mut().unwrap().extend(status.clone());
            }
            let trailers = in_trailers.then_some(Ok::<_, Infallible>(status));
            let body = Empty::<Bytes>::new().with_trailers(async { trailers });
            Ok::<_, Infallible>(response.body(body).unwrap())
        });
        let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    })
    .await;
    let output = checked(&endpoint).await;
    assert_eq!(output.status, 3, "{output:?}");
    let verdicts = verdicts(&output);
    // Cancelled, but not by the deadline.
    for check in [
        "data valid",
        "health",
        "unknown method",
        "deadline honoured",
    ] {
        assert_eq!(verdicts[check], "FAIL", "{check}: {}", output.stdout);
    }
}

#[test]
fn a_stopped_server() {
    let nobody = format!("{}1", network());
    let output = run(["check", &nobody]);
    assert_verdicts(&output, 3, &["reachable"], &ALL[1..]);
    let got = run(["get", &nobody]);
    assert_eq!((got.status, &*got.stdout), (78, ""), "{got:?}");
    assert!(got.stderr.contains("hint: "), "{got:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_profile() {
    let mut bad = peer::profile("1001");
    bad.height_cm = Some(1.78);
    let endpoint = peer::grpc(Ok(bad)).await;
    let output = checked(&endpoint).await;
    assert_eq!(output.status, 3, "{output:?}");
    let verdicts = verdicts(&output);
    assert_eq!(verdicts["data valid"], "FAIL", "{output:?}");
    assert!(output.stdout.contains("is that in metres?"), "{output:?}");
    assert_eq!(verdicts["forty callers at once"], "skip", "{output:?}");
}

#[tokio::test]
async fn get_fails_with_the_code_of_the_call() {
    let get = |endpoint: String| {
        let get = move || run(["get", "--max-time", "300ms", &endpoint]);
        async { tokio::task::spawn_blocking(get).await.unwrap() }
    };
    let status = tonic::Status::not_found("nobody \x1b[31mhere");
    let refused = peer::grpc(Err(status)).await;
    let output = get(refused.to_string()).await;
    assert_eq!(output.status, 69, "{output:?}");
    assert!(
        output.stderr.contains(r"nobody \u{1b}[31mhere"),
        "{output:?}"
    );
    assert_eq!(get(peer::mute().await.to_string()).await.status, 68);
    assert_eq!(get("192.168.1.1-40".to_owned()).await.status, 2);
    assert_eq!(get("not a host".to_owned()).await.status, 2);
}

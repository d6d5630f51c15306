//! `labrpc check` and `labrpc get` with the real binary: the results and the exit statuses.

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
    end_to_end, peer,
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

/// The result of each check by its name; asserts that all checks are there in their order.
#[track_caller]
fn results(output: &Output) -> BTreeMap<String, &str> {
    let lines = output.stdout.lines().map(|line| {
        let (result, rest) = line.split_once("  ").unwrap();
        let (name, seen) = rest.split_at(21);
        assert!(!seen.trim().is_empty(), "{line:?} lacks what was seen");
        // A failure comes with advice.
        assert!(
            result != "FAIL" || seen.contains("; "),
            "{line:?} gives no advice"
        );
        (name.trim().to_owned(), result)
    });
    let lines: Vec<_> = lines.collect();
    let names: Vec<_> = lines.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ALL, "{output:?}");
    lines.into_iter().collect()
}

/// Asserts every result: checks that are not named have passed.
#[track_caller]
fn assert_results(output: &Output, status: i32, fail: &[&str], skip: &[&str]) {
    assert_eq!(output.status, status, "{output:?}");
    for (name, result) in results(output) {
        let expected = match name.as_str() {
            name if fail.contains(&name) => "FAIL",
            name if skip.contains(&name) => "skip",
            _ => "pass",
        };
        assert_eq!(result, expected, "{name}: {}", output.stdout);
    }
}

/// Runs the real binary against a peer that runs on the runtime of this test.
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
fn labrpc_server_passes_every_check() {
    let server = Running::serve(["--listen", "127.0.0.1:0"]);
    assert_results(&run(["check", server.address()]), 0, &[], &[]);
}

#[test]
fn missing_reflection_fails_and_skips_the_descriptor() {
    let server = Running::serve(["--listen", "127.0.0.1:0", "--no-reflection"]);
    let output = run(["check", server.address()]);
    let missing = ["reflection v1", "reflection v1alpha"];
    assert_results(&output, 3, &missing, &["descriptor"]);
    assert!(output.stdout.contains("UNIMPLEMENTED"), "{output:?}");
}

#[test]
fn python_server_without_health_and_reflection_fails_only_those() {
    let Some(python) = support::python("grpc, grpc_tools") else {
        return;
    };
    let folder = end_to_end::generate(&python);
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
    assert_results(&output, 3, &missing, &["descriptor"]);

    let got = run(["get", server.address()]);
    assert_eq!(got.status, 0, "{got:?}");
    let json = "{\"id\":\"1001\",\"height\":178,\"weight\":60.5,\"size\":\"XXL\"}\n";
    assert_eq!(got.stdout, json);
}

#[tokio::test]
async fn peers_without_http2_fail_and_skip_grpc_checks() {
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
        assert_results(&output, 3, &fail, &skip);
        assert!(output.stdout.contains(seen), "{seen}: {output:?}");
    }
}

#[tokio::test]
async fn raw_server_of_the_exercise_fails_only_http2() {
    let raw = peer::says(br#"{"id":"1001","height":178,"weight":60,"size":"XXL"}"#).await;
    let output = checked(&raw).await;
    assert_results(&output, 3, &["speaks HTTP/2"], &WITHOUT_HTTP2);
    assert!(output.stdout.contains("as bare JSON"), "{output:?}");
}

/// The original exercise's server in one thread: it sends its object and waits until the client has closed.
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
            // Any error ends the server, as in the exercise.
            if stream.read_to_end(&mut Vec::new()).await.is_err() {
                return;
            }
        }
    });
    peer::local(port)
}

#[tokio::test]
async fn server_that_ends_on_a_connection_error_does_not_survive_a_cut() {
    let output = checked(&one_thread(usize::MAX).await).await;
    let fail = ["speaks HTTP/2", "survives a cut"];
    assert_results(&output, 3, &fail, &WITHOUT_HTTP2);
    // Refused, or reset if the system accepted the connection before the server ended.
    assert!(
        output
            .stdout
            .contains("; an error on one connection must not end the server"),
        "{output:?}"
    );
}

#[tokio::test]
async fn server_that_answers_few_clients_fails_forty_callers() {
    let output = checked(&one_thread(10).await).await;
    let fail = ["speaks HTTP/2", "forty callers at once", "survives a cut"];
    assert_results(&output, 3, &fail, &WITHOUT_HTTP2);
    // One connection was for the preface and one for the profile.
    assert!(
        output.stdout.contains("8 of 40 answered; 32 × reset"),
        "{output:?}"
    );
}

#[tokio::test]
async fn ignored_path_and_deadline_are_reported() {
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
            // An error when the client closes is expected.
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
    assert_results(&output, 3, &fail, &["descriptor"]);
}

/// tonic's clients panic at status details that are not base64, in headers as well as in trailers.
#[tokio::test]
async fn malformed_status_details_do_not_panic_the_client() {
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
    let results = results(&output);
    // Cancelled, but not by the deadline.
    for check in [
        "data valid",
        "health",
        "unknown method",
        "deadline honoured",
    ] {
        assert_eq!(results[check], "FAIL", "{check}: {}", output.stdout);
    }
}

#[test]
fn stopped_server_fails_reachable_and_skips_the_rest() {
    let stopped = format!("{}1", network());
    let output = run(["check", &stopped]);
    assert_results(&output, 3, &["reachable"], &ALL[1..]);
    let got = run(["get", &stopped]);
    assert_eq!((got.status, &*got.stdout), (78, ""), "{got:?}");
    assert!(got.stderr.contains("hint: "), "{got:?}");
}

#[tokio::test]
async fn invalid_profile_fails_data_and_skips_load_checks() {
    let mut bad = peer::profile("1001");
    bad.height_cm = Some(1.78);
    let endpoint = peer::grpc(Ok(bad)).await;
    let output = checked(&endpoint).await;
    assert_eq!(output.status, 3, "{output:?}");
    let results = results(&output);
    assert_eq!(results["data valid"], "FAIL", "{output:?}");
    assert!(output.stdout.contains("is that in metres?"), "{output:?}");
    assert_eq!(results["forty callers at once"], "skip", "{output:?}");
}

#[tokio::test]
async fn get_exits_with_64_plus_the_grpc_code() {
    let get = |endpoint: String| {
        let get = move || run(["get", "--max-time", "300ms", &endpoint]);
        async { tokio::task::spawn_blocking(get).await.unwrap() }
    };
    let status = tonic::Status::not_found("no profile \x1b[31mhere");
    let refused = peer::grpc(Err(status)).await;
    let output = get(refused.to_string()).await;
    assert_eq!(output.status, 69, "{output:?}");
    assert!(
        output.stderr.contains(r"no profile \u{1b}[31mhere"),
        "{output:?}"
    );
    assert_eq!(get(peer::mute().await.to_string()).await.status, 68);
    assert_eq!(get("192.168.1.1-40".to_owned()).await.status, 2);
    assert_eq!(get("not a host".to_owned()).await.status, 2);
}

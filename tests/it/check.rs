//! `labrpc check` and `labrpc get` with the real binary: the results and the exit statuses.

use std::{collections::BTreeMap, convert::Infallible, net::Ipv4Addr, process::Command};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use labrpc::{pb::profile_server::ProfileServer, survey::endpoint::Endpoint};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tower_service::Service as _;

use crate::{
    end_to_end, peer,
    support::{self, Output, Running, network, run},
};

const ALL: [&str; 10] = [
    "reachable",
    "speaks HTTP/2",
    "valid profile",
    "health service",
    "reflection",
    "descriptor",
    "unknown method",
    "deadline honoured",
    "forty callers at once",
    "survives a cut",
];

/// The result of each check by its name, and the last line; asserts that all checks are there in their order.
#[track_caller]
fn results(output: &Output) -> (BTreeMap<&str, &str>, &str) {
    let mut results = Vec::new();
    let mut lines: Vec<_> = output.stdout.lines().collect();
    let last = lines.pop().unwrap();
    for line in lines {
        let (result, rest) = line.split_once("  ").unwrap();
        if result == "skip" {
            let (names, reason) = rest.split_once(": ").unwrap();
            assert!(reason.starts_with("needs "), "{line:?} gives no reason");
            let names: Vec<_> = match names {
                "all other checks" => ALL[results.len()..].to_vec(),
                names => names.split(", ").collect(),
            };
            results.extend(names.into_iter().map(|name| (name, result)));
            continue;
        }
        let (name, seen) = rest.split_at(21);
        assert!(!seen.trim().is_empty(), "{line:?} lacks what was seen");
        // A failure or a warning comes with advice.
        assert!(
            result == "pass" || seen.contains("; "),
            "{line:?} gives no advice"
        );
        results.push((name.trim(), result));
    }
    let names: Vec<_> = results.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ALL, "{output:?}");
    (results.into_iter().collect(), last)
}

/// The checks that have not passed.
#[derive(Default)]
struct Expected<'a> {
    warn: &'a [&'a str],
    fail: &'a [&'a str],
    skip: &'a [&'a str],
}

/// Asserts every result, and that the exit status and the last line follow from them.
#[track_caller]
fn assert_results(output: &Output, expected: &Expected<'_>) {
    let (results, last) = results(output);
    for (name, result) in results {
        let expected = match name {
            name if expected.warn.contains(&name) => "warn",
            name if expected.fail.contains(&name) => "FAIL",
            name if expected.skip.contains(&name) => "skip",
            _ => "pass",
        };
        assert_eq!(result, expected, "{name}: {}", output.stdout);
    }
    let accepted = expected.fail.is_empty();
    assert_eq!(output.status, if accepted { 0 } else { 3 }, "{output:?}");
    let verdict = "The survey will accept this server: ";
    assert_eq!(last.starts_with(verdict), accepted, "{last}");
}

/// Runs the real binary against a peer that runs on the runtime of this test.
async fn checked(endpoint: &impl ToString) -> Output {
    let endpoint = endpoint.to_string();
    let check = move || run(["check", "--max-time", "500ms", &endpoint]);
    tokio::task::spawn_blocking(check).await.unwrap()
}

const WITHOUT_HTTP2: [&str; 5] = [
    "health service",
    "reflection",
    "descriptor",
    "unknown method",
    "deadline honoured",
];

#[test]
fn labrpc_server_passes_every_check() {
    let server = Running::serve(["--listen", "127.0.0.1:0"]);
    let output = run(["check", server.address()]);
    assert_results(&output, &Expected::default());
    let last = "The survey will accept this server: 10 passed.\n";
    assert!(output.stdout.ends_with(last), "{output:?}");
}

#[test]
fn missing_reflection_is_a_suggestion_and_skips_the_descriptor() {
    let server = Running::serve(["--listen", "127.0.0.1:0", "--no-reflection"]);
    let output = run(["check", server.address()]);
    let expected = Expected {
        warn: &["reflection"],
        skip: &["descriptor"],
        ..Expected::default()
    };
    assert_results(&output, &expected);
    assert!(output.stdout.contains("not offered"), "{output:?}");
}

#[test]
fn several_servers_are_checked_in_the_order_of_the_list() {
    let servers = [(); 2].map(|()| Running::serve(["--listen", "127.0.0.1:0"]));
    let dead = format!("{}1:1024", network());
    let list = [servers[0].address(), &dead, servers[1].address()].map(str::to_owned);
    let output = run(["check"]
        .into_iter()
        .chain(list.iter().map(|endpoint| &**endpoint)));
    assert_eq!(output.status, 3, "{output:?}");
    let heads: Vec<_> = output
        .stdout
        .lines()
        .filter(|line| list.iter().any(|endpoint| endpoint == line))
        .collect();
    assert_eq!(heads, list, "{output:?}");
    assert!(
        output
            .stdout
            .ends_with("The survey will accept 2 of 3 servers.\n"),
        "{output:?}"
    );
}

#[test]
fn json_has_every_check_of_every_server() {
    let server = Running::serve(["--listen", "127.0.0.1:0"]);
    let dead = format!("{}1:1024", network());
    let output = run(["check", server.address(), &dead, "--format", "json"]);
    assert_eq!(output.status, 3, "{output:?}");
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["format"], "labrpc-check");
    for (server, (endpoint, accepted, results)) in
        document["servers"].as_array().unwrap().iter().zip([
            (server.address(), true, ["pass"; 10]),
            (
                &dead,
                false,
                [
                    "fail", "skip", "skip", "skip", "skip", "skip", "skip", "skip", "skip", "skip",
                ],
            ),
        ])
    {
        assert_eq!(server["endpoint"], endpoint);
        assert_eq!(server["accepted"], accepted);
        let checks = server["checks"].as_array().unwrap();
        let given: Vec<_> = checks
            .iter()
            .map(|check| check["result"].as_str().unwrap())
            .collect();
        assert_eq!(given, results);
        for check in checks {
            let texts = match check["result"].as_str() {
                Some("pass") => [true, false, false],
                Some("skip") => [false, false, true],
                _ => [true, true, false],
            };
            let given = ["seen", "advice", "reason"].map(|key| check[key].is_string());
            assert_eq!(given, texts, "{check}");
        }
    }
}

#[test]
fn python_server_without_health_and_reflection_is_accepted_with_suggestions() {
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
    let expected = Expected {
        warn: &["health service", "reflection"],
        skip: &["descriptor"],
        ..Expected::default()
    };
    assert_results(&run(["check", server.address()]), &expected);

    let got = run(["get", server.address()]);
    assert_eq!(got.status, 0, "{got:?}");
    let json = "{\"id\":\"1001\",\"height\":178,\"weight\":60.5,\"size\":\"XXL\"}\n";
    assert_eq!(got.stdout, json);
}

#[tokio::test]
async fn peers_without_http2_fail_once_and_skip_the_rest() {
    for (endpoint, seen) in [
        (
            peer::says(b"SSH-2.0-OpenSSH_9.2\r\nsecond line").await,
            "not_grpc (text: SSH-2.0-OpenSSH_9.2);",
        ),
        (peer::says(b"").await, "reset;"),
        (peer::mute().await, "timeout (headers);"),
    ] {
        let output = checked(&endpoint).await;
        let expected = Expected {
            fail: &["speaks HTTP/2"],
            skip: &ALL[2..],
            ..Expected::default()
        };
        assert_results(&output, &expected);
        assert!(output.stdout.contains(seen), "{seen}: {output:?}");
    }
}

#[test]
fn tls_server_that_is_asked_without_tls_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    for arguments in [vec!["ca", dir], vec!["issue", dir, "127.0.0.1"]] {
        let made = run(["certs"].into_iter().chain(arguments));
        assert_eq!(made.status, 0, "{made:?}");
    }
    let (cert, key) = (
        format!("{dir}/127.0.0.1.pem"),
        format!("{dir}/127.0.0.1.key.pem"),
    );
    let listen = ["--listen", "127.0.0.1:0", "--cert", &cert, "--key", &key];
    let server = Running::serve(listen);
    let output = run(["check", server.address()]);
    let expected = Expected {
        fail: &["speaks HTTP/2"],
        skip: &ALL[2..],
        ..Expected::default()
    };
    assert_results(&output, &expected);
    let advice = "not_grpc (tls); the server serves TLS only; give --cacert CA.pem";
    assert!(output.stdout.contains(advice), "{output:?}");
    let output = run(["survey", server.address()]);
    assert!(output.stdout.contains(advice), "{output:?}");
    let ca = format!("{dir}/ca.pem");
    let output = run(["check", server.address(), "--cacert", &ca]);
    assert_results(&output, &Expected::default());
}

#[tokio::test]
async fn raw_server_of_the_exercise_is_accepted_with_a_suggestion() {
    let raw = peer::says(br#"{"id":"1001","height":178,"weight":60,"size":"XXL"}"#).await;
    let output = checked(&raw).await;
    let expected = Expected {
        warn: &["speaks HTTP/2"],
        skip: &WITHOUT_HTTP2,
        ..Expected::default()
    };
    assert_results(&output, &expected);
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
    let expected = Expected {
        warn: &["speaks HTTP/2"],
        fail: &["survives a cut"],
        skip: &WITHOUT_HTTP2,
    };
    assert_results(&output, &expected);
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
    let expected = Expected {
        warn: &["speaks HTTP/2"],
        fail: &["forty callers at once", "survives a cut"],
        skip: &WITHOUT_HTTP2,
    };
    assert_results(&output, &expected);
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
    let expected = Expected {
        warn: &[
            "health service",
            "reflection",
            "unknown method",
            "deadline honoured",
        ],
        skip: &["descriptor"],
        ..Expected::default()
    };
    assert_results(&output, &expected);
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
    let (results, _) = results(&output);
    // Cancelled, but not by the deadline.
    for (check, result) in [
        ("valid profile", "FAIL"),
        ("health service", "warn"),
        ("unknown method", "warn"),
        ("deadline honoured", "warn"),
    ] {
        assert_eq!(results[check], result, "{check}: {}", output.stdout);
    }
}

#[test]
fn stopped_server_fails_reachable_and_skips_the_rest() {
    let stopped = format!("{}1", network());
    let output = run(["check", &stopped]);
    let expected = Expected {
        fail: &["reachable"],
        skip: &ALL[1..],
        ..Expected::default()
    };
    assert_results(&output, &expected);
    let line = format!("{stopped}:1024: refused; ");
    assert!(output.stdout.contains(&line), "{output:?}");
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
    let (results, _) = results(&output);
    assert_eq!(results["valid profile"], "FAIL", "{output:?}");
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

//! `labrpc check` and `labrpc get`, with the real binary: each verdict right, each exit status right.

use std::{collections::BTreeMap, process::Command};

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
            "it says SSH-2.0",
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

//! The arguments that choose a question: what is rejected before an endpoint is asked, and what reaches the servers.

use std::{
    fs,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use labrpc::lab::{self, ServiceKind};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, metadata::MetadataMap, transport::Server};
use tonic_health::pb::health_server::HealthServer;

use crate::support::{Output, Running, file, labrpc, network, output, run};

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/proto/sample/service.proto"
);
const IMPORTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proto");

/// `labrpc survey` in a thread of its own, so that servers of the test go on.
async fn survey(arguments: &[&str]) -> Output {
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    let run = tokio::task::spawn_blocking(move || {
        run(["survey".to_owned()].into_iter().chain(arguments))
    });
    run.await.unwrap()
}

/// An endpoint that counts its connections.
async fn counting() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Relaxed);
        }
    });
    (address, accepted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_question_is_rejected_before_an_endpoint_is_asked() {
    let (address, accepted) = counting().await;
    let folder = tempfile::tempdir().unwrap();
    let bad_header = file(folder.path(), "headers", "# token\n\na: b\ns3cret\n");
    let bad_header = format!("@{}", bad_header.display());
    let from_sample = |method: &'static str| {
        [
            "--proto",
            SAMPLE,
            "--import-path",
            IMPORTS,
            "--method",
            method,
        ]
    };
    let get = from_sample("sample.v1.Inventory/Get");
    let cases: &[(&[&str], &[&str], i32, &str)] = &[
        (&["--method", "no"], &[], 2, "write package.Service/Method"),
        (
            &from_sample("sample.v1.Inventori/Get"),
            &[],
            2,
            "there is no service sample.v1.Inventori; there are sample.v1.Audit, sample.v1.Inventory",
        ),
        (
            &from_sample("sample.v1.Audit/Get"),
            &[],
            2,
            "has no method Get; there is Check",
        ),
        (
            &from_sample("sample.v1.Inventory/Watch"),
            &[],
            2,
            "is server-streaming; only unary methods can be called",
        ),
        (
            &get,
            &["-d", r#"{"limit": "x"}"#],
            2,
            "limit: invalid digit found in string, at line 1 column 13",
        ),
        (
            &get,
            &["-d", r#"{"nothing": 1}"#],
            2,
            "hint: sample.v1.GetRequest has the fields item_key, limit, limits, items",
        ),
        (
            &get,
            &["-d", "@/nonexistent"],
            1,
            "/nonexistent: No such file",
        ),
        (
            &get,
            &["-H", "s3cret"],
            2,
            "a header is written as name: value",
        ),
        (
            &get,
            &["-H", "grpc-timeout: s3cret"],
            2,
            "the header grpc-timeout is reserved for the call itself",
        ),
        (
            &get,
            &["-H", "t-bin: s3cret!"],
            2,
            "the value of t-bin is not base64",
        ),
        (
            &get,
            &["-H", &bad_header],
            2,
            "headers:4: a header is written as name: value",
        ),
        (
            &get,
            &["-H", "@/nonexistent"],
            1,
            "/nonexistent: No such file",
        ),
        (
            &get,
            &["--max-msg-size", "0"],
            2,
            "a size is a number of bytes",
        ),
        (&get, &["--protoset", "x"], 2, "cannot be used with"),
        (&["-d", "{}"], &[], 2, "--method"),
        (&["--health"], &["-d", "{}"], 2, "cannot be used with"),
        (
            &["-H", "a: b"],
            &[],
            2,
            "--header is for the answers of a method, and profiles are ranked",
        ),
        (
            &get,
            &["--only", "serial", "--ignore", "serialNumber"],
            2,
            "nothing is left to compare by --only serialNumber --ignore serialNumber",
        ),
        (
            &get,
            &["--ignore", "."],
            2,
            "nothing is left to compare by --ignore .",
        ),
        (
            &["--method", "sample.v1.Inventory/Get", "--proto", SAMPLE],
            &[],
            2,
            "hint: imports are looked for in the folders of --import-path",
        ),
        (
            &["--method", "sample.v1.Inventory/Get", "--protoset", SAMPLE],
            &[],
            2,
            "not a file descriptor",
        ),
    ];
    for (question, more, status, expected) in cases {
        let arguments: Vec<&str> = [&*address]
            .iter()
            .chain(*question)
            .chain(*more)
            .copied()
            .collect();
        let ran = survey(&arguments).await;
        assert_eq!(ran.status, *status, "{arguments:?}: {ran:?}");
        assert!(
            ran.stderr.contains(expected),
            "{arguments:?}: {}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("asked "), "{}", ran.stderr);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    assert_eq!(accepted.load(Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_schema_nothing_is_asked_and_the_way_out_is_named() {
    let room = lab::Room::start(lab::Config {
        seats: 2,
        service: ServiceKind::Fleet,
        ..lab::Config::default()
    });
    let room = room.await.unwrap();
    let hosts: Vec<String> = room
        .hosts()
        .iter()
        .map(|endpoint| endpoint.to_string())
        .collect();
    for (method, expected) in [
        (
            "sample.v1.Inventory/Get",
            "there is no service sample.v1.Inventory; there are fleet.v1.MachineService",
        ),
        (
            "fleet.v1.MachineService/Nothing",
            "has no method Nothing; there are GetStatus",
        ),
    ] {
        let ran = survey(&[&hosts[0], &hosts[1], "--method", method]).await;
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(
            ran.stderr
                .contains("hint: give the schema with --proto FILE or --protoset FILE")
        );
        assert!(!ran.stderr.contains("asked 2"), "{}", ran.stderr);
    }
    let ran = survey(&[&hosts[0], "--method", "fleet.v1.MachineService/GetStatus"]).await;
    assert_eq!(ran.status, 0, "{ran:?}");
}

#[test]
fn without_a_reachable_endpoint_the_hint_is_not_about_schemas() {
    let dead = format!("{}[1-3]:9", network());
    let ran = run(["survey", &dead, "--method", "sample.v1.Inventory/Get"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    let expected =
        "hint: no endpoint could be reached; are the servers up? --wait TIME keeps trying\n";
    assert!(ran.stderr.ends_with(expected), "{}", ran.stderr);
}

/// Variables that configure other commands, or the same command on other days.
const VARIABLES: [(&str, &str); 12] = [
    ("LABRPC_DATA", "{}"),
    ("LABRPC_PROTO", SAMPLE),
    ("LABRPC_PROTOSET", "x"),
    ("LABRPC_IMPORT_PATH", IMPORTS),
    ("LABRPC_MAX_MSG_SIZE", "1"),
    ("LABRPC_IDEMPOTENT", "1"),
    ("LABRPC_IGNORE", "status"),
    ("LABRPC_ONLY", "a"),
    ("LABRPC_REFERENCE", "10.9.9.9"),
    ("LABRPC_GROUP_BY", "zone"),
    ("LABRPC_FIELD", "a"),
    ("LABRPC_EXPECT_SAME", "1"),
];

#[test]
fn variables_without_an_effect_are_ignored() {
    let server = Running::serve(["--listen", "127.0.0.1:0"]);
    let with = |variables: &[(&str, &str)], flags: &[&str]| {
        let mut command = labrpc();
        command.args(["survey", server.address()]).args(flags);
        output(command.envs(variables.iter().copied()))
    };
    let ran = with(&VARIABLES, &[]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stderr.contains("1 of 1 answered\n"), "{ran:?}");
    // A health check compares the status alone, and has nothing to rank.
    let ranking = [
        ("LABRPC_IGNORE", "status"),
        ("LABRPC_ONLY", "a"),
        ("LABRPC_TOP", "3"),
        ("LABRPC_LIKE", "1001"),
        ("LABRPC_IMPORT_PATH", IMPORTS),
    ];
    let ran = with(&ranking, &["--health"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stderr.contains("1 SERVING\n"), "{ran:?}");
}

#[test]
fn typed_flags_without_an_effect_are_rejected_with_the_way_out() {
    let profiles = "is for the answers of a method, and profiles are ranked";
    let ranking = "ranks profiles, and other answers are compared";
    for (arguments, expected) in [
        (&["--max-msg-size", "1MiB"][..], profiles),
        (&["-H", "a: b"], profiles),
        (&["--idempotent"], profiles),
        (&["--expect-same"], profiles),
        (&["--ignore", "a"], profiles),
        (&["--field=a"], profiles),
        (
            &["--method", "lab.Profile/GetProfile", "--reference", "x"],
            profiles,
        ),
        (&["--health", "--top", "3"], ranking),
        (&["--health", "--metric", "gower"], ranking),
        (&["--health", "--weights=height=2"], ranking),
        (&["--method", "a.B/C", "--like", "1"], ranking),
        (
            &["--method", "a.B/C", "--import-path", "x"],
            "is where the imports of --proto are looked for",
        ),
        (
            &["--health", "--only", "status"],
            "has no effect with --health",
        ),
    ] {
        for command in ["survey", "board"] {
            if command == "board" && arguments.contains(&"--expect-same") {
                continue;
            }
            let ran = run([command, "127.0.0.1:1"].iter().chain(arguments));
            assert_eq!(ran.status, 2, "{arguments:?}: {ran:?}");
            assert!(ran.stderr.contains(expected), "{arguments:?}: {ran:?}");
            assert!(ran.stderr.contains("\nhint: "), "{ran:?}");
        }
    }
}

#[test]
fn the_word_behind_health_is_an_endpoint() {
    let ran = run(["survey", "--list", "--health", "host1", "host2"]);
    assert_eq!(ran.stdout, "host1:1024\nhost2:1024\n", "{ran:?}");
    let ran = run(["survey", "--list", "--health=lab.Profile", "host1"]);
    assert_eq!(ran.stdout, "host1:1024\n", "{ran:?}");
}

#[test]
fn standard_input_is_read_once_only() {
    let get = ["--method", "sample.v1.Inventory/Get", "-d", "@"];
    for input in [["--hosts", "-"], ["--only-failed", "-"]] {
        let ran = run(["survey"].iter().chain(&get).chain(&input));
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.stderr.contains("standard input can be read once only"));
    }
}

type Received = Arc<Mutex<Vec<MetadataMap>>>;

/// A health service that keeps the metadata of its calls.
async fn health() -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let received = Received::default();
    let keep = Arc::clone(&received);
    let (reporter, _) = tonic_health::server::health_reporter();
    let service = HealthServer::with_interceptor(
        tonic_health::server::HealthService::from_health_reporter(reporter),
        move |request: Request<()>| {
            keep.lock().unwrap().push(request.metadata().clone());
            Ok(request)
        },
    );
    let server = Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (address, received)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn header_values_reach_the_server_and_no_saved_run_log_or_error() {
    let (address, received) = health().await;
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("run.jsonl");
    let document = folder.path().join("run.json");
    let headers = file(folder.path(), "headers", "from-file: s3cret-f\n");
    let headers = format!("@{}", headers.display());
    let ran = survey(&[
        &address,
        "--health",
        "-H",
        "Authorization: Bearer s3cret-a",
        "-Hattached: s3cret-b",
        "-H=equals: s3cret-c",
        "--header=long-equals: s3cret-d",
        "--header",
        "token-bin: czNjcmV0LWU=",
        "-H",
        &headers,
        "-o",
        saved.to_str().unwrap(),
        "-o",
        document.to_str().unwrap(),
    ])
    .await;
    assert_eq!(ran.status, 0, "{ran:?}");
    let document = fs::read_to_string(&document).unwrap();
    let saved = fs::read_to_string(&saved).unwrap();
    for text in [&ran.stdout, &ran.stderr, &saved, &document] {
        assert!(
            !text.contains("s3cret") && !text.contains("czNjcmV0"),
            "{text}"
        );
    }
    let document: Value = serde_json::from_str(&document).unwrap();
    let arguments = document["arguments"].as_array().unwrap();
    for kept in [
        "Authorization: (redacted)",
        "-Hattached: (redacted)",
        "-H=equals: (redacted)",
        "--header=long-equals: (redacted)",
        "token-bin: (redacted)",
        &headers,
    ] {
        assert!(
            arguments.iter().any(|argument| argument == kept),
            "{arguments:?}"
        );
    }
    let received = received.lock().unwrap();
    for (name, value) in [
        ("authorization", "Bearer s3cret-a"),
        ("attached", "s3cret-b"),
        ("equals", "s3cret-c"),
        ("long-equals", "s3cret-d"),
        ("from-file", "s3cret-f"),
    ] {
        assert_eq!(received[0].get(name).unwrap(), value);
    }
    let token = received[0]
        .get_bin("token-bin")
        .unwrap()
        .to_bytes()
        .unwrap();
    assert_eq!(token, "s3cret-e");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_headers_are_read_again_in_each_round() {
    let (address, received) = health().await;
    let folder = tempfile::tempdir().unwrap();
    let headers = file(folder.path(), "headers", "round: 1");
    let mut command = labrpc();
    command
        .args(["survey", &address, "--health", "--watch", "20ms", "-H"])
        .arg(format!("@{}", headers.display()))
        .stdout(Stdio::null());
    let running = tokio::task::spawn_blocking(move || {
        Running::start(&mut command, |line| line.contains("asked 1 endpoint"))
    });
    let _running = running.await.unwrap();
    let last = || {
        received
            .lock()
            .unwrap()
            .last()
            .unwrap()
            .get("round")
            .unwrap()
            .clone()
    };
    let count = || received.lock().unwrap().len();
    let wait_for = async |done: &dyn Fn() -> bool| {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert_eq!(last(), "1");
    // Replaced as a whole: a reader that comes between truncation and writing would see no header.
    fs::rename(file(folder.path(), "new", "round: 2"), &headers).unwrap();
    wait_for(&|| last() == "2").await;
    // Without the file the previous headers are kept.
    fs::remove_file(&headers).unwrap();
    let before = count();
    wait_for(&|| count() > before + 3).await;
    assert_eq!(last(), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_roots_of_the_system_are_trusted_with_tls() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(run(["certs", "ca", &at("")]).status, 0);
    assert_eq!(run(["certs", "issue", &at(""), "127.0.0.1"]).status, 0);
    let (cert, key) = (at("127.0.0.1.pem"), at("127.0.0.1.key.pem"));
    let server = tokio::task::spawn_blocking(move || {
        Running::serve(["--listen", "127.0.0.1:0", "--cert", &cert, "--key", &key])
    });
    let server = server.await.unwrap();
    let ask = |flags: &[&str], roots: &str| {
        let mut command: Command = labrpc();
        command.args(["survey", server.address()]).args(flags);
        output(command.env("SSL_CERT_FILE", roots))
    };
    let ran = ask(&["--tls"], &at("ca.pem"));
    assert_eq!(ran.status, 0, "{ran:?}");
    let other = tempfile::tempdir().unwrap();
    let other_ca = other.path().display().to_string();
    assert_eq!(run(["certs", "ca", &other_ca]).status, 0);
    let ran = ask(&["--tls"], &format!("{other_ca}/ca.pem"));
    assert_eq!(ran.status, 4, "{ran:?}");
    let ran = ask(&["--tls", "--plaintext"], &at("ca.pem"));
    assert_eq!(ran.status, 2, "{ran:?}");
}

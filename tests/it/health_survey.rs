//! `labrpc survey --health`: the status of one service on every endpoint, told apart from servers that do not know the
//! service, have no health service, refuse, or hang.

use std::net::TcpListener;

use serde_json::{Value, json};
use tokio_stream::wrappers::TcpListenerStream;
use tonic_health::ServingStatus;

use crate::{
    peer,
    support::{Output, Running, network, run},
};

const SERVICE: &str = "lab.Profile";

/// A server whose health service knows `service` with this status, and nothing else but the whole server.
async fn server(service: &str, status: ServingStatus) -> String {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status(service, status).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tonic::transport::Server::builder().add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

/// One endpoint of every kind.
struct List {
    serving: String,
    not_serving: String,
    /// Answers, and with the status that protobuf JSON leaves out.
    unknown: String,
    unknown_service: String,
    no_health: String,
    refused: String,
    hanging: String,
    _server: Running,
    _backlog: TcpListener,
}

impl List {
    async fn start() -> Self {
        let serving = Running::serve(["--listen", "127.0.0.1:0"]);
        // The kernel accepts connections, and no process ever answers them.
        let backlog = TcpListener::bind("127.0.0.1:0").unwrap();
        let without_health = peer::grpc(Ok(peer::profile("1001"))).await;
        Self {
            serving: serving.address().to_owned(),
            not_serving: server(SERVICE, ServingStatus::NotServing).await,
            unknown: server(SERVICE, ServingStatus::Unknown).await,
            unknown_service: server("other.Service", ServingStatus::Serving).await,
            no_health: without_health.to_string(),
            refused: format!("{}1:9", network()),
            hanging: backlog.local_addr().unwrap().to_string(),
            _server: serving,
            _backlog: backlog,
        }
    }

    /// Those that have an answer or a status, and those that have neither.
    fn all(&self) -> [&str; 7] {
        [
            &self.serving,
            &self.not_serving,
            &self.unknown,
            &self.unknown_service,
            &self.no_health,
            &self.refused,
            &self.hanging,
        ]
    }
}

fn survey<'a>(more: &[&'a str], list: &[&'a str]) -> Output {
    let service = format!("--health={SERVICE}");
    // Long enough for all but the one that hangs.
    let arguments = ["survey", &service, "--max-time", "3s"];
    run(arguments.iter().chain(more).chain(list))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn health_answers_statuses_and_failures_are_told_apart() {
    let list = List::start().await;
    let ran = survey(&["--format", "json"], &list.all());
    assert_eq!(ran.status, 3, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let groups = report["answers"].as_array().unwrap();
    let found = |address: &str| {
        let endpoints = report["endpoints"].as_array().unwrap();
        let mut one = endpoints.iter().filter(|one| one["endpoint"] == address);
        let one = one.next().unwrap();
        let group = groups.iter().find(|group| group["group"] == one["group"]);
        let value = group.map_or(Value::Null, |group| group["value"].clone());
        (one["outcome"].clone(), one["code"].clone(), value)
    };
    let answered = |value: Value| (json!("ok"), Value::Null, value);
    let failed = |outcome: &str, code: Value| (json!(outcome), code, Value::Null);
    let expected = [
        answered(json!({"status": "SERVING"})),
        answered(json!({"status": "NOT_SERVING"})),
        answered(json!({})),
        failed("status", json!("NOT_FOUND")),
        failed("status", json!("UNIMPLEMENTED")),
        failed("refused", Value::Null),
        failed("timeout", Value::Null),
    ];
    for (address, expected) in list.all().into_iter().zip(expected) {
        assert_eq!(found(address), expected, "{address}: {report:#}");
    }
    assert_eq!(groups.len(), 3, "{report:#}");

    // In the table the status or the outcome of each stands beside its endpoint.
    let table = survey(&[], &list.all()).stdout;
    for (address, words) in [
        (&list.serving, "SERVING"),
        (&list.not_serving, "NOT_SERVING"),
        (&list.unknown, "UNKNOWN"),
        (&list.unknown_service, "NOT_FOUND"),
        (&list.no_health, "UNIMPLEMENTED"),
        (&list.refused, "refused"),
        (&list.hanging, "timeout (headers)"),
    ] {
        let mut lines = table.lines();
        let line = lines.find(|line| line.contains(&**address));
        assert!(
            line.is_some_and(|line| line.contains(words)),
            "{address} without {words}:\n{table}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn health_exit_status_tells_not_serving_from_too_few_answers() {
    let list = List::start().await;
    let [
        serving,
        not_serving,
        unknown,
        unknown_service,
        no_health,
        refused,
        hanging,
    ] = list.all();
    for (status, more, endpoints) in [
        (0, &[][..], &[serving][..]),
        (5, &[], &[serving, not_serving]),
        (5, &[], &[not_serving]),
        (5, &[], &[unknown]),
        // No answer: neither healthy nor ill.
        (4, &[], &[unknown_service]),
        (4, &[], &[no_health]),
        (4, &[], &[refused]),
        (3, &[], &[serving, unknown_service]),
        (3, &[], &[serving, no_health]),
        (3, &[], &[serving, refused]),
        (3, &[], &[serving, hanging]),
        // Too few answers come first.
        (3, &[], &[serving, not_serving, refused]),
        (5, &["--min-ok", "2"], &[serving, not_serving, refused]),
        (0, &["--min-ok", "1"], &[serving, refused, hanging]),
        (
            0,
            &["--min-ok", "1"],
            &[serving, unknown_service, no_health],
        ),
    ] {
        let ran = survey(more, endpoints);
        assert_eq!(ran.status, status, "{more:?} {endpoints:?}: {ran:?}");
    }

    // Without a name it is the server as a whole, and the group of equal statuses is what it was.
    let ran = run(["survey", &list.unknown_service, "--health"]);
    assert_eq!(ran.status, 0, "{ran:?}");
}

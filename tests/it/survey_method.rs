//! `survey` with any method: the groups of a simulated fleet, exit statuses, and what is rejected.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use prost::Message as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc::unbounded_channel;
use tonic_reflection::pb::v1::{
    FileDescriptorResponse, ServerReflectionResponse, server_reflection_response::MessageResponse,
};

use crate::{
    lab_fleet, peer, schema_reflection,
    support::{Output, Running, file, labrpc, output, without_times},
};

const STATUS: &str = "fleet.v1.MachineService/GetStatus";

/// An open fleet, as another process.
struct Fleet {
    folder: TempDir,
    hosts: PathBuf,
    _lab: Running,
}

impl Fleet {
    fn open(arguments: &[&str]) -> Self {
        let (folder, hosts, lab) = lab_fleet::open(arguments);
        Self {
            folder,
            hosts,
            _lab: lab,
        }
    }

    fn survey(&self, arguments: &[&str]) -> Output {
        let mut command = labrpc();
        command.arg("survey").arg("--hosts").arg(&self.hosts);
        output(command.args(arguments).current_dir(self.folder.path()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn drift_of_a_fleet_is_found_and_told_by_the_exit_status() {
    let fleet = Fleet::open(&["--seats", "20", "--faults", "drift=2,unknown-field=1"]);
    let method = [
        "--method",
        STATUS,
        "--ignore",
        "host_name",
        "--ignore",
        "uptime",
    ];
    let ask = |more: &[&str]| fleet.survey(&[&method, more].concat());
    let table = ask(&[]);
    assert_eq!(table.status, 0, "{table:?}");
    assert!(
        without_times(&table.stdout).starts_with("20 of 20 answered, in 3 groups\n"),
        "{}",
        table.stdout
    );
    for text in [
        "\n\n  17 alike    ",
        "   2 differ   ",
        "   1 differs  ",
        "version             \"1.8.2\" → \"1.8.1\"\n",
        "limits.maxQps       500 → absent\n",
        "limits.maxCpuShare  0.75 → 0.5\n",
    ] {
        assert!(table.stdout.contains(text), "{text}: {}", table.stdout);
    }
    // The report does not go to a terminal, so the result is on standard error as well.
    assert!(
        without_times(&table.stderr)
            .ends_with("20 of 20 answered, in 3 groups\ncompared without hostName, uptime\n"),
        "{}",
        table.stderr
    );

    assert_eq!(ask(&["--expect-same"]).status, 5);
    let same = ask(&["--only", "state", "--expect-same"]);
    assert_eq!(same.status, 0, "{same:?}");
    assert!(
        same.stdout.starts_with("20 of 20 answered, all alike\n"),
        "{}",
        same.stdout
    );

    let saved = ask(&[
        "--field",
        "version",
        "--field",
        "limits.max_qps",
        "--field",
        "limits.maxQps",
        "-o",
        "run.jsonl",
        "-o",
        "fleet.csv",
        "-o",
        "page.html",
    ]);
    assert_eq!(saved.status, 0, "{saved:?}");
    let lines = lines(&fleet.path("run.jsonl"));
    assert_eq!(lines[0]["method"], STATUS);
    assert_eq!(lines[0]["settings"]["retries"], 2);
    let drifted: Vec<_> = lines
        .iter()
        .filter(|line| line["fields"]["version"] == "1.8.1")
        .collect();
    assert_eq!(drifted.len(), 2);
    let group = &drifted[0]["group"];
    assert!(drifted.iter().all(|line| line["group"] == *group));
    let answers: Vec<_> = lines.iter().filter_map(|line| line.get("answer")).collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["value"]["configGeneration"], "9007199254740993");
    assert_eq!(answers[0]["value"]["hostName"], Value::Null);
    let csv = std::fs::read_to_string(fleet.path("fleet.csv")).unwrap();
    assert_eq!(csv.matches(",1.8.1,").count(), 2, "{csv}");
    let header = csv.lines().next().unwrap();
    assert!(
        header.contains(",version,limits.maxQps,attempts,"),
        "{header}"
    );

    let reference = drifted[0]["endpoint"].as_str().unwrap();
    let table = ask(&["--reference", reference]);
    assert!(
        table.stdout.contains("   2 reference  "),
        "{}",
        table.stdout
    );

    // Profiles cannot be read from it.
    for arguments in [["rank", "run.jsonl"], ["survey", "--only-failed"]] {
        let run = output(
            labrpc()
                .args(arguments)
                .args((arguments[0] == "survey").then_some("run.jsonl"))
                .current_dir(fleet.folder.path()),
        );
        let expected = format!("error: run.jsonl: the run asked {STATUS}, and ");
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.starts_with(&expected), "{run:?}");
    }
}

#[test]
fn wrong_comparisons_are_rejected_before_anything_is_asked() {
    let fleet = Fleet::open(&["--seats", "2"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (method, counted) = (["--method", STATUS], format!("127.0.0.1:{port}"));
    for (arguments, expected) in [
        (
            &["--ignore", "a"][..],
            "--ignore is for the answers of a method, and profiles are ranked",
        ),
        (
            &["--expect-same"],
            "--expect-same is for the answers of a method",
        ),
        (
            &["--method", "lab.Profile/GetProfile", "--only", "id"],
            "--only is for the answers",
        ),
        (
            &["--health", "--like", "1"],
            "--like ranks profiles, and other answers are compared",
        ),
        (
            &["--health", "--reference", "10.9.9.9"],
            "--reference 10.9.9.9:1024 is not among the endpoints",
        ),
        (&["--health", "--reference", "127.0.0.1"], "did you mean"),
        (
            &["--health", "--group-by", "zone"],
            "--group-by zone: no endpoint has this label",
        ),
        (
            &["--health", "--only", "stat"],
            "has no effect with --health, which compares the status alone",
        ),
        (
            &["--health", "--ignore", "status"],
            "has no effect with --health, which compares the status alone",
        ),
        (
            &["--health", "--only", "a..b"],
            "the path \"a..b\" is not valid",
        ),
    ] {
        let run = output(labrpc().arg("survey").arg(&counted).args(arguments));
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
        let connected = listener.accept().map(|_| ()).map_err(|error| error.kind());
        assert_eq!(
            connected,
            Err(std::io::ErrorKind::WouldBlock),
            "{arguments:?}"
        );
    }
    let unknown = fleet.survey(&[&method[..], &["--ignore", "limits.max_qp"]].concat());
    assert_eq!(unknown.status, 2, "{unknown:?}");
    assert!(
        unknown.stderr.contains("maxQps") || unknown.stderr.contains("max_qps"),
        "{unknown:?}"
    );
}

#[test]
fn services_that_are_not_serving_are_told_by_the_exit_status() {
    let fleet = Fleet::open(&["--seats", "6", "--faults", "not-serving=2"]);
    let health = fleet.survey(&["--health"]);
    assert_eq!(health.status, 5, "{health:?}");
    assert!(
        without_times(&health.stdout)
            .starts_with("6 of 6 answered, 4 SERVING\n\n  4 SERVING      "),
        "{}",
        health.stdout
    );
    assert!(
        health.stdout.contains("  2 NOT_SERVING  "),
        "{}",
        health.stdout
    );
    let unknown = fleet.survey(&["--health=no.Such"]);
    assert_eq!(unknown.status, 4, "{unknown:?}");
    assert!(
        unknown.stdout.contains("status (NOT_FOUND: "),
        "{}",
        unknown.stdout
    );
    let demo = output(labrpc().args(["survey", "--demo", "3", "--health"]));
    assert_eq!(demo.status, 0, "{demo:?}");
    assert!(
        demo.stdout.starts_with("3 of 3 answered, 3 SERVING\n"),
        "{demo:?}"
    );
}

#[test]
fn labels_of_a_file_divide_the_comparison() {
    let fleet = Fleet::open(&["--seats", "4"]);
    let hosts = std::fs::read_to_string(&fleet.hosts).unwrap();
    let hosts: Vec<_> = hosts.lines().collect();
    let targets = serde_json::json!([
        {"targets": hosts[..2], "labels": {"zone": "a"}},
        {"targets": hosts[2..], "labels": {"zone": "b"}},
    ]);
    let targets = file(fleet.folder.path(), "targets.json", targets.to_string());
    let mut command = labrpc();
    command.arg("survey").arg("--hosts").arg(targets).args([
        "--method",
        STATUS,
        "--only",
        "version",
        "--group-by",
        "zone",
    ]);
    let run = output(&mut command);
    assert_eq!(run.status, 0, "{run:?}");
    for text in [
        "4 of 4 answered, alike within each of 2 values of zone\n",
        "\nzone a: 2 answered, all alike\n",
    ] {
        assert!(run.stdout.contains(text), "{}", run.stdout);
    }
}

/// The search for the schema takes a part of the deadline, and has none of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_for_the_schema_counts_for_the_deadline() {
    let files = schema_reflection::sample_bytes().into_iter();
    let file_descriptor_proto = files.map(|(_, bytes)| bytes).collect();
    let schema = ServerReflectionResponse {
        message_response: Some(MessageResponse::FileDescriptorResponse(
            FileDescriptorResponse {
                file_descriptor_proto,
            },
        )),
        ..ServerReflectionResponse::default()
    };
    let schema = schema.encode_to_vec();
    let (sender, mut durations) = unbounded_channel();
    let endpoint = peer::peer(move |stream| {
        let (sender, schema) = (sender.clone(), schema.clone());
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                if request.uri().path().ends_with("/Get") {
                    let start = Instant::now();
                    while connection.accept().await.is_some() {}
                    return sender.send(start.elapsed()).unwrap();
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                let head = [&[0][..], &(schema.len() as u32).to_be_bytes()].concat();
                let response = http::Response::builder()
                    .header("content-type", "application/grpc")
                    .body(())
                    .unwrap();
                let mut stream = respond.send_response(response, false).unwrap();
                let message = [head, schema.clone()].concat();
                stream.send_data(message.into(), false).unwrap();
                let mut trailers = http::HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                stream.send_trailers(trailers).unwrap();
            }
        }
    })
    .await;
    let mut command = labrpc();
    command.args(["survey", &endpoint.to_string(), "--deadline", "2s"]);
    command.args(["--method", schema_reflection::NAME, "--max-time", "10s"]);
    let run = tokio::task::spawn_blocking(move || output(&mut command));
    let run = run.await.unwrap();
    assert_eq!(run.status, 4, "{run:?}");
    let asked = durations.recv().await.unwrap();
    assert!(asked < Duration::from_millis(1_500), "{asked:?}");
}

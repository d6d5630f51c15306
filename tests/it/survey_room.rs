//! Rooms of different servers, and of servers with faults, surveyed by the real command.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    end_to_end::generate,
    support::{self, Running, run},
};

/// Starts the server of a seat: 14 of labrpc, 8 of grpcio, then threaded and one-shot ones of the exercise.
fn start_server(seat: usize, grpcio: &Path, generated: &Path, python: &Path) -> Running {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers");
    let start = |command: &mut Command| {
        let listening = |line: &str| line.starts_with("listening on ");
        Running::start(command.stdout(Stdio::null()), listening)
    };
    let id = format!("{}", 3000 + seat);
    // Heights differ by at least 2 cm, except that the first (labrpc) and the last (one-shot) are equal.
    let height = format!("{}", 120 + 2 * (seat % 39));
    match seat {
        0..14 => {
            let profile = [
                "--id", &id, "--height", &height, "--weight", "60", "--size", "XXL",
            ];
            Running::serve(["--listen", "127.0.0.1:0"].into_iter().chain(profile))
        }
        14..22 => start(
            Command::new(grpcio)
                .args([&format!("{here}/grpcio_server.py"), &id, &height, "60", "7"])
                .env("PYTHONPATH", generated),
        ),
        _ => {
            let kind = if seat < 31 { "threaded" } else { "once" };
            let script = format!("{here}/exercise_server.py");
            // Spellings that are all accepted.
            let size = ["XXL", "2XL", "xxl"][seat % 3];
            start(Command::new(python).args([&script, kind, &id, &height, "60", size]))
        }
    }
}

#[test]
fn labrpc_grpcio_and_exercise_servers_are_ranked_together() {
    let (Some(grpcio), Some(python)) = (
        support::python("grpc, grpc_tools"),
        support::tool("python3"),
    ) else {
        return;
    };
    let generated = generate(&grpcio);
    let servers: Vec<_> = (0..40)
        .map(|seat| start_server(seat, &grpcio, generated.path(), &python))
        .collect();

    let addresses = servers.iter().map(Running::address);
    let ran = run(["survey", "--format", "json"].into_iter().chain(addresses));
    assert_eq!(ran.status, 0, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["summary"]["ok"], 40);
    let endpoints = report["endpoints"].as_array().unwrap();
    for (seat, endpoint) in endpoints.iter().enumerate() {
        let dialect = if seat < 22 { "grpc" } else { "raw" };
        assert_eq!(endpoint["dialect"], dialect, "{endpoint}");
        // A one-shot server has ended after its first connection.
        assert_eq!(endpoint["attempts"], 1, "{endpoint}");
        assert_eq!(endpoint["profile"]["id"], format!("{}", 3000 + seat));
    }
    let pairs = report["pairs"].as_array().unwrap();
    assert_eq!(
        (&pairs[0]["a"], &pairs[0]["b"]),
        (&"3000".into(), &"3039".into())
    );
    assert_eq!(
        (&pairs[0]["distance"], &report["summary"]["tied"]),
        (&0.0.into(), &1.into())
    );
    assert_eq!(report["summary"]["smallest"], 0.0);
}

/// Every fault, surveyed by the real command in every format.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_characters_of_peers_never_reach_the_output() {
    use labrpc::lab::{self, Room};
    let seats = lab::FAULTS.len();
    let room = Room::start(lab::Config {
        seats,
        faults: "all=100%".parse().unwrap(),
        ..lab::Config::default()
    })
    .await
    .unwrap();
    let hosts = room.hosts();
    let hosts: Vec<_> = (0..hosts.len())
        .map(|seat| hosts.get(seat).to_string())
        .collect();
    for format in ["table", "json", "jsonl", "csv", "html"] {
        let arguments = ["survey", "--max-time", "2.5s", "--format", format];
        let arguments: Vec<_> = arguments
            .into_iter()
            .map(str::to_owned)
            .chain(hosts.clone())
            .collect();
        let ran = tokio::task::spawn_blocking(move || run(arguments))
            .await
            .unwrap();
        assert!(ran.stdout.len() > 1000, "{ran:?}");
        let bad: Vec<_> = (ran.stdout + &ran.stderr)
            .chars()
            .filter(|c| {
                c.is_control() && !matches!(c, '\n' | '\r') || matches!(c, '\u{202a}'..='\u{202e}')
            })
            .collect();
        assert!(bad.is_empty(), "{format}: {bad:?}");
    }
}

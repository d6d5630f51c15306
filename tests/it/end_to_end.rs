//! The exercise from end to end, with the real binary: forty servers, one survey, the closest pair.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{self, Running, labrpc, network, output, run, without_times};

/// Forty people; only 7 and 23 have the same build.
fn person(seat: usize) -> [String; 4] {
    let (height, weight) = match seat {
        7 | 23 => (1705, 605),
        _ => (1500 + 9 * seat, 450 + 11 * seat),
    };
    let size = ["XS", "S", "M", "L", "XL"][if seat == 23 { 7 % 5 } else { seat % 5 }];
    let tenths = |ticks: usize| format!("{}.{}", ticks / 10, ticks % 10);
    [
        format!("{}", 1000 + seat),
        tenths(height),
        tenths(weight),
        size.to_owned(),
    ]
}

fn seat(network: &str, seat: usize, port: u16) -> Running {
    let [id, height, weight, size] = person(seat);
    Running::serve([
        "--listen",
        &format!("{network}{seat}:{port}"),
        "--id",
        &id,
        "--height",
        &height,
        "--weight",
        &weight,
        "--size",
        &size,
    ])
}

#[test]
fn demo_needs_no_setup() {
    let output = run(["survey", "--demo"]);
    assert_eq!(output.status, 0, "{output:?}");
    assert!(
        output.stdout.starts_with("40 of 40 answered\n"),
        "{output:?}"
    );
    assert!(output.stdout.contains("\nMost alike: "), "{output:?}");
    assert!(output.stdout.contains("  1. "), "{output:?}");
    assert!(output.stdout.contains("     height "), "{output:?}");
}

#[test]
fn survey_of_forty_servers_reports_refused_and_timed_out_endpoints() {
    if !cfg!(target_os = "linux") {
        return support::skip("only Linux has the whole of 127.0.0.0/8");
    }
    let network = network();
    // The port of the exercise: the addresses are this test's own.
    let mut servers: Vec<Running> = (1..=40)
        .map(|number| seat(&network, number, 1024))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let hosts = support::file(folder.path(), "hosts.txt", format!("{network}1-40\n"));
    let survey =
        |more: &[&str]| output(labrpc().args(["survey", "--hosts"]).arg(&hosts).args(more));

    let first = survey(&[]);
    assert_eq!(first.status, 0, "{first:?}");
    let table = without_times(&first.stdout);
    assert_eq!(
        table,
        "40 of 40 answered\n\n\
         Most alike: one pair at distance 0; the next is 48.4 further apart\n\
         \u{20} 1. 1007 and 1023: distance 0, similarity 1.000\n\
         \u{20}    height both 170.5 cm: 0 · weight both 60.5 kg: 0 · size both M: 0\n"
    );
    // The report does not depend on the order of calls and answers.
    for concurrency in ["1", "7", "40"] {
        let again = survey(&["-c", concurrency]).stdout;
        assert_eq!(without_times(&again), table);
    }

    for dead in [3, 12, 40] {
        servers[dead - 1].signal("KILL");
        servers[dead - 1].wait();
    }
    servers[20 - 1].signal("STOP");
    servers[30 - 1].signal("KILL");
    servers[30 - 1].wait();
    // The kernel accepts connections, and no process ever answers them.
    let _silent = TcpListener::bind(format!("{network}30:1024")).unwrap();

    let clock = Instant::now();
    let run = survey(&["--max-time", "1500ms", "--format", "json"]);
    let elapsed = clock.elapsed();
    assert_eq!(run.status, 3, "{run:?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let mut outcomes: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (number, endpoint) in (1..).zip(report["endpoints"].as_array().unwrap()) {
        assert_eq!(endpoint["line"], number);
        assert_eq!(endpoint["endpoint"], format!("{network}{number}:1024"));
        outcomes
            .entry(endpoint["outcome"].as_str().unwrap())
            .or_default()
            .push(number);
    }
    assert_eq!(outcomes.remove("refused"), Some(vec![3, 12, 40]));
    assert_eq!(outcomes.remove("timeout"), Some(vec![20, 30]));
    assert_eq!(outcomes.remove("ok").map(|ok| ok.len()), Some(35));
    assert!(outcomes.is_empty());
    // Not a measurement: it only tells an end from a hang.
    assert!(elapsed < Duration::from_secs(30), "{elapsed:?}");

    let enough = survey(&["--max-time", "1500ms", "--min-ok", "35"]);
    assert_eq!(enough.status, 0, "{enough:?}");
    assert!(
        enough
            .stdout
            .contains(&format!("{network}[3,12,40] (3): refused;")),
        "{}",
        enough.stdout
    );
    servers[20 - 1].signal("CONT");
}

#[test]
fn python_grpcio_server_gives_the_same_report_as_labrpc_serve() {
    let Some(python) = support::python("grpc, grpc_tools") else {
        return;
    };
    let folder = generate(&python);
    let server = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/peers/grpcio_server.py"
    );
    let mut command = Command::new(&python);
    command
        .arg(server)
        .args(["2001", "178", "60.5", "7"])
        .env("PYTHONPATH", folder.path());
    let python = Running::start(command.stdout(Stdio::null()), |line| {
        line.starts_with("listening on ")
    });
    let rust = Running::serve([
        "--listen",
        "127.0.0.1:0",
        "--id",
        "2002",
        "--height",
        "178",
        "--weight",
        "60.5",
        "--size",
        "XXL",
    ]);

    let run = run([
        "survey",
        python.address(),
        rust.address(),
        "--format",
        "json",
    ]);
    assert_eq!(run.status, 0, "{run:?}");
    let mut report: Value = serde_json::from_str(&run.stdout).unwrap();
    for endpoint in report["endpoints"].as_array_mut().unwrap() {
        // These differ between any two endpoints.
        for own in ["line", "endpoint", "elapsed_ms", "phases_ms"] {
            endpoint.as_object_mut().unwrap().remove(own);
        }
        endpoint["profile"]["id"] = Value::Null;
    }
    assert_eq!(report["endpoints"][0], report["endpoints"][1]);
    assert_eq!(report["summary"]["smallest"], 0.0);
}

/// A folder with the Python code of the proto file.
pub(crate) fn generate(python: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    generate_into(folder.path(), python, &[&proto], &["profile.proto"]);
    folder
}

/// Writes the Python code of proto files, which are in `imports`, into a folder.
pub(crate) fn generate_into(folder: &Path, python: &Path, imports: &[&Path], files: &[&str]) {
    let mut command = Command::new(python);
    command.args(["-m", "grpc_tools.protoc"]);
    for import in imports {
        command.arg("-I").arg(import);
    }
    for kind in ["--python_out", "--grpc_python_out"] {
        command.arg(format!("{kind}={}", folder.display()));
    }
    assert!(command.args(files).status().unwrap().success());
}

#[test]
fn grpcurl_gets_the_profile_health_and_descriptors() {
    let Some(grpcurl) = support::tool("grpcurl") else {
        return;
    };
    let server = Running::serve(["--listen", "127.0.0.1:0"]);
    let call = |method: &str| {
        output(Command::new(&grpcurl).args(["-plaintext", server.address(), method]))
    };
    assert_eq!(
        call("lab.Profile/GetProfile").stdout,
        "{\n  \"id\": \"1527406014\",\n  \"height\": 178,\n  \"weight\": 60,\n  \"size\": \"XXL\"\n}\n"
    );
    let services = call("list").stdout;
    let services: Vec<_> = services.lines().collect();
    for service in ["grpc.health.v1.Health", "lab.Profile"] {
        assert!(services.contains(&service), "{services:?}");
    }
    assert!(
        services
            .iter()
            .any(|name| name.starts_with("grpc.reflection.")),
        "{services:?}"
    );
    assert_eq!(
        call("grpc.health.v1.Health/Check").stdout,
        "{\n  \"status\": \"SERVING\"\n}\n"
    );
    assert!(
        call("describe").stdout.contains("rpc GetProfile"),
        "{:?}",
        call("describe")
    );
}

#[test]
fn ranking_of_a_thousand_seats_equals_brute_force() {
    let mut lab = labrpc();
    lab.args(["lab", "--seats", "1000", "--seed", "11"])
        .stdout(Stdio::piped());
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts.txt");
    lab.stdout(std::fs::File::create(&hosts).unwrap());
    let _lab = Running::start(&mut lab, |line| line.contains("seats are open"));

    let run = output(
        labrpc()
            .args(["survey", "--format", "json", "--hosts"])
            .arg(&hosts),
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let people: Vec<(String, [i64; 3])> = report["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|endpoint| {
            let profile = &endpoint["profile"];
            let tenths = |field: &str| (profile[field].as_f64().unwrap() * 10.0).round() as i64;
            let sizes = ["XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL"];
            let size = sizes
                .iter()
                .position(|size| profile["size"] == *size)
                .unwrap() as i64;
            let id = profile["id"].as_str().unwrap().to_owned();
            (id, [tenths("height"), tenths("weight"), size])
        })
        .collect();
    assert_eq!(people.len(), 1000);

    // The published formula, in tenths, over every pair.
    let distance = |a: &[i64; 3], b: &[i64; 3]| -> i64 {
        let term = |axis: usize, factor: i64| (factor * (a[axis] - b[axis]).abs()).min(4200);
        term(0, 7) + term(1, 5) + term(2, 600)
    };
    let mut pairs: Vec<(i64, &str, &str)> = Vec::new();
    for (number, (a, p)) in people.iter().enumerate() {
        for (b, q) in &people[number + 1..] {
            pairs.push((distance(p, q), a.min(b), a.max(b)));
        }
    }
    pairs.sort();
    let smallest = pairs[0].0;
    let closest: Vec<_> = pairs.iter().take_while(|pair| pair.0 == smallest).collect();
    let margin = pairs[closest.len()].0 - smallest;
    let summary = &report["summary"];
    assert_eq!(summary["smallest"], smallest as f64 / 10.0);
    assert_eq!(summary["tied"], closest.len());
    assert_eq!(summary["margin"], margin as f64 / 10.0);
    let listed: Vec<_> = report["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| {
            let distance = (pair["distance"].as_f64().unwrap() * 10.0).round() as i64;
            (
                distance,
                pair["a"].as_str().unwrap(),
                pair["b"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(listed, closest.into_iter().copied().collect::<Vec<_>>());
}

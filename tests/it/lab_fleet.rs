//! The simulated fleet, called with grpcurl.

use std::{
    future::pending,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use labrpc::{
    lab::{self, Room, ServiceKind},
    question::AnyMethod,
    schema::Schema,
    survey,
};
use prost::Message as _;
use prost_types::FileDescriptorProto;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    frames::PREFACE,
    support::{self, Output, Running, file, labrpc, output, run},
};

const STATUS: &str = "fleet.v1.MachineService/GetStatus";

/// An open fleet and the tool to call it with.
struct Fleet {
    grpcurl: PathBuf,
    lab: Running,
    endpoints: Vec<String>,
    folder: TempDir,
}

/// Opens a fleet as another process, whose host list is a file in the folder.
pub(crate) fn open(arguments: &[&str]) -> (TempDir, PathBuf, Running) {
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("fleet.txt");
    let mut command = labrpc();
    command.args(["lab", "--service", "fleet"]).args(arguments);
    command.stdout(Stdio::from(std::fs::File::create(&hosts).unwrap()));
    let lab = Running::start(&mut command, |line| line.contains("in another terminal"));
    (folder, hosts, lab)
}

impl Fleet {
    /// None without grpcurl.
    fn open(arguments: &[&str]) -> Option<Self> {
        let grpcurl = support::tool("grpcurl")?;
        let (folder, hosts, lab) = open(arguments);
        let hosts = std::fs::read_to_string(hosts).unwrap();
        for (name, set) in [
            ("v1", tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET),
            (
                "v1alpha",
                tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
            ),
        ] {
            file(folder.path(), name, set);
        }
        Some(Self {
            grpcurl,
            lab,
            endpoints: hosts.lines().map(str::to_owned).collect(),
            folder,
        })
    }

    /// Calls a method of a seat.
    fn call(&self, seat: usize, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.grpcurl);
        command.args(["-plaintext", "-connect-timeout", "2", "-max-time", "2"]);
        let (method, options) = arguments.split_last().unwrap();
        output(command.args(options).arg(&self.endpoints[seat]).arg(method))
    }

    /// The response of a call that succeeds.
    fn response(&self, seat: usize, arguments: &[&str]) -> Value {
        let called = self.call(seat, arguments);
        assert_eq!(called.status, 0, "{seat}: {called:?}");
        serde_json::from_str(&called.stdout).unwrap()
    }

    /// The status of every seat.
    fn statuses(&self) -> Vec<Value> {
        let seats = 0..self.endpoints.len();
        seats.map(|seat| self.response(seat, &[STATUS])).collect()
    }

    /// The names of the fields of a status, by this version of the reflection service.
    fn fields_by_reflection(&self, seat: usize, version: &str) -> Vec<String> {
        let set = self.folder.path().join(version).display().to_string();
        let request = r#"{"file_containing_symbol":"fleet.v1.MachineService"}"#;
        let method = format!("grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let response = self.response(seat, &["-protoset", &set, "-d", request, &method]);
        let files = response["fileDescriptorResponse"]["fileDescriptorProto"].as_array();
        let bytes = files.unwrap()[0].as_str().unwrap();
        let bytes = BASE64_STANDARD.decode(bytes).unwrap();
        let file = FileDescriptorProto::decode(&bytes[..]).unwrap();
        let mut messages = file.message_type.iter();
        let message = messages.find(|message| message.name() == "GetStatusResponse");
        let fields = message.unwrap().field.iter();
        fields.map(|field| field.name().to_owned()).collect()
    }

    fn health(&self, seat: usize, service: &str) -> Value {
        let request = json!({ "service": service }).to_string();
        self.response(seat, &["-d", &request, "grpc.health.v1.Health/Check"])["status"].take()
    }
}

/// A status without what each machine has for itself.
fn common(status: &Value) -> Value {
    let mut status = status.clone();
    let fields = status.as_object_mut().unwrap();
    for field in ["hostName", "uptime"] {
        assert!(fields.remove(field).is_some(), "{field}");
    }
    status
}

/// The fault of each seat that the seed chooses, by the library.
fn faults(seats: usize, faults: &str) -> Vec<&'static str> {
    let config = lab::Config {
        service: ServiceKind::Fleet,
        seats,
        faults: faults.parse().unwrap(),
        ..lab::Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let room = runtime.block_on(Room::start(config)).unwrap();
    (0..seats)
        .map(|seat| room.expected(seat).fault.name)
        .collect()
}

#[test]
fn healthy_machines_report_one_status_under_names_of_their_own() {
    let Some(fleet) = Fleet::open(&["--seats", "4"]) else {
        return;
    };
    let statuses = fleet.statuses();
    let expected = json!({
        "version": "1.8.2",
        "revision": "4411",
        "limits": { "maxQps": 500, "maxMemoryBytes": "8589934592", "maxCpuShare": 0.75 },
        "labels": {
            "region": "eu-west", "role": "frontend", "stage": "production", "team": "search",
        },
        "extension": {
            "@type": "type.googleapis.com/fleet.v1.KernelInfo",
            "release": "6.12.9",
            "modules": ["tcp_bbr", "nvme", "tls"],
        },
        "state": "STATE_ACTIVE",
        "buildTime": "2026-01-15T08:30:00.250Z",
        "configGeneration": "9007199254740993",
        "features": ["hedging", "zstd"],
        "reloadInterval": "2.500s",
    });
    for (seat, status) in statuses.iter().enumerate() {
        assert_eq!(status["hostName"], format!("machine-{seat:05}"));
        assert_eq!(common(status), expected);
    }
    assert_ne!(statuses[0]["uptime"], statuses[1]["uptime"]);
    let basic = fleet.response(0, &["-d", r#"{"view":"STATUS_VIEW_BASIC"}"#, STATUS]);
    assert_eq!(
        (&basic["labels"], &basic["extension"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn machines_serve_health_and_both_versions_of_reflection() {
    let Some(fleet) = Fleet::open(&["--seats", "2"]) else {
        return;
    };
    for service in ["", "fleet.v1.MachineService"] {
        assert_eq!(fleet.health(1, service), "SERVING", "{service}");
    }
    let unknown = ["-d", r#"{"service":"x"}"#, "grpc.health.v1.Health/Check"];
    // 64 and the code, which is NOT_FOUND.
    assert_eq!(fleet.call(1, &unknown).status, 64 + 5);
    for version in ["v1", "v1alpha"] {
        let fields = fleet.fields_by_reflection(1, version);
        assert_eq!(fields.len(), 12, "{fields:?}");
    }
    let described = fleet.call(1, &["describe"]).stdout;
    for method in ["rpc GetStatus", "rpc Reload"] {
        assert!(described.contains(method), "{described}");
    }
    assert!(!described.contains("lab.Profile"), "{described}");
}

#[test]
fn reloads_are_counted_by_each_machine() {
    let Some(fleet) = Fleet::open(&["--seats", "2"]) else {
        return;
    };
    let reload = |seat| fleet.response(seat, &["fleet.v1.MachineService/Reload"]);
    for (seat, reloads) in [(0, "1"), (0, "2"), (1, "1")] {
        assert_eq!(reload(seat), json!({ "reloads": reloads }), "{seat}");
    }
}

#[test]
fn each_fault_of_a_machine_changes_only_what_it_is_named_for() {
    let list = "drift=1,old-schema=1,unknown-field=1,not-serving=1,escape-label=1,large=1,slow=1";
    let Some(fleet) = Fleet::open(&["--seats", "8", "--faults", list]) else {
        return;
    };
    let faults = faults(8, list);
    let seat = |name| faults.iter().position(|fault| *fault == name).unwrap();
    let statuses: Vec<Value> = fleet.statuses().iter().map(common).collect();
    let healthy = &statuses[seat("healthy")];
    let with = |changes: Value| {
        let mut changed = healthy.clone();
        for (pointer, value) in changes.as_object().unwrap() {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            let parent = changed
                .pointer_mut(parent)
                .unwrap()
                .as_object_mut()
                .unwrap();
            match value {
                Value::Null => _ = parent.remove(field),
                value => _ = parent.insert(field.to_owned(), value.clone()),
            }
        }
        changed
    };
    let features = json!(["hedging", "zstd", "x".repeat(1 << 20)]);
    for (fault, changes) in [
        ("slow", json!({})),
        ("not-serving", json!({})),
        // grpcurl does not show what the schema lacks.
        ("unknown-field", json!({})),
        (
            "drift",
            json!({ "/version": "1.8.1", "/revision": "4391", "/limits/maxQps": null, "/limits/maxCpuShare": 0.5 }),
        ),
        (
            "old-schema",
            json!({ "/version": "1.7.9", "/features": null, "/reloadInterval": null }),
        ),
        (
            "escape-label",
            json!({ "/labels/note": "\u{1b}[2J\u{202e}=1+1" }),
        ),
        ("large", json!({ "/features": features })),
    ] {
        let seat = seat(fault);
        assert!(
            statuses[seat] == with(changes),
            "{fault}: {}",
            statuses[seat]
        );
        let health = if fault == "not-serving" {
            "NOT_SERVING"
        } else {
            "SERVING"
        };
        for service in ["", "fleet.v1.MachineService"] {
            assert_eq!(fleet.health(seat, service), health, "{fault}");
        }
        for version in ["v1", "v1alpha"] {
            let fields = fleet.fields_by_reflection(seat, version).len();
            assert_eq!(
                fields,
                if fault == "old-schema" { 10 } else { 12 },
                "{fault}"
            );
        }
    }
}

/// An older schema at hand shows the field that the machine sends beyond its own.
#[test]
fn unknown_field_is_on_the_wire() {
    let Some(fleet) = Fleet::open(&["--seats", "1", "--faults", "unknown-field=1"]) else {
        return;
    };
    let proto = file(
        fleet.folder.path(),
        "newer.proto",
        "syntax = \"proto3\"; package fleet.v1; message Empty {} message New { string next = 99; }
        service MachineService { rpc GetStatus(Empty) returns (New); }",
    );
    let folder = fleet.folder.path().display().to_string();
    let name = proto.file_name().and_then(|name| name.to_str()).unwrap();
    let status = fleet.response(0, &["-import-path", &folder, "-proto", name, STATUS]);
    assert_eq!(status, json!({ "next": "from a newer version" }));
}

#[test]
fn faults_of_the_room_that_need_no_profile_apply_to_machines() {
    let list = "refuse=1,http1=1,status-unavailable=1,chunked=1";
    let Some(fleet) = Fleet::open(&["--seats", "4", "--faults", list]) else {
        return;
    };
    let faults = faults(4, list);
    let seat = |name| faults.iter().position(|fault| *fault == name).unwrap();
    let connect = |name| TcpStream::connect(&fleet.endpoints[seat(name)]);
    let refused = connect("refuse").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    // The scripts answer the first bytes, which comes too early for grpcurl.
    let host_name = format!("machine-{:05}", seat("chunked"));
    for (fault, expected) in [
        ("http1", "HTTP/1.1 400"),
        ("status-unavailable", "grpc-status\x0214"),
        ("chunked", &host_name),
    ] {
        let mut stream = connect(fault).unwrap();
        stream.write_all(PREFACE).unwrap();
        let mut sent = Vec::new();
        stream.read_to_end(&mut sent).unwrap();
        let sent = String::from_utf8_lossy(&sent);
        assert!(sent.contains(expected), "{fault}: {sent:?}");
    }
}

/// `GetStatus` as any method, by the schema of the project.
pub(crate) fn get_status() -> AnyMethod {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let schema = Schema::compile(&[proto.join("fleet/v1/machine.proto")], &[proto]).unwrap();
    let method = schema.method(&STATUS.parse().unwrap()).unwrap();
    AnyMethod::new(method, Bytes::new())
}

/// Every fault at least twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_fleet_leads_to_its_expected_outcome() {
    let room = Room::start(lab::Config {
        service: ServiceKind::Fleet,
        seats: 200,
        faults: "all=95%".parse().unwrap(),
        ..lab::Config::default()
    })
    .await
    .unwrap();
    let config = survey::Config {
        // Long enough that only a fault that hangs leads to a timeout, even on a busy machine.
        max_time: Duration::from_secs(8),
        ..survey::Config::default()
    };
    let answers = survey::run(&room.hosts(), &get_status(), &config, |_, _| {}, pending()).await;
    let seats = answers.iter().enumerate();
    let faults = seats.map(|(seat, answer)| (room.expected(seat).fault, &answer.outcome));
    let wrong: Vec<_> = faults
        .filter(|(fault, outcome)| !fault.matches(outcome))
        .map(|(fault, outcome)| (fault.name, outcome))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn same_seed_gives_the_same_machines_at_the_same_seats() {
    let of_seed = |seed| {
        let arguments = [
            "--seats",
            "5",
            "--seed",
            seed,
            "--faults",
            "drift=2,old-schema=1",
        ];
        Some(Fleet::open(&arguments)?.statuses())
    };
    let Some(statuses) = of_seed("3") else { return };
    assert_eq!(of_seed("3").unwrap(), statuses);
    assert_ne!(of_seed("4").unwrap(), statuses);
}

#[test]
fn all_takes_the_faults_of_the_fleet_only() {
    let faults = faults(200, "all=100%");
    for fault in lab::FAULTS {
        let expected = fault.service() != Some(ServiceKind::Profile);
        assert_eq!(faults.contains(&fault.name), expected, "{}", fault.name);
    }
}

#[test]
fn fault_of_another_service_is_wrong_usage() {
    for (service, fault, other) in [("fleet", "nan", "profile"), ("profile", "drift", "fleet")] {
        let faults = format!("{fault}=1");
        let rejected = run(["lab", "--service", service, "--faults", &faults]);
        assert_eq!(rejected.status, 2, "{rejected:?}");
        let message = format!("the fault {fault} needs the service {other}");
        assert!(rejected.stderr.contains(&message), "{rejected:?}");
    }
}

#[test]
fn lab_prints_the_survey_that_compares_the_fleet() {
    let Some(fleet) = Fleet::open(&["--seats", "3"]) else {
        return;
    };
    let said = fleet.lab.said.join("\n");
    let expected = format!(
        "3 seats are open; Ctrl-C closes the room\nin another terminal: labrpc survey --hosts fleet.txt \
         --method {STATUS} --ignore host_name --ignore uptime"
    );
    assert_eq!(said, expected);
}

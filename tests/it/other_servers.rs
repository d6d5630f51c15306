//! Servers that other projects wrote, side by side in one list: what the survey makes of an answer is what grpcurl
//! prints for it.
//!
//! grpcurl's own test servers (grpc-go, reflection v1 and v1alpha), Python's grpcio (v1alpha only), Node's grpc-js (v1
//! only, with descriptors that lack their imports), and `labrpc serve`, which has none of the methods.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    end_to_end::generate_into,
    support::{self, Output, Running, labrpc, output, under},
};

const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers");
const ECHO: &str = "testing.TestService/UnaryCall";
const DESCRIBE: &str = "inventory.v1.Inventory/Describe";

/// Every shape of field, with the values that implementations disagree about.
const MACHINE: &str = r#"{
    "name": "näme \"quoted\" \u0007", "state": "STOPPED", "history": ["RUNNING", "STATE_UNSPECIFIED", 7],
    "slot": -3, "offset": "-9223372036854775808", "serial": "18446744073709551615", "checksum": 4294967295,
    "shift": "9007199254740993", "ratio": 0.1, "load": 1e-300,
    "samples": [0, -0.0, 1.5, "NaN", "Infinity", "-Infinity", 1e21],
    "active": true, "token": "AP/+gA==", "priority": 0, "note": "",
    "disks": [{"device": "sda", "size": "9007199254740993", "parts": [{"device": "sda1"}, {}]}, {}],
    "counters": {"": "0", "requests": "-1", "a.b": "9007199254740993"},
    "bays": {"-1": {"device": "x"}, "10": {}, "9": {}}, "flags": {"true": "yes"}, "battery": {"value": 0},
    "extension": {"@type": "type.googleapis.com/inventory.v1.Machine.Disk", "device": "nested", "size": "1"},
    "booted": "2026-11-24T15:00:00.500Z", "uptime": "86400.000000001s", "limit": "0", "owner": "",
    "tags": {"rack": "r1", "depth": 2.5, "list": [null, true, {"k": []}]}, "label": "front"
}"#;

/// Starts a server that prints its address behind "listening on", to either of its outputs.
fn start(server: &Command) -> (Running, String) {
    let mut command = under(&["sh", "-c", "exec \"$@\" >&2", "sh"], server);
    let listening = |line: &str| line.to_lowercase().contains("listening on ");
    let running = Running::start(command.stdin(Stdio::null()), listening);
    let line = running.said.last().unwrap();
    let address = line.rsplit(' ').next().unwrap().to_owned();
    (running, address)
}

/// grpcurl's test server, and its proto file, which it gives by reflection.
fn test_server(grpcurl: &Path, protos: &Path) -> Option<(Running, String)> {
    let (running, address) = start(Command::new(support::tool("testserver")?).arg("-q"));
    let mut command = Command::new(grpcurl);
    command.arg("-plaintext").arg("-proto-out-dir").arg(protos);
    let described = output(command.args([&address, "describe", "testing.TestService"]));
    assert_eq!(described.status, 0, "{described:?}");
    assert!(protos.join("test.proto").is_file());
    Some((running, address))
}

fn python_server(protos: &Path) -> Option<(Running, String)> {
    let python = support::python("grpc, grpc_tools, grpc_health.v1, grpc_reflection.v1alpha")?;
    let files = ["inventory.proto", "inventory_units.proto", "test.proto"];
    generate_into(protos, &python, &[Path::new(PEERS), protos], &files);
    let script = Path::new(PEERS).join("inventory_server.py");
    let mut command = Command::new(python);
    Some(start(command.arg(script).env("PYTHONPATH", protos)))
}

fn node_server(protos: &Path) -> Option<(Running, String)> {
    let packages = ["@grpc/grpc-js", "@grpc/proto-loader", "@grpc/reflection"];
    let (node, modules) = support::node(&packages)?;
    let script = Path::new(PEERS).join("inventory_server.cjs");
    let mut command = Command::new(node);
    command.arg(script).arg(protos).env("NODE_PATH", modules);
    Some(start(&command))
}

/// One of each.
struct Servers {
    grpcurl: PathBuf,
    go: String,
    python: String,
    node: String,
    own: String,
    protos: tempfile::TempDir,
    _running: Vec<Running>,
}

impl Servers {
    /// The servers of Go, Python, Node and this project.
    fn addresses(&self) -> [&str; 4] {
        [&self.go, &self.python, &self.node, &self.own].map(String::as_str)
    }

    fn start() -> Option<Self> {
        let grpcurl = support::tool("grpcurl")?;
        let protos = tempfile::tempdir().unwrap();
        let (go_server, go) = test_server(&grpcurl, protos.path())?;
        let (python_server, python) = python_server(protos.path())?;
        let (node_server, node) = node_server(protos.path())?;
        let own_server = Running::serve(["--listen", "127.0.0.1:0"]);
        Some(Self {
            grpcurl,
            go,
            python,
            node,
            own: own_server.address().to_owned(),
            protos,
            _running: vec![go_server, python_server, node_server, own_server],
        })
    }

    /// grpcurl with the proto files instead of reflection, which it does not understand from Node.
    fn grpcurl(&self, address: &str, method: &str, request: &str) -> Output {
        let mut command = Command::new(&self.grpcurl);
        command.args(["-plaintext", "-import-path", PEERS, "-import-path"]);
        command.arg(self.protos.path());
        command.args(["-proto", "inventory.proto", "-proto", "test.proto"]);
        output(command.args(["-d", request, address, method]))
    }

    /// The answer that grpcurl prints.
    fn printed(&self, address: &str, method: &str, request: &str) -> Value {
        let printed = self.grpcurl(address, method, request);
        assert_eq!(printed.status, 0, "{printed:?}");
        serde_json::from_str(&printed.stdout).unwrap()
    }
}

/// A survey's report in JSON.
struct Report(Value);

impl Report {
    /// Calls a method on all endpoints; the status must be the expected one.
    fn of<'a>(status: i32, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut command = labrpc();
        command.args(["survey", "--format", "json"]).args(arguments);
        let run = output(&mut command);
        assert_eq!(run.status, status, "{run:?}");
        Self(serde_json::from_str(&run.stdout).unwrap())
    }

    fn endpoint(&self, address: &str) -> &Value {
        let endpoints = self.0["endpoints"].as_array().unwrap();
        let mut found = endpoints.iter().filter(|one| one["endpoint"] == address);
        found.next().unwrap()
    }

    /// What an endpoint answered.
    fn value(&self, address: &str) -> &Value {
        let group = self.endpoint(address)["group"].as_u64();
        let group = group.unwrap_or_else(|| panic!("{address} has no group: {}", self.0));
        &self.group(group)["value"]
    }

    fn group(&self, number: u64) -> &Value {
        let groups = self.0["answers"].as_array().unwrap();
        groups.iter().find(|one| one["group"] == number).unwrap()
    }

    fn groups(&self) -> usize {
        self.0["answers"].as_array().unwrap().len()
    }
}

/// Equality of JSON in which `1` and `1.0` are one number, and `0.0` and `-0.0` are not.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let bits = |number: &serde_json::Number| number.as_f64().map(f64::to_bits);
            bits(a) == bits(b)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let found = |(name, a)| b.get(name).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(found)
        }
        _ => a == b,
    }
}

#[track_caller]
fn assert_same(ours: &Value, printed: &Value) {
    assert!(same(ours, printed), "\n{ours:#}\nis not\n{printed:#}");
}

#[test]
fn answers_of_grpc_go_grpcio_and_grpc_js_equal_what_grpcurl_prints() {
    let Some(servers) = Servers::start() else {
        return;
    };
    let list = servers.addresses();
    let [go, python, node, own] = list;

    // A method that three of them have.
    let request =
        r#"{"payload": {"type": "UNCOMPRESSABLE", "body": "AAEC/w=="}, "response_size": 3}"#;
    let arguments = ["--method", ECHO, "-d", request];
    let report = Report::of(3, arguments.into_iter().chain(list));
    for address in [go, python, node] {
        assert_same(
            report.value(address),
            &servers.printed(address, ECHO, request),
        );
    }
    assert_eq!(report.groups(), 1, "{}", report.0);
    assert_eq!(report.endpoint(own)["outcome"], "status");

    // One that two of them have.
    let arguments = ["--method", DESCRIBE, "-d", MACHINE];
    let report = Report::of(3, arguments.into_iter().chain(list));
    for address in [python, node] {
        assert_same(
            report.value(address),
            &servers.printed(address, DESCRIBE, MACHINE),
        );
    }
    assert_eq!(report.groups(), 2, "{}", report.0);
    // grpcurl's exit status is 64 and the code.
    for address in [go, own] {
        assert_eq!(servers.grpcurl(address, DESCRIBE, MACHINE).status, 64 + 12);
        assert_eq!(report.endpoint(address)["outcome"], "status");
        assert_eq!(report.endpoint(address)["code"], "UNIMPLEMENTED");
    }
    let difference = json!([{"path": "server", "reference": "python", "value": "node"}]);
    assert_eq!(report.group(2)["differences"], difference);

    // Their encodings differ in the order of fields and entries; the messages are equal.
    let ignore = ["--ignore", "server", "--min-ok", "2", "--expect-same"];
    let report = Report::of(0, arguments.into_iter().chain(ignore).chain(list));
    assert_eq!(report.groups(), 1, "{}", report.0);
}

#[test]
fn schema_comes_from_either_version_of_reflection() {
    let Some(servers) = Servers::start() else {
        return;
    };
    let request = r#"{"payload": {"body": "AAEC"}}"#;
    for address in [&servers.go, &servers.python, &servers.node] {
        let report = Report::of(0, ["--method", ECHO, "-d", request, address]);
        assert_same(
            report.value(address),
            &servers.printed(address, ECHO, request),
        );
    }
    // The first endpoint has no such service, the second does not listen, and the third gives the schema.
    let dead = format!("{}1:9", support::network());
    let arguments = ["--method", DESCRIBE, "-d", MACHINE, "--min-ok", "1"];
    let list = [&servers.own, &dead, &servers.python].map(String::as_str);
    let report = Report::of(0, arguments.into_iter().chain(list));
    let printed = servers.printed(&servers.python, DESCRIBE, MACHINE);
    assert_same(report.value(&servers.python), &printed);
}

/// Node's reflection sends relative type names and no imports: grpcurl finds no type of another package there. It sends
/// no JSON names either, so the field that has one of its own is left out.
#[test]
fn descriptors_of_node_that_lack_their_imports_are_usable() {
    let Some(servers) = Servers::start() else {
        return;
    };
    let node = &*servers.node;
    let request = &MACHINE.replace(r#", "label": "front""#, "");
    assert_ne!(request, MACHINE);
    let mut command = Command::new(&servers.grpcurl);
    command.args(["-plaintext", "-d", request, node, DESCRIBE]);
    let refused = output(&mut command);
    assert!(
        refused.stderr.contains("cannot resolve type"),
        "{refused:?}"
    );

    let reflected = Report::of(0, ["--method", DESCRIBE, "-d", request, node]);
    let printed = servers.printed(node, DESCRIBE, request);
    assert_same(reflected.value(node), &printed);
    let file = format!("{PEERS}/inventory.proto");
    let proto = ["--proto", &file, "--import-path", PEERS];
    let arguments = ["--method", DESCRIBE, "-d", MACHINE, node];
    let from_file = Report::of(0, proto.into_iter().chain(arguments));
    let printed = servers.printed(node, DESCRIBE, MACHINE);
    assert_same(from_file.value(node), &printed);
}

/// A bank that keeps its accounts in a folder.
fn bank(folder: &Path, name: &str) -> Option<(Running, String)> {
    let mut command = Command::new(support::tool("bankdemo")?);
    command.args(["-port", "0", "-datafile"]);
    Some(start(command.arg(folder.join(name))))
}

/// A service without a package, with credentials, 64-bit numbers and methods that write.
#[test]
fn accounts_of_two_banks_are_opened_once_and_their_balances_compared() {
    let Some(grpcurl) = support::tool("grpcurl") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let banks: Option<Vec<_>> = ["a.json", "b.json"]
        .into_iter()
        .map(|name| bank(folder.path(), name))
        .collect();
    let Some(banks) = banks else {
        return;
    };
    let [a, b] = [&*banks[0].1, &*banks[1].1];
    let token = ["-H", "authorization: token ada"];
    let survey = |status: i32, method: &str, more: &[&str]| {
        let arguments = ["--method", method, a, b].into_iter();
        Report::of(status, arguments.chain(more.iter().copied()))
    };
    let get = |address: &str, method: &str, request: &str| -> Value {
        let mut command = Command::new(&grpcurl);
        command.arg("-plaintext").args(token);
        let printed = output(command.args(["-d", request, address, method]));
        assert_eq!(printed.status, 0, "{printed:?}");
        serde_json::from_str(&printed.stdout).unwrap()
    };

    // Without the token every endpoint refuses, with UNAUTHENTICATED.
    let report = survey(4, "Bank/GetAccounts", &[]);
    assert_eq!(
        report.endpoint(a)["code"],
        "UNAUTHENTICATED",
        "{}",
        report.0
    );

    let request = r#"{"type": "SAVING", "initial_deposit_cents": 100}"#;
    let opened = [token[0], token[1], "-d", request];
    let report = survey(0, "Bank/OpenAccount", &opened);
    let account = json!({"accountNumber": "1", "type": "SAVING", "balanceCents": 100});
    assert_eq!((report.groups(), report.value(a)), (1, &account));

    let report = survey(0, "Bank/GetAccounts", &token);
    for address in [a, b] {
        let printed = get(address, "Bank/GetAccounts", "{}");
        assert_same(report.value(address), &printed);
        // Each opened one account, not two.
        assert_eq!(printed["accounts"].as_array().unwrap().len(), 1);
    }

    get(
        b,
        "Bank/Deposit",
        r#"{"account_number": 1, "amount_cents": 50, "source": "CASH"}"#,
    );
    let expect = [token[0], token[1], "--expect-same"];
    let report = survey(5, "Bank/GetAccounts", &expect);
    assert_same(report.value(b), &get(b, "Bank/GetAccounts", "{}"));
    let difference = json!([{"path": "accounts[0].balanceCents", "reference": 100, "value": 150}]);
    assert_eq!(report.group(2)["differences"], difference);
    let ignored = [&expect[..], &["--ignore", "accounts[].balance_cents"]].concat();
    assert_eq!(survey(0, "Bank/GetAccounts", &ignored).groups(), 1);
}

/// Python's health service, that of `labrpc serve`, and two servers without one.
#[test]
fn health_of_other_servers_equals_what_grpcurl_prints() {
    let Some(servers) = Servers::start() else {
        return;
    };
    let list = servers.addresses();
    let [_, python, _, own] = list;
    let check = |address: &str, service: &str| {
        let request = json!({"service": service}).to_string();
        let mut command = Command::new(&servers.grpcurl);
        command.args(["-plaintext", "-d", &request, address]);
        output(command.arg("grpc.health.v1.Health/Check"))
    };
    for (service, answering) in [
        ("", &[python, own][..]),
        ("inventory.v1.Inventory", &[python]),
        ("lab.Profile", &[own]),
    ] {
        let health = format!("--health={service}");
        let arguments = [&*health].into_iter().chain(list);
        let report = Report::of(3, arguments);
        for address in list {
            if answering.contains(&address) {
                let printed = check(address, service);
                let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
                assert_same(report.value(address), &printed);
            } else {
                // Without the service, or without a health service.
                let has_health = address == python || address == own;
                let code = if has_health {
                    "NOT_FOUND"
                } else {
                    "UNIMPLEMENTED"
                };
                let endpoint = report.endpoint(address);
                assert_eq!(endpoint["code"], code, "{service} {endpoint}");
            }
        }
    }
}

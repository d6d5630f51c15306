//! Surveys of all addresses of a name, against a name server of this file whose answers change.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream, UdpSocket},
    path::Path,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use labrpc::tls::ca;
use serde_json::Value;

use crate::support::{self, Output, Running, labrpc, output, shell};

/// A name server on this network's 127.0.0.1:53, which the machine uses.
#[derive(Clone)]
struct NameServer(Arc<Mutex<HashMap<String, Vec<Ipv4Addr>>>>);

impl NameServer {
    /// Its answers are those of [`Self::set`]; any other name does not exist.
    fn start(folder: &Path) -> Self {
        let (server, socket) = (Self(Arc::default()), silent_resolver(folder));
        let answering = server.clone();
        thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut query) {
                let _ = socket.send_to(&answering.answer(&query[..length]), peer);
            }
        });
        server
    }

    fn set(&self, name: &str, last_bytes: &[u8]) {
        let addresses = last_bytes
            .iter()
            .map(|last| Ipv4Addr::new(127, 0, 0, *last));
        let mut zone = self.0.lock().unwrap();
        zone.insert(name.to_owned(), addresses.collect());
    }

    /// The response to a query (RFC 1035, section 4.1).
    fn answer(&self, query: &[u8]) -> Vec<u8> {
        let (mut labels, mut at) = (Vec::new(), 12);
        while query[at] != 0 {
            let end = at + 1 + usize::from(query[at]);
            labels.push(String::from_utf8(query[at + 1..end].to_vec()).unwrap());
            at = end;
        }
        let is_a = query[at + 1..at + 3] == [0, 1];
        let zone = self.0.lock().unwrap();
        let addresses = zone.get(&labels.join("."));
        let found = addresses.filter(|_| is_a).map_or(&[][..], Vec::as_slice);
        let mut response = query[..2].to_vec();
        // A response, recursion desired and available; name error.
        response.extend([0x81, if addresses.is_some() { 0x80 } else { 0x83 }]);
        response.extend([0, 1, 0, found.len() as u8, 0, 0, 0, 0]);
        response.extend(&query[12..at + 5]);
        for address in found {
            response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            response.extend(address.octets());
        }
        response
    }
}

/// Makes 127.0.0.1:53 the machine's only resolver, which answers nothing by itself.
fn silent_resolver(folder: &Path) -> UdpSocket {
    shell("ip link set lo up");
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let file = support::file(folder, "resolv.conf", "nameserver 127.0.0.1\n");
    shell(&format!("mount --bind {} /etc/resolv.conf", file.display()));
    socket
}

/// A server at 127.0.0.LAST:50051.
fn server(last: u8, more: &[&str]) -> Running {
    let listen = format!("127.0.0.{last}:50051");
    let id = format!("seat{last}");
    let arguments = ["--listen", &listen, "--id", &id, "--height", "178"];
    Running::serve(
        arguments
            .iter()
            .chain(&["--weight", "60", "--size", "M"])
            .chain(more),
    )
}

/// A process that ends with the test, however the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn survey(arguments: &[&str]) -> Output {
    output(labrpc().arg("survey").args(arguments))
}

/// Endpoint and outcome of each line of a JSON report.
fn outcomes(survey: &Output) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&survey.stdout).expect(&survey.stderr);
    let endpoints = report["endpoints"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    endpoints
        .map(|line| (text(&line["endpoint"]), text(&line["outcome"])))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn every_address_of_a_name_is_an_endpoint_whose_certificate_has_the_name() {
    if !support::in_own_network() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let names = NameServer::start(folder.path());
    names.set("svc.example", &[3, 2]);
    ca::create(folder.path()).unwrap();
    let name = "svc.example".parse().unwrap();
    let ca::CertFiles { cert, key } = ca::issue(folder.path(), &name, &[]).unwrap();
    let tls = [
        "--cert",
        cert.to_str().unwrap(),
        "--key",
        key.to_str().unwrap(),
    ];
    let _servers = [server(2, &tls), server(3, &tls)];
    let ca = folder.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let asked = survey(&[
        "dns+svc.example:50051",
        "127.0.0.2:50051",
        "--cacert",
        ca,
        "--format",
        "json",
    ]);
    assert_eq!(
        outcomes(&asked),
        pairs(&[
            ("svc.example@127.0.0.2:50051", "ok"),
            ("svc.example@127.0.0.3:50051", "ok"),
            ("127.0.0.2:50051", "tls"),
        ])
    );
    // The list that is printed can be given back.
    let listed = survey(&["dns+svc.example:50051", "-x", "127.0.0.3", "--list"]);
    assert_eq!(listed.stdout, "svc.example@127.0.0.2:50051\n");
    let again = survey(&[listed.stdout.trim(), "--cacert", ca]);
    assert_eq!(again.status, 0, "{again:?}");
}

#[test]
fn name_without_addresses_is_one_endpoint_and_expanded_when_its_run_is_resumed() {
    if !support::in_own_network() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let names = NameServer::start(folder.path());
    let _servers = [server(2, &[]), server(3, &[]), server(4, &[])];
    let run = folder.path().join("run.jsonl");
    let run = run.to_str().unwrap();
    let first = survey(&[
        "dns+svc.example:50051,127.0.0.4:50051,dns+gone.example:5",
        "-o",
        run,
    ]);
    assert_eq!(first.status, 3, "{first:?}");
    assert!(first.stderr.contains("dns+svc.example:50051"), "{first:?}");
    names.set("svc.example", &[3, 2]);
    let resumed = survey(&["--only-failed", run, "--format", "json"]);
    assert_eq!(
        outcomes(&resumed),
        pairs(&[
            ("svc.example@127.0.0.2:50051", "ok"),
            ("svc.example@127.0.0.3:50051", "ok"),
            ("127.0.0.4:50051", "ok"),
            ("dns+gone.example:5", "dns"),
        ])
    );
}

#[test]
fn watch_looks_names_up_again_in_each_round() {
    if !support::in_own_network() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let names = NameServer::start(folder.path());
    let _servers = [server(2, &[]), server(3, &[]), server(4, &[])];
    names.set("svc.example", &[2, 3]);
    let mut watch = labrpc();
    watch.args(["survey", "dns+svc.example:50051", "--watch", "50ms"]);
    let watch = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut watch = Killed(watch.unwrap());
    let mut lines = BufReader::new(watch.0.stdout.take().unwrap()).lines();
    let mut until = |text: &str| {
        let mut lines = lines.by_ref().map(|line| line.expect("the watch goes on"));
        assert!(lines.any(|line| line.ends_with(text)), "{text}");
    };
    until("2 of 2 answered");
    names.set("svc.example", &[3, 4]);
    until("  svc.example@127.0.0.4:50051: came, ok");
    until("  svc.example@127.0.0.2:50051: went, was ok");
    // What is left keeps its place: nothing else has changed.
    names.set("svc.example", &[4]);
    until("  svc.example@127.0.0.3:50051: went, was ok");
}

#[test]
fn board_shows_the_addresses_that_a_name_has_now() {
    if !support::in_own_network() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let names = NameServer::start(folder.path());
    let _servers = [server(2, &[]), server(3, &[]), server(4, &[])];
    let mut board = labrpc();
    board.args(["board", "dns+svc.example:50051", "--every", "50ms"]);
    let _board = Running::start(board.args(["--listen", "127.0.0.1:8024"]), |line| {
        line.starts_with("open ")
    });
    for (addresses, shown) in [
        (&[2, 3][..], ["seat2", "seat3"]),
        (&[4, 3], ["seat3", "seat4"]),
    ] {
        names.set("svc.example", addresses);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let mut page = String::new();
            let mut stream = TcpStream::connect("127.0.0.1:8024").unwrap();
            stream
                .write_all(b"GET / HTTP/1.0\r\nHost: 127.0.0.1:8024\r\n\r\n")
                .unwrap();
            stream.read_to_string(&mut page).unwrap();
            let seats = ["seat2", "seat3", "seat4"].into_iter();
            let found: Vec<_> = seats.filter(|seat| page.contains(seat)).collect();
            if found == shown {
                break;
            }
            assert!(Instant::now() < deadline, "{found:?}: {page}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A lookup in which the resolver hangs holds a thread; there are fewer of them than names here.
#[test]
fn silent_resolver_delays_a_survey_once_and_not_for_each_name() {
    if !support::in_own_network() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _resolver = silent_resolver(folder.path());
    let _server = server(2, &[]);
    let start = Instant::now();
    let asked = survey(&[
        "127.0.0.2:50051",
        "dns+svc[1-1000].example",
        "--format",
        "json",
    ]);
    // The limit of a lookup is two seconds; one after the other they would take half an hour.
    assert!(start.elapsed() < Duration::from_secs(60));
    let outcomes = outcomes(&asked);
    assert_eq!(outcomes.len(), 1001);
    assert_eq!(outcomes[0].1, "ok");
    assert!(outcomes[1..].iter().all(|(_, outcome)| outcome == "dns"));
    assert_eq!(outcomes[1].0, "dns+svc1.example:1024");
}

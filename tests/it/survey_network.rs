//! Surveys in networks with faults: a resolver that does not answer, links that lose packets.

use std::{
    fs,
    future::pending,
    io::{Read as _, Write as _},
    net::{TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use labrpc::{
    lab::{self, Room},
    profile::Profile,
    question::GetProfile,
    survey::{
        self, Config,
        endpoint::{Address, Endpoint},
        hosts::Hosts,
    },
};
use serde_json::Value;

use crate::support::{self, Running, labrpc, output, shell, under};

#[test]
fn dead_resolver_delays_no_address_and_no_name_beyond_max_time() {
    if !support::in_own_network() {
        return;
    }
    shell("ip link set lo up");
    // It takes every query and answers none.
    let _resolver = UdpSocket::bind("127.0.0.1:53").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = support::file(folder.path(), "resolv.conf", "nameserver 127.0.0.1\n");
    shell(&format!("mount --bind {} /etc/resolv.conf", file.display()));

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (start, answers, decided) = runtime.block_on(async {
        let room = Room::start(lab::Config {
            seats: 40,
            ..lab::Config::default()
        })
        .await
        .unwrap();
        let names = (0..1_500).map(|number| Endpoint {
            address: Address::Name(format!("seat{number}.example").into(), 1024),
            raw: false,
        });
        let hosts: Hosts = room.hosts().iter().chain(names).collect();
        let start = Instant::now();
        let mut decided = vec![Duration::ZERO; hosts.len()];
        let observe = |index: usize, _: &survey::outcome::EndpointResult<Profile>| {
            decided[index] = start.elapsed()
        };
        let answers =
            survey::run(&hosts, &GetProfile, &Config::default(), observe, pending()).await;
        (start, answers, decided)
    });
    assert!(start.elapsed() < Duration::from_secs(30));
    // What hangs in the resolver is not waited for.
    runtime.shutdown_background();
    for (index, (answer, at)) in answers.iter().zip(decided).enumerate() {
        let expected = if index < 40 { "ok" } else { "dns" };
        assert_eq!(answer.outcome.name(), expected, "{answer:?}");
        assert!(index >= 40 || at < Duration::from_secs(6), "{at:?}");
        assert!(
            answer.elapsed <= Config::default().max_time,
            "{index}: {answer:?}"
        );
    }
    let unasked = answers.iter().filter(|answer| answer.attempts == 0).count();
    assert!(unasked > 1_000, "{unasked}");
}

/// Most of the prefaces that lost packets delay beyond a second arrive within this time after the handshake.
#[test]
fn preface_that_is_sent_again_is_not_too_late_for_grpc() {
    const SENT_AGAIN: Duration = Duration::from_millis(2_500);
    let server = Running::serve(["--listen", "127.0.0.1:0"]);
    // On a busy machine it may come much later than that, which says nothing about the server.
    let answer = (0..5).find_map(|_| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let start = Instant::now();
        thread::sleep(SENT_AGAIN);
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        stream.write_all(preface).unwrap();
        let late = start.elapsed() > SENT_AGAIN + Duration::from_millis(200);
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        (!late).then_some(answer)
    });
    let answer = answer.expect("the machine is too busy");
    assert_eq!((answer[0], answer[3]), (0, 4), "not a SETTINGS frame");
}

#[test]
fn endpoint_without_any_response_is_asked_once_more() {
    if !support::in_own_network() {
        return;
    }
    // At the other end nothing answers; to the documentation's addresses (RFC 5737) there is no route.
    shell("ip link add near type veth peer name far; ip link set near up; ip link set far up");
    shell("ip address add 10.77.0.1/24 dev near");
    let config = Config {
        connect_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (ip, expected) in [
        ([10, 77, 0, 2], "timeout"),
        ([203, 0, 113, 1], "unreachable"),
    ] {
        let endpoint = Endpoint {
            address: Address::Ip(ip.into(), 1024),
            raw: false,
        };
        let answer = runtime.block_on(survey::ask(&endpoint, &GetProfile, &config));
        assert_eq!((answer.outcome.name(), answer.attempts), (expected, 2));
    }
}

/// What surveys of forty machines found over links that lose packets.
#[derive(Debug, Default)]
struct Found {
    missing: Vec<String>,
    raw: usize,
    seconds: Vec<f64>,
}

/// Makes forty network namespaces with a server each and surveys them from another, over a bridge that drops each
/// frame of IP in either direction with this probability. `None` without the means for it.
fn lossy_room(percent: f64, surveys: usize) -> Option<Found> {
    // On a file system of its own, the names of the namespaces are gone with the test.
    shell("mount -t tmpfs tmpfs /run && ip link add bridge type bridge && ip link set bridge up");
    let join = |name: &str, address: &str| {
        shell(&format!(
            "ip netns add {name}; ip -n {name} link set lo up
            ip link add to-{name} type veth peer name eth0 netns {name}
            ip -n {name} address add {address}/16 dev eth0; ip -n {name} link set eth0 up
            ip link set to-{name} master bridge up"
        ));
    };
    join("client", "10.77.1.1");
    let servers: Vec<_> = (1..=40)
        .map(|seat| {
            let (name, id) = (format!("s{seat}"), format!("p{seat}"));
            join(&name, &format!("10.77.0.{seat}"));
            let mut serve = labrpc();
            serve.args(["serve", "--listen", "0.0.0.0:1024", "--id", &id]);
            serve.args(["--height", "178", "--weight", "60", "--size", "M"]);
            Running::start(
                &mut under(&["ip", "netns", "exec", &name], &serve),
                |line| line.contains("grpcurl "),
            )
        })
        .collect();
    let per_mille = (percent * 10.0) as u32;
    let rules = format!(
        "table bridge loss {{\n chain links {{\n type filter hook forward priority 0\n \
         ether type ip numgen random mod 1000 < {per_mille} counter drop\n }}\n}}\n"
    );
    fs::write("/run/rules", rules).unwrap();
    let rules = output(std::process::Command::new("nft").args(["-f", "/run/rules"]));
    if rules.status != 0 {
        support::skip(&format!("no rule can drop packets here: {}", rules.stderr));
        return None;
    }
    let mut found = Found::default();
    for _ in 0..surveys {
        let mut survey = labrpc();
        survey.args(["survey", "10.77.0.1-40", "--format", "json"]);
        let start = Instant::now();
        let ran = output(&mut under(&["ip", "netns", "exec", "client"], &survey));
        found.seconds.push(start.elapsed().as_secs_f64());
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        for endpoint in report["endpoints"].as_array().unwrap() {
            if endpoint["profile"].is_null() {
                found.missing.push(endpoint.to_string());
            }
            found.raw += usize::from(endpoint["dialect"] == "raw");
        }
    }
    drop(servers);
    let rules = output(std::process::Command::new("nft").args(["list", "ruleset"]));
    assert!(!rules.stdout.contains("packets 0 "), "{rules:?}");
    found.seconds.sort_by(f64::total_cmp);
    Some(found)
}

#[test]
fn every_server_is_found_at_five_percent_packet_loss() {
    if support::tool("nft").is_none() || !support::in_own_network() {
        return;
    }
    if let Some(found) = lossy_room(5.0, 3) {
        assert!(found.missing.is_empty(), "{found:?}");
    }
}

/// `LABRPC_SURVEYS` surveys at `LABRPC_LOSS` percent.
#[test]
#[ignore = "a measurement that takes minutes"]
fn surveys_under_packet_loss() {
    if support::tool("nft").is_none() || !support::in_own_network() {
        return;
    }
    let setting = |name: &str, default: f64| {
        let value = std::env::var(name).ok();
        value.map_or(default, |value| value.parse().unwrap())
    };
    let (percent, surveys) = (
        setting("LABRPC_LOSS", 5.0),
        setting("LABRPC_SURVEYS", 100.0),
    );
    let Some(found) = lossy_room(percent, surveys as usize) else {
        return;
    };
    let asked = 40 * found.seconds.len();
    for missing in &found.missing {
        eprintln!("{missing}");
    }
    eprintln!(
        "{percent} % loss each way, {} surveys of 40: {} of {asked} not found, {} answered as raw; \
         {:.2} s median, {:.2} s worst",
        found.seconds.len(),
        found.missing.len(),
        found.raw,
        found.seconds[found.seconds.len() / 2],
        found.seconds[found.seconds.len() - 1],
    );
}

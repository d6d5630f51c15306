//! Operation of a server: sockets, addresses, metrics, and reloaded files.

use std::{fs, net::IpAddr, path::Path, sync::Arc, time::Duration};

use labrpc::{
    pb::{GetProfileRequest, profile_client::ProfileClient},
    profile::Draft,
    serve::{
        Config,
        listen::{self, ListenAddress, Listener},
        reload,
    },
    tls::{self, ca},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};
use tonic::transport::Channel;

use crate::{
    frames::PREFACE,
    serve::running::{self, JSON, Running, config, scrape_from},
};

fn bind(address: &str) -> Listener {
    Listener::bind(&address.parse().unwrap(), false).unwrap()
}

#[tokio::test]
async fn metrics_count_calls_and_connections_without_profile_values() {
    let (server, metrics) = Running::with_metrics(config());
    let mut client = server.client().await;
    for _ in 0..3 {
        client.get_profile(GetProfileRequest {}).await.unwrap();
    }
    let text = scrape_from("127.0.0.1", metrics).await;
    for line in [
        "grpc_server_started_total{grpc_type=\"unary\",grpc_service=\"lab.Profile\",grpc_method=\"GetProfile\"} 3",
        "labrpc_connections_total{protocol=\"grpc\",tls=\"false\"} 1",
        "labrpc_connections_open 1",
    ] {
        assert!(
            text.lines().any(|l| l == line),
            "{line} is missing in {text}"
        );
    }
    let handled = "grpc_method=\"GetProfile\",grpc_code=\"OK\"} 3";
    assert!(text.contains(handled), "{text}");
    for secret in ["1527406014", "XXL"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn finished_scrapes_whose_peers_stay_connected_do_not_block_others() {
    let (_server, metrics) = Running::with_metrics(config());
    let mut kept = Vec::new();
    for _ in 0..32 {
        let mut stream = TcpStream::connect(metrics).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        kept.push(stream);
    }
}

#[tokio::test]
async fn documentation_lists_every_metric_as_it_is_served() {
    let (_server, metrics) = Running::with_metrics(config());
    let text = scrape_from("127.0.0.1", metrics).await;
    let mut rows = Vec::new();
    for declared in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = declared.split_once(' ').unwrap();
        let kind = format!("# TYPE {name} ");
        let kind = text
            .lines()
            .find_map(|line| line.strip_prefix(&kind))
            .unwrap();
        let sample = |line: &&str| {
            line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name}_bucket{{"))
        };
        let labels = text.lines().find(sample).map(|line| {
            let labels = line.split(['{', '}']).nth(1).unwrap().split(',');
            let names: Vec<_> = labels.filter_map(|label| label.split('=').next()).collect();
            names.join(", ") + " "
        });
        let labels = labels.unwrap_or_default();
        rows.push(format!("| `{name}` | {kind} | {labels}| {help} |"));
    }
    let page = include_str!("../../../docs/operations.md");
    let table = page
        .lines()
        .skip_while(|line| !line.starts_with("| metric |"));
    let documented: Vec<_> = table
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(rows, documented);
}

#[tokio::test]
async fn ipv4_and_ipv6_are_served_by_default() {
    let listener = bind("0");
    let ListenAddress::Tcp(bound) = listener.address().unwrap() else {
        panic!("a TCP address");
    };
    let _server = Running::on(listener, config());
    let mut families = vec!["127.0.0.1"];
    if bound.is_ipv6() {
        families.push("[::1]");
    }
    for host in families {
        let endpoint = Channel::from_shared(format!("http://{host}:{}", bound.port())).unwrap();
        let mut client = ProfileClient::new(endpoint.connect().await.unwrap());
        client.get_profile(GetProfileRequest {}).await.unwrap();
    }
}

#[tokio::test]
async fn unix_socket_replaces_a_dead_socket_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labrpc.sock");
    let address = ListenAddress::Unix(path.clone());
    // A socket without a listener.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = Listener::bind(&address, false).unwrap();
    let error = Listener::bind(&address, false).unwrap_err();
    assert!(
        error.to_string().contains("another labrpc serve"),
        "{error}"
    );

    let nowhere = "127.0.0.1:0".parse().unwrap();
    let server = Running::with(vec![listener], nowhere, config());
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, JSON);
    server.end().await;
    assert!(!path.exists(), "the socket's file was left behind");

    // A file that is not a socket is not removed.
    fs::write(&path, "precious").unwrap();
    Listener::bind(&address, false).unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn socket_file_of_a_successor_survives_the_end_of_its_predecessor() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("labrpc.sock");
    let address = ListenAddress::Unix(path.clone());
    let bind = || Listener::bind(&address, false).unwrap();
    let replace = || {
        fs::remove_file(&path).unwrap();
        bind()
    };
    let first = bind();
    let second = replace();
    drop(first);
    UnixStream::connect(&path).await.unwrap();

    let server = Running::with(vec![second], "127.0.0.1:0".parse().unwrap(), config());
    let third = replace();
    server.end().await;
    UnixStream::connect(&path).await.unwrap();

    drop(third);
    assert!(!path.exists(), "the socket's file was left behind");
}

#[tokio::test]
async fn ipv4_mapped_address_is_listened_on_as_ipv4() {
    let address = bind("[::ffff:127.0.0.1]:0").address().unwrap();
    assert!(address.to_string().starts_with("127.0.0.1:"), "{address}");
}

#[tokio::test]
async fn address_in_use_is_an_error_with_a_hint_unless_reuse_port_is_set() {
    let first = Listener::tcp("127.0.0.1:0".parse().unwrap(), true).unwrap();
    let address = first.address().unwrap();
    let error = Listener::bind(&address, false).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&address.to_string()) && text.contains("another labrpc serve"),
        "{text}"
    );
    Listener::bind(&address, true).unwrap();
}

#[test]
fn listen_addresses_are_parsed_and_errors_name_the_forms() {
    for (text, meaning) in [
        ("1024", "[::]:1024"),
        (":1024", "[::]:1024"),
        ("[::]:1024", "[::]:1024"),
        ("192.0.2.1:80", "192.0.2.1:80"),
        ("192.0.2.1", "192.0.2.1:1024"),
        ("::1", "[::1]:1024"),
        ("unix:/run/labrpc.sock", "unix:/run/labrpc.sock"),
    ] {
        assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), meaning);
    }
    for text in ["", "localhost:1024", "65536", "unix:", "[::1]"] {
        let error = text.parse::<ListenAddress>().unwrap_err().to_string();
        assert!(error.contains("IP:PORT"), "{error}");
    }
}

#[tokio::test]
async fn reachable_addresses_end_with_loopback() {
    let one = bind("127.0.0.1:0");
    let address = one.address().unwrap();
    assert_eq!(listen::reachable(&[one]), [address]);

    let all = listen::reachable(&[bind("0")]);
    let ips: Vec<IpAddr> = all
        .iter()
        .map(|address| match address {
            ListenAddress::Tcp(address) => address.ip(),
            ListenAddress::Unix(path) => panic!("{path:?}"),
        })
        .collect();
    let loopback = |ip: &IpAddr| ip.is_loopback();
    let first = ips.iter().position(loopback);
    let first = first.expect("every machine has a loopback address");
    assert!(ips[first..].iter().all(loopback), "{ips:?}");
    for ip in ips {
        let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        assert!(!link_local && !ip.is_unspecified(), "{ip}");
    }
}

/// Waits until a file was reloaded; fails if the watcher has ended.
async fn reloaded<T>(served: &mut tokio::sync::watch::Receiver<T>) {
    let changed = tokio::time::timeout(Duration::from_secs(60), served.changed());
    changed.await.expect("the new file is read").unwrap();
}

fn write_profile(path: &Path, id: &str) {
    let text = format!("id = \"{id}\"\nheight = 178\nweight = 60\nsize = \"XXL\"\n");
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn changed_profile_is_served_and_an_invalid_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("profile.toml");
    write_profile(&path, "first");
    // Polled each millisecond, so that the test does not wait for the next second.
    let mut profile =
        reload::profile(path.clone(), Draft::default(), Duration::from_millis(1)).unwrap();
    let server = Running::start(Config {
        profile: Arc::new(profile.clone()),
        ..config()
    });
    let mut client = server.client().await;
    let mut id = async || {
        let response = client.get_profile(GetProfileRequest {}).await.unwrap();
        response.into_inner().id
    };
    assert_eq!(id().await, "first");
    for n in 0..20 {
        // Incomplete, deleted, and complete again: the former profile is served until then.
        fs::write(&path, "id = \"half").unwrap();
        assert_ne!(id().await, "half");
        fs::remove_file(&path).unwrap();
        id().await;
        write_profile(&path, &format!("n{n}"));
        loop {
            reloaded(&mut profile).await;
            if id().await == format!("n{n}") {
                break;
            }
        }
    }
}

#[tokio::test]
async fn sighup_reloads_the_file_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("profile.toml");
    write_profile(&path, "before");
    let mut profile =
        reload::profile(path.clone(), Draft::default(), Duration::from_secs(3600)).unwrap();
    // The handler is installed by the time the task has run once.
    tokio::task::yield_now().await;
    write_profile(&path, "after");
    let pid = std::process::id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-HUP", &pid])
        .status();
    assert!(kill.unwrap().success());
    reloaded(&mut profile).await;
}

#[tokio::test]
async fn changed_certificate_is_used_for_new_connections_and_open_ones_survive() {
    let dir = tempfile::tempdir().unwrap();
    ca::create(dir.path()).unwrap();
    let issue = |name: &str| {
        let names = [name, "127.0.0.1"].map(|name| name.parse().unwrap());
        ca::issue(dir.path(), &names[0], &names[1..]).unwrap()
    };
    let (first, second) = (issue("first.example"), issue("second.example"));
    let files = tls::ServerFiles {
        cert: dir.path().join("server.pem"),
        key: dir.path().join("server.key.pem"),
        client_ca: None,
    };
    let install = |from: &ca::CertFiles| {
        fs::copy(&from.key, &files.key).unwrap();
        fs::copy(&from.cert, &files.cert).unwrap();
    };
    install(&first);
    let mut identity = reload::tls(files.clone(), Duration::from_millis(1)).unwrap();
    let server = Running::start(Config {
        tls: Some(identity.clone()),
        ..config()
    });
    let ca = dir.path().join("ca.pem");
    let trusting = tls::client(Some(&ca), None, false).unwrap();
    let mut open = server.tls_client(Arc::clone(&trusting)).await.unwrap();
    open.get_profile(GetProfileRequest {}).await.unwrap();

    let shown = || running::shown(server.address, &trusting);
    let before = shown().await;
    // A key without its certificate for a while, and half a certificate: neither is taken.
    fs::copy(&second.key, &files.key).unwrap();
    let whole = fs::read(&second.cert).unwrap();
    fs::write(&files.cert, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(shown().await, before);
    install(&second);
    reloaded(&mut identity).await;
    while shown().await == before {
        reloaded(&mut identity).await;
    }
    open.get_profile(GetProfileRequest {}).await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn systemd_socket_activation_passes_a_socket_and_gets_readiness() {
    let Some(activate) = crate::support::tool("systemd-socket-activate") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let notify = tokio::net::UnixDatagram::bind(&path).unwrap();
    // It listens by itself; the port is free for it again.
    let ListenAddress::Tcp(address) = bind("127.0.0.1:0").address().unwrap() else {
        panic!("a TCP address");
    };
    let mut manager = std::process::Command::new(activate)
        .args(["-l", &address.to_string()])
        .arg(format!("-ENOTIFY_SOCKET={}", path.display()))
        .args(["--", env!("CARGO_BIN_EXE_labrpc"), "serve"])
        .args(running::ARGUMENTS)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut stream = loop {
        if let Ok(stream) = TcpStream::connect(address).await {
            break stream;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let mut message = [0; 64];
    let length = notify.recv(&mut message).await.unwrap();
    assert_eq!(&message[..length], b"READY=1\n");
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, JSON);
    manager.kill().unwrap();
    manager.wait().unwrap();
}

#[tokio::test]
async fn preface_after_the_raw_answer_is_counted_as_a_late_request() {
    let (server, metrics) = Running::with_metrics(Config {
        limits: labrpc::serve::limits::Limits {
            raw_delay: Duration::from_millis(1),
            ..Default::default()
        },
        ..config()
    });
    for (late, count) in [(&b""[..], 0), (b"hello", 0), (PREFACE, 1)] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, JSON);
        for byte in late {
            // An unknown protocol is closed at its first byte.
            let _ = stream.write_all(&[*byte]).await;
        }
        drop(stream);
        // The connection is over once it is no longer counted as open.
        let text = loop {
            let text = scrape_from("127.0.0.1", metrics).await;
            if text.contains("\nlabrpc_connections_open 0\n") {
                break text;
            }
        };
        let line = format!("\nlabrpc_late_requests_total {count}\n");
        assert!(text.contains(&line), "after {late:?}: {text}");
    }
}

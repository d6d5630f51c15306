//! The survey engine against real peers.

use std::{
    future::pending,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use labrpc::{
    lab::{self, Room},
    pb::{
        GetProfileRequest, GetProfileResponse, profile_client::ProfileClient,
        profile_server::ProfileServer,
    },
    profile::Profile,
    question::GetProfile,
    survey::{
        self, Config,
        endpoint::{Address, Endpoint},
        hosts::Hosts,
        outcome::{EndpointResult, Outcome, Protocol},
    },
};
use tokio::{sync::oneshot, time::timeout};

use crate::peer;

fn quick() -> Config {
    Config {
        max_time: Duration::from_millis(500),
        ..Config::default()
    }
}

fn refused() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    peer::local(listener.local_addr().unwrap().port())
}

fn shown(answer: &EndpointResult<Profile>) -> String {
    let name = answer.outcome.name();
    match answer.outcome.detail() {
        Some(detail) => format!("{name} {detail}"),
        None => name.to_owned(),
    }
}

#[tokio::test]
async fn every_line_has_its_own_outcome_in_input_order() {
    let hosts = Hosts::from_iter([
        peer::grpc(Ok(peer::profile("a"))).await,
        refused(),
        peer::mute().await,
        peer::says(br#"{"id":"b","height":178,"weight":60,"size":"2xl"}"#).await,
        peer::says(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
        peer::says(b"SSH-2.0-OpenSSH_9.2\r\n").await,
        peer::says(b"\x15\x03\x01\x00\x02\x02\x46").await,
        peer::says(b"").await,
        peer::grpc(Err(tonic::Status::not_found("no profile here"))).await,
    ]);
    let mut seen = Vec::new();
    let answers = survey::run(
        &hosts,
        &GetProfile,
        &quick(),
        |index, answer| seen.push((index, shown(answer))),
        pending(),
    )
    .await;
    let all: Vec<_> = answers.iter().map(shown).collect();
    assert_eq!(
        all,
        [
            "ok",
            "refused",
            "timeout headers",
            "ok",
            "not_grpc http1: HTTP/1.1 400 Bad Request",
            "not_grpc text: SSH-2.0-OpenSSH_9.2",
            "not_grpc tls",
            "reset",
            "status NOT_FOUND: no profile here",
        ]
    );
    seen.sort();
    assert_eq!(seen, all.into_iter().enumerate().collect::<Vec<_>>());
    let Outcome::Ok {
        protocol,
        answer: profile,
    } = &answers[3].outcome
    else {
        panic!("{:?}", answers[3]);
    };
    assert_eq!(*protocol, Protocol::Raw);
    assert_eq!(profile.to_string(), "b: 178 cm, 60 kg, XXL");
}

#[tokio::test]
async fn cancelled_run_returns_at_once_with_the_results_so_far() {
    let hosts = Hosts::from_iter([
        peer::mute().await,
        peer::grpc(Ok(peer::profile("a"))).await,
        peer::mute().await,
    ]);
    let (first, answered) = oneshot::channel();
    let mut first = Some(first);
    let mut observed = Vec::new();
    let observe = |index: usize, answer: &EndpointResult<Profile>| {
        observed.push((index, answer.outcome.name()));
        if let Some(first) = first.take() {
            first.send(()).unwrap();
        }
    };
    let config = Config {
        max_time: Duration::from_secs(3600),
        ..Config::default()
    };
    let cancel = async { answered.await.unwrap() };
    let answers = survey::run(&hosts, &GetProfile, &config, observe, cancel).await;
    let names: Vec<_> = answers.iter().map(|a| a.outcome.name()).collect();
    assert_eq!(names, ["cancelled", "ok", "cancelled"]);
    assert_eq!(observed[0], (1, "ok"));
    observed.sort_unstable();
    assert_eq!(observed.len(), 3);
}

#[tokio::test]
async fn deadline_ends_a_run() {
    let config = Config {
        max_time: Duration::from_secs(3600),
        deadline: Some(Duration::from_millis(50)),
        ..Config::default()
    };
    let hosts = Hosts::from_iter([peer::mute().await]);
    let answers = survey::run(&hosts, &GetProfile, &config, |_, _| {}, pending()).await;
    assert_eq!(shown(&answers[0]), "cancelled");
}

/// A peer that sends the headers and then nothing: `Endpoint::timeout` is satisfied by the headers.
#[tokio::test]
async fn stalled_body_times_out_in_a_survey_unlike_in_a_channel() {
    let room = Room::start(lab::Config {
        seats: 1,
        faults: "hang-headers=1".parse().unwrap(),
        ..lab::Config::default()
    })
    .await
    .unwrap();
    let endpoint = room.hosts().get(0);

    let short = Duration::from_millis(50);
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{endpoint}"))
        .unwrap()
        .timeout(short)
        .connect()
        .await
        .unwrap();
    let mut client = ProfileClient::new(channel);
    let bare = client.get_profile(GetProfileRequest {});
    // Twenty times the timeout counts as a hang.
    assert!(timeout(20 * short, bare).await.is_err());

    let config = Config {
        max_time: short,
        ..Config::default()
    };
    let answer = timeout(
        Duration::from_secs(30),
        survey::ask(&endpoint, &GetProfile, &config),
    )
    .await;
    assert_eq!(shown(&answer.unwrap()), "timeout body");
}

/// A server whose timer for the deadline fires a little early returns CANCELLED; the deadline was the reason.
#[tokio::test]
async fn cancelled_status_near_the_deadline_is_a_timeout() {
    struct Punctual;
    #[tonic::async_trait]
    impl labrpc::pb::profile_server::Profile for Punctual {
        async fn get_profile(
            &self,
            _: tonic::Request<GetProfileRequest>,
        ) -> Result<tonic::Response<GetProfileResponse>, tonic::Status> {
            tokio::time::sleep(quick().max_time - Duration::from_millis(50)).await;
            Err(tonic::Status::cancelled("Timeout expired"))
        }
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = peer::local(listener.local_addr().unwrap().port());
    let server = tonic::transport::Server::builder()
        .add_service(ProfileServer::new(Punctual))
        .serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener));
    tokio::spawn(server);
    let answer = survey::ask(&endpoint, &GetProfile, &quick()).await;
    assert_eq!(shown(&answer), "timeout headers");
}

async fn survey_of(faults: &str, seats: usize) -> (Vec<EndpointResult<Profile>>, u32) {
    let room = Room::start(lab::Config {
        seats,
        faults: faults.parse().unwrap(),
        ..lab::Config::default()
    })
    .await
    .unwrap();
    let answers = survey::run(
        &room.hosts(),
        &GetProfile,
        &Config::default(),
        |_, _| {},
        pending(),
    )
    .await;
    let attempts = answers.iter().map(|answer| answer.attempts).sum();
    (answers, attempts)
}

#[tokio::test]
async fn failures_without_effect_are_retried_within_the_budget() {
    for fault in ["status-unavailable", "rst-refused", "goaway", "reset"] {
        let (answers, attempts) = survey_of(&format!("{fault}=1000"), 1000).await;
        assert!(
            answers
                .iter()
                .all(|a| !matches!(a.outcome, Outcome::Ok { .. }))
        );
        assert_eq!(attempts, 1100, "{fault}");
    }
}

#[tokio::test]
async fn failures_with_a_possible_effect_are_not_retried() {
    let faults = [
        "status-pushback",
        "status-deadline-exceeded",
        "status-resource-exhausted",
        "close-headers",
        "reset-body",
        "goaway-calm",
        "refuse",
    ];
    for fault in faults {
        let (answers, attempts) = survey_of(&format!("{fault}=100"), 100).await;
        assert!(
            answers
                .iter()
                .all(|a| !matches!(a.outcome, Outcome::Ok { .. }))
        );
        assert_eq!(attempts, 100, "{fault}");
    }
}

#[tokio::test]
async fn recovered_server_is_retried() {
    let calls = Arc::new(AtomicUsize::new(0));
    let server = peer::grpc(Ok(peer::profile("a"))).await;
    let flaky = peer::peer(move |mut stream| {
        let (calls, server) = (Arc::clone(&calls), server.address.to_string());
        async move {
            // The first connection is closed before a byte, the second is good.
            if calls.fetch_add(1, Ordering::Relaxed) > 0 {
                let mut server = tokio::net::TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            }
        }
    })
    .await;
    let answer = survey::ask(&flaky, &GetProfile, &Config::default()).await;
    assert_eq!((shown(&answer).as_str(), answer.attempts), ("ok", 2));
}

#[tokio::test]
async fn wait_lasts_until_the_server_is_up() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = peer::local(socket.local_addr().unwrap().port());
    let config = Config {
        wait: Some(Duration::from_secs(60)),
        ..Config::default()
    };
    let asking = tokio::spawn(async move { survey::ask(&endpoint, &GetProfile, &config).await });
    // The server starts while the survey waits. If the survey has not begun yet, the test still holds.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let listener = socket.listen(16).unwrap();
    let long = Duration::from_secs(30);
    let (mut stream, _) = timeout(long, listener.accept()).await.unwrap().unwrap();
    let text = br#"{"id":"late","height":178,"weight":60,"size":"M"}"#;
    tokio::io::AsyncWriteExt::write_all(&mut stream, text)
        .await
        .unwrap();
    let answer = asking.await.unwrap();
    assert_eq!(shown(&answer), "ok");
    assert!(answer.attempts > 1);
}

#[tokio::test]
async fn raw_endpoint_is_sent_no_bytes() {
    let silent = peer::peer(|mut stream| async move {
        // The original server does not read: any byte that it is sent makes its close a reset.
        let mut byte = [0];
        let received = timeout(Duration::from_millis(100), stream.peek(&mut byte)).await;
        let id = if received.is_ok() {
            "received"
        } else {
            "silent"
        };
        let text = format!("{{\"id\":\"{id}\",\"height\":178,\"weight\":60,\"size\":\"2xl\"}}\n");
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
    })
    .await;
    let raw = Endpoint {
        raw: true,
        ..silent
    };
    let answer = survey::ask(&raw, &GetProfile, &Config::default()).await;
    let (profile, protocol) = answer.outcome.answer().unwrap();
    assert_eq!((profile.id.as_str(), protocol), ("silent", Protocol::Raw));
}

#[tokio::test]
async fn other_protocols_on_a_raw_endpoint_are_classified() {
    let cases: [(&[u8], &str); 4] = [
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            "not_grpc http1: HTTP/1.1 400 Bad Request",
        ),
        (b"SSH-2.0-x", "not_grpc text: SSH-2.0-x"),
        (b"\0\0\0\x04\0\0\0\0\0", "not_grpc other: \\u{0}"),
        (b"", "reset"),
    ];
    for (sent, expected) in cases {
        let raw = Endpoint {
            raw: true,
            ..peer::says(sent).await
        };
        let answer = shown(&survey::ask(&raw, &GetProfile, &quick()).await);
        assert!(answer.starts_with(expected), "{answer}");
    }
}

/// The one-shot version of the original server exits after its first connection.
#[tokio::test]
async fn one_shot_server_gets_exactly_one_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = peer::local(listener.local_addr().unwrap().port());
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        let text = br#"{"id":"once","height":178,"weight":60,"size":"M"}"#;
        tokio::io::AsyncWriteExt::write_all(&mut stream, text)
            .await
            .unwrap();
    });
    let answer = survey::ask(&endpoint, &GetProfile, &Config::default()).await;
    assert_eq!((shown(&answer).as_str(), answer.attempts), ("ok", 1));
    serving.await.unwrap();
}

#[tokio::test]
async fn names_are_resolved_and_all_their_addresses_are_tried() {
    // A listener on 127.0.0.1 only: where localhost is ::1 first, that one refuses.
    let Address::Ip(_, port) = peer::grpc(Ok(peer::profile("a"))).await.address else {
        panic!("a TCP peer");
    };
    let named = |name: &str| Endpoint {
        address: Address::Name(name.into(), port),
        raw: false,
    };
    let answer = survey::ask(&named("localhost"), &GetProfile, &Config::default()).await;
    assert_eq!(shown(&answer), "ok");
    assert!(answer.phases.dns.is_some() && answer.phases.connect.is_some());
    // RFC 6761 keeps this name from ever existing.
    let answer = survey::ask(&named("missing.invalid"), &GetProfile, &Config::default()).await;
    assert_eq!(answer.outcome.name(), "dns");
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_answer_or_refuse() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let unix = Endpoint {
        address: Address::Unix(path.clone()),
        raw: false,
    };
    let answer = survey::ask(&unix, &GetProfile, &quick()).await;
    assert_eq!(shown(&answer), "refused");

    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = peer::grpc(Ok(peer::profile("a"))).await.address.to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut server = tokio::net::TcpStream::connect(server).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
    });
    let answer = survey::ask(&unix, &GetProfile, &quick()).await;
    assert_eq!(shown(&answer), "ok");
}

/// Linux returns EAGAIN at once; over TCP the handshake would wait.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn full_queue_of_a_unix_socket_times_out_and_is_asked_when_it_has_room() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    socket.listen(0).unwrap();
    // A queue of length 0 takes one.
    let held = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let unix = Endpoint {
        address: Address::Unix(path),
        raw: false,
    };
    let config = Config {
        retries: 0,
        ..quick()
    };
    let answer = survey::ask(&unix, &GetProfile, &config).await;
    assert_eq!(shown(&answer), "timeout connect");
    assert!(answer.elapsed < 2 * config.max_time, "{answer:?}");
    assert!(answer.outcome.hint().unwrap().contains("stuck"));

    let asking =
        tokio::spawn(async move { survey::ask(&unix, &GetProfile, &Config::default()).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(held);
    tokio::task::spawn_blocking(move || {
        let text = br#"{"id":"late","height":178,"weight":60,"size":"M"}"#;
        loop {
            let (stream, _) = socket.accept().unwrap();
            if std::io::Write::write_all(&mut &stream, text).is_ok() {
                break;
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(shown(&asking.await.unwrap()), "ok");
}

/// A process with few descriptors asks many endpoints at once, and none of them fails.
#[tokio::test]
async fn few_descriptors_are_enough_for_many_endpoints() {
    let room = Room::start(lab::Config {
        seats: 2_000,
        ..lab::Config::default()
    })
    .await
    .unwrap();
    let first = room.hosts().get(0).to_string();
    let run = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "survey::child_with_few_descriptors",
            "--ignored",
            "--nocapture",
        ])
        .env("LABRPC_TEST_ROOM", first)
        .output()
        .await
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && output.contains("2000 ok"),
        "{output}"
    );
}

#[tokio::test]
#[ignore = "the other half of few_descriptors_are_enough_for_many_endpoints"]
async fn child_with_few_descriptors() {
    let first: SocketAddr = std::env::var("LABRPC_TEST_ROOM").unwrap().parse().unwrap();
    rlimit::setrlimit(rlimit::Resource::NOFILE, 128, 128).unwrap();
    // More are open already than the survey leaves for others.
    let held: Vec<_> = (0..70)
        .map(|_| std::fs::File::open("/dev/null").unwrap())
        .collect();
    let SocketAddr::V4(first) = first else {
        panic!("{first}");
    };
    let hosts: Hosts = (0..2_000)
        .map(|seat| Endpoint {
            address: Address::Ip(
                Ipv4Addr::from_bits(first.ip().to_bits() + seat).into(),
                first.port(),
            ),
            raw: false,
        })
        .collect();
    let config = Config {
        concurrency: NonZeroUsize::new(4_000).unwrap(),
        ..Config::default()
    };
    let answers = survey::run(&hosts, &GetProfile, &config, |_, _| {}, pending()).await;
    let ok = answers.iter().filter(|a| a.outcome.name() == "ok").count();
    println!("{ok} ok with {} held", held.len());
}

#[tokio::test]
async fn endpoint_listed_twice_is_asked_once() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let once = peer::peer(move |mut stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            let text = br#"{"id":"a","height":178,"weight":60,"size":"M"}"#;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text).await;
        }
    })
    .await;
    let hosts = Hosts::from_iter([once.clone(), refused(), once]);
    let answers = survey::run(&hosts, &GetProfile, &quick(), |_, _| {}, pending()).await;
    let all: Vec<_> = answers.iter().map(shown).collect();
    assert_eq!(all, ["ok", "refused", "duplicate_line same as line 1"]);
    assert_eq!(
        (answers[2].attempts, connections.load(Ordering::Relaxed)),
        (0, 1)
    );
}

//! The simulated room, surveyed over real connections, and `labrpc lab`.

use std::{collections::BTreeSet, future::pending, time::Duration};

use labrpc::{
    lab::{self, Room},
    profile::Profile,
    question::GetProfile,
    survey::{self, outcome::EndpointResult},
};

use crate::support::run;

async fn ask(room: &Room) -> Vec<EndpointResult<Profile>> {
    let config = survey::Config::default();
    survey::run(&room.hosts(), &GetProfile, &config, |_, _| {}, pending()).await
}

fn profiles(answers: &[EndpointResult<Profile>]) -> Vec<&Profile> {
    let profile = |answer: &'_ EndpointResult<Profile>| answer.outcome.answer().is_some();
    assert!(answers.iter().all(profile), "{answers:#?}");
    answers
        .iter()
        .filter_map(|answer| Some(answer.outcome.answer()?.0))
        .collect()
}

#[tokio::test]
async fn every_seat_serves_its_own_profile() {
    for ports in [false, true] {
        let room = Room::start(lab::Config {
            seats: 200,
            port_per_seat: ports,
            ..lab::Config::default()
        })
        .await
        .unwrap();
        let answers = ask(&room).await;
        assert_eq!(profiles(&answers), room.people().iter().collect::<Vec<_>>());
        room.shutdown().await;
    }
}

#[tokio::test]
async fn closed_room_refuses_connections_and_can_reopen_on_its_port() {
    let config = lab::Config {
        seats: 3,
        ..lab::Config::default()
    };
    let room = Room::start(config.clone()).await.unwrap();
    let hosts = room.hosts();
    room.shutdown().await;
    let answer = survey::ask(&hosts.get(0), &GetProfile, &survey::Config::default()).await;
    assert_eq!(answer.outcome.name(), "refused");

    let labrpc::survey::endpoint::Address::Ip(_, port) = hosts.get(0).address else {
        panic!("{}", hosts.get(0));
    };
    let room = Room::start(lab::Config {
        port: Some(port),
        ..config
    })
    .await
    .unwrap();
    assert_eq!(profiles(&ask(&room).await).len(), 3);
}

/// A room with thousands of seats shares one socket, which a connection cannot be refused at.
#[tokio::test]
async fn seats_have_sockets_at_their_own_addresses_and_all_faults_at_one_port() {
    let room = Room::start(lab::Config {
        seats: 20,
        faults: "refuse=3,hang=2".parse().unwrap(),
        port_per_seat: false,
        ..lab::Config::default()
    })
    .await
    .unwrap();
    let hosts = room.hosts();
    let ports: BTreeSet<_> = hosts.iter().map(|host| host.address.port()).collect();
    assert_eq!(ports.len(), 1, "{ports:?}");
    let refused: Vec<_> = (0..20)
        .filter(|seat| room.expected(*seat).fault.name == "refuse")
        .collect();
    assert_eq!(refused.len(), 3);
    for seat in refused {
        let answer = survey::ask(&hosts.get(seat), &GetProfile, &survey::Config::default()).await;
        assert_eq!(answer.outcome.name(), "refused");
    }
    let port = ports.into_iter().flatten().next().unwrap();
    let beside = std::net::TcpStream::connect(("127.0.0.21", port));
    assert_eq!(
        beside.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    // The port is free at every other address.
    std::net::TcpListener::bind(("127.0.0.21", port)).unwrap();
}

#[tokio::test]
async fn seats_refuse_connections_until_they_join() {
    for port_per_seat in [false, true] {
        let open = |join_over| {
            Room::start(lab::Config {
                seats: 20,
                join_over: Some(join_over),
                port_per_seat,
                ..lab::Config::default()
            })
        };
        let room = open(Duration::from_secs(3600)).await.unwrap();
        let answers = ask(&room).await;
        let refused = |answer: &EndpointResult<Profile>| answer.outcome.name() == "refused";
        assert!(answers.iter().all(refused), "{answers:#?}");
        room.shutdown().await;

        let room = open(Duration::from_millis(200)).await.unwrap();
        let config = survey::Config {
            wait: Some(Duration::from_secs(30)),
            ..survey::Config::default()
        };
        let answers = survey::run(&room.hosts(), &GetProfile, &config, |_, _| {}, pending()).await;
        assert_eq!(profiles(&answers), room.people().iter().collect::<Vec<_>>());
    }
}

/// Every fault at least twice.
#[tokio::test]
async fn every_fault_leads_to_its_expected_outcome() {
    let room = Room::start(lab::Config {
        seats: 240,
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
    let answers = survey::run(&room.hosts(), &GetProfile, &config, |_, _| {}, pending()).await;
    assert_eq!(answers.len(), 240);
    let wrong: Vec<_> = answers
        .iter()
        .enumerate()
        .filter(|(seat, answer)| !room.expected(*seat).matches(&answer.outcome))
        .map(|(seat, answer)| (room.expected(seat).fault.name, &answer.outcome))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn room_without_seats_is_wrong_usage() {
    let output = run(["lab", "--seats", "0"]);
    assert_eq!(output.status, 2, "{output:?}");
}

#[test]
fn unknown_fault_is_rejected_with_the_nearest_name() {
    let output = run(["lab", "--faults", "hangs=1"]);
    assert_eq!(output.status, 2, "{output:?}");
    assert!(output.stderr.contains("did you mean hang?"), "{output:?}");
}

#[test]
fn help_lists_every_fault_with_its_outcome() {
    let help = run(["lab", "--help"]).stdout;
    let row = "  hang                        timeout (headers)  sends nothing\n";
    assert!(help.contains(row), "{help}");
    for fault in lab::FAULTS {
        let listed = help.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(fault.name) && line.contains(&fault.outcome())
        });
        assert!(listed, "{}: {help}", fault.name);
    }
}

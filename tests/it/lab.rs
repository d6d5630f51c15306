//! The simulated room, asked over real connections.

use std::{future::pending, time::Duration};

use labrpc::{
    lab::{self, Room},
    profile::Profile,
    survey::{self, outcome::Answer},
};

async fn ask(room: &Room) -> Vec<Answer> {
    let config = survey::Config::default();
    survey::run(&room.hosts(), &config, |_, _| {}, pending()).await
}

fn profiles(answers: &[Answer]) -> Vec<&Profile> {
    let profile = |answer: &'_ Answer| answer.outcome.profile().is_some();
    assert!(answers.iter().all(profile), "{answers:#?}");
    answers
        .iter()
        .filter_map(|answer| Some(answer.outcome.profile()?.0))
        .collect()
}

#[tokio::test]
async fn every_seat_of_a_room_answers_for_its_own_person() {
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
async fn a_closed_room_refuses_and_can_be_opened_again_on_its_port() {
    let config = lab::Config {
        seats: 3,
        ..lab::Config::default()
    };
    let room = Room::start(config.clone()).await.unwrap();
    let hosts = room.hosts();
    room.shutdown().await;
    let answer = survey::ask(&hosts.get(0), &survey::Config::default()).await;
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
        let refused = |answer: &Answer| answer.outcome.name() == "refused";
        assert!(answers.iter().all(refused), "{answers:#?}");
        room.shutdown().await;

        let room = open(Duration::from_millis(200)).await.unwrap();
        let config = survey::Config {
            wait: Some(Duration::from_secs(30)),
            ..survey::Config::default()
        };
        let answers = survey::run(&room.hosts(), &config, |_, _| {}, pending()).await;
        assert_eq!(profiles(&answers), room.people().iter().collect::<Vec<_>>());
    }
}

/// Every behaviour of the zoo some times over, and the outcome that the seed says for each.
#[tokio::test]
async fn the_whole_zoo_is_accounted_for() {
    let room = Room::start(lab::Config {
        seats: 240,
        faults: "zoo=95%".parse().unwrap(),
        ..lab::Config::default()
    })
    .await
    .unwrap();
    let config = survey::Config {
        // An outcome that is not a timeout must not become one on a machine that has other things to do.
        max_time: Duration::from_secs(8),
        ..survey::Config::default()
    };
    let answers = survey::run(&room.hosts(), &config, |_, _| {}, pending()).await;
    assert_eq!(answers.len(), 240);
    let wrong: Vec<_> = answers
        .iter()
        .enumerate()
        .filter(|(seat, answer)| !room.expected(*seat).matches(&answer.outcome))
        .map(|(seat, answer)| (room.expected(seat).fault.name, &answer.outcome))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

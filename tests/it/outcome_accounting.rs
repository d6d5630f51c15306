//! Every line of a survey has exactly one outcome, and it is the one that the seed of the room determines.

use std::{future::pending, num::NonZeroUsize, time::Duration};

use labrpc::{
    lab::{self, Room},
    profile::Profile,
    question::GetProfile,
    survey::{
        self,
        endpoint::Address,
        outcome::{EndpointResult, Outcome},
    },
};
use tokio::sync::oneshot;

fn room(seats: usize, seed: u64) -> lab::Config {
    lab::Config {
        seats,
        seed,
        // One seat in ten has a fault.
        faults: "all=10%".parse().unwrap(),
        ..lab::Config::default()
    }
}

fn config(seed: u64) -> survey::Config {
    survey::Config {
        concurrency: NonZeroUsize::new(256).unwrap(),
        // Long enough that only a fault that hangs leads to a timeout, even on a busy machine.
        max_time: Duration::from_secs(8),
        seed,
        ..survey::Config::default()
    }
}

/// The lines whose outcome is neither the expected one nor tolerated.
fn wrong(
    room: &Room,
    answers: &[EndpointResult<Profile>],
    tolerated: fn(&Outcome<Profile>) -> bool,
) -> Vec<String> {
    let lines = answers.iter().enumerate();
    lines
        .filter(|(seat, a)| !room.expected(*seat).matches(&a.outcome) && !tolerated(&a.outcome))
        .map(|(seat, a)| format!("{seat} {}: {a:?}", room.expected(seat).fault.name))
        .collect()
}

async fn survey_of(seats: usize, seed: u64) {
    let room = Room::start(room(seats, seed)).await.unwrap();
    let mut observed = vec![0; seats];
    let observe = |index: usize, _: &EndpointResult<Profile>| observed[index] += 1;
    let answers = survey::run(
        &room.hosts(),
        &GetProfile,
        &config(seed),
        observe,
        pending(),
    )
    .await;
    assert_eq!(answers.len(), seats);
    assert!(observed.iter().all(|times| *times == 1));
    let wrong = wrong(&room, &answers, |_| false);
    assert!(
        wrong.is_empty(),
        "seed {seed}: {} wrong: {wrong:#?}",
        wrong.len()
    );
    room.shutdown().await;
}

/// Restarts the room in the middle of a survey: seats that are asked meanwhile refuse or reset the connection.
async fn survey_across_a_restart(seats: usize, seed: u64) {
    let first = Room::start(room(seats, seed)).await.unwrap();
    let hosts = first.hosts();
    let Address::Ip(_, port) = hosts.get(0).address else {
        panic!("{}", hosts.get(0));
    };
    let again = lab::Config {
        port: Some(port),
        ..room(seats, seed)
    };
    let (half, reached) = oneshot::channel();
    let restart = tokio::spawn(async move {
        reached.await.unwrap();
        first.shutdown().await;
        Room::start(again).await.unwrap()
    });
    let (mut half, mut decided) = (Some(half), 0);
    let observe = |_: usize, _: &EndpointResult<Profile>| {
        decided += 1;
        if decided == seats / 2 {
            half.take().unwrap().send(()).unwrap();
        }
    };
    let answers = survey::run(&hosts, &GetProfile, &config(seed), observe, pending()).await;
    let room = restart.await.unwrap();
    let interrupted = |o: &Outcome<Profile>| matches!(o, Outcome::Refused | Outcome::Reset { .. });
    let by_restart = wrong(&room, &answers, |_| false).len();
    assert!(by_restart > 0, "seed {seed}: the restart met no call");
    let wrong = wrong(&room, &answers, interrupted);
    assert!(
        wrong.is_empty(),
        "seed {seed}: {} wrong: {wrong:#?}",
        wrong.len()
    );
    println!("{seats} seats, seed {seed}: {by_restart} refused or reset by the restart");
    room.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_has_the_outcome_that_the_seed_determines() {
    for seed in 1..=2 {
        survey_of(2_000, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_room_leads_to_refused_reset_or_the_expected_outcome() {
    survey_across_a_restart(2_000, 3).await;
}

/// Takes minutes: `cargo test --release --test it -- --ignored outcome_accounting`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and a release build"]
async fn every_line_of_100_000_seats_has_the_outcome_that_the_seed_determines() {
    for seed in 1..=5 {
        let start = std::time::Instant::now();
        survey_of(100_000, seed).await;
        println!(
            "100,000 seats, seed {seed}: {:.1} s",
            start.elapsed().as_secs_f64()
        );
    }
    survey_across_a_restart(100_000, 6).await;
}

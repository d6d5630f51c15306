//! The ledger: whatever a room does, every line has the one outcome that its seed says.

use std::{future::pending, num::NonZeroUsize, time::Duration};

use labrpc::{
    lab::{self, Room},
    survey::{
        self,
        endpoint::Address,
        outcome::{Answer, Outcome},
    },
};
use tokio::sync::oneshot;

fn room(seats: usize, seed: u64) -> lab::Config {
    lab::Config {
        seats,
        seed,
        // One in ten is slow, dead, hostile or wrong.
        faults: "all=10%".parse().unwrap(),
        ..lab::Config::default()
    }
}

fn config(seed: u64) -> survey::Config {
    survey::Config {
        concurrency: NonZeroUsize::new(256).unwrap(),
        // An outcome that is not a timeout must not become one on a machine that has other things to do.
        max_time: Duration::from_secs(8),
        seed,
        ..survey::Config::default()
    }
}

/// The lines whose outcome is not the expected one, nor one of those that are forgiven.
fn wrong(room: &Room, answers: &[Answer], forgive: fn(&Outcome) -> bool) -> Vec<String> {
    let lines = answers.iter().enumerate();
    lines
        .filter(|(seat, a)| !room.expected(*seat).matches(&a.outcome) && !forgive(&a.outcome))
        .map(|(seat, a)| format!("{seat} {}: {a:?}", room.expected(seat).fault.name))
        .collect()
}

async fn survey_of(seats: usize, seed: u64) {
    let room = Room::start(room(seats, seed)).await.unwrap();
    let mut observed = vec![0; seats];
    let observe = |index: usize, _: &Answer| observed[index] += 1;
    let answers = survey::run(&room.hosts(), &config(seed), observe, pending()).await;
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

/// A room that is killed and opened again while it is surveyed: who is asked meanwhile is cut off or refused.
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
    let observe = |_: usize, _: &Answer| {
        decided += 1;
        if decided == seats / 2 {
            half.take().unwrap().send(()).unwrap();
        }
    };
    let answers = survey::run(&hosts, &config(seed), observe, pending()).await;
    let room = restart.await.unwrap();
    let interrupted = |o: &Outcome| matches!(o, Outcome::Refused | Outcome::Reset);
    let wrong = wrong(&room, &answers, interrupted);
    assert!(
        wrong.is_empty(),
        "seed {seed}: {} wrong: {wrong:#?}",
        wrong.len()
    );
    let cut = answers.iter().filter(|a| interrupted(&a.outcome)).count();
    println!("{seats} seats, seed {seed}: {cut} cut off, refused or reset");
    room.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_room_has_the_outcome_that_the_seed_says() {
    for seed in 1..=2 {
        survey_of(2_000, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_half_way_leaves_each_line_one_of_its_two_outcomes() {
    survey_across_a_restart(2_000, 3).await;
}

/// Minutes of work: `cargo test --release --test it -- --ignored outcome_accounting`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and a release build"]
async fn the_campus() {
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

//! Asks many endpoints at once and accounts for every one of them.
//!
//! [`run`] is the whole of it: a task is one attempt on one endpoint, at most `concurrency` of them exist at a
//! time, and everything that is decided between attempts (who is next, who is asked again and when) is decided
//! in one place, the schedule. It gives up connection reuse: each endpoint is asked one question, so a
//! connection carries one call.

mod attempt;
mod call;
mod connect;
pub mod endpoint;
pub mod hosts;
pub mod outcome;
mod raw;
mod schedule;
mod trace;
mod wire;

use std::{
    num::{NonZeroU32, NonZeroUsize},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use crate::survey::{
    attempt::{Asker, Attempt},
    endpoint::Endpoint,
    hosts::Hosts,
    outcome::{Answer, Outcome, Phases},
    schedule::{Next, Schedule},
};

/// How a survey is run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Most endpoints asked at the same time. The limit on open files lowers it.
    pub concurrency: NonZeroUsize,
    /// Longest time for the TCP handshake of one attempt, all addresses of a name together.
    pub connect_timeout: Duration,
    /// Longest time for one attempt, from its first packet to the last byte of the answer.
    pub max_time: Duration,
    /// Longest time for the whole run; who has not answered by then is cancelled.
    pub deadline: Option<Duration>,
    /// Most repetitions for one endpoint, of failures that had no effect and have hope. All repetitions
    /// together are held below a tenth of the endpoints, so that a failing room is not asked twice over.
    pub retries: u32,
    /// Keep trying those that refuse, cannot be reached or do not take the connection, for so long.
    pub wait: Option<Duration>,
    /// Most connections started in a second.
    pub rate: Option<NonZeroU32>,
    /// Speak TLS, and how. `raw://` endpoints are asked without, as their name says.
    pub tls: Option<Tls>,
    /// Decides the order in which endpoints are asked and the jitter of repetitions.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::new(1024).expect("1024 is not zero"),
            connect_timeout: Duration::from_millis(3500),
            max_time: Duration::from_secs(5),
            deadline: None,
            retries: 2,
            wait: None,
            rate: None,
            tls: None,
            seed: 0,
        }
    }
}

/// How TLS is spoken.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Trust, identity and ALPN.
    pub config: Arc<rustls::ClientConfig>,
    /// The name to verify and to send as `:authority`, where that is not the endpoint's own.
    pub authority: Option<http::uri::Authority>,
}

/// Asks every endpoint of `hosts` and returns exactly one answer for each, in input order.
///
/// `observe` is called with the index and the answer as each is decided. When `cancel` completes, or the
/// deadline of the run has passed, the run returns at once: an endpoint that waits to be asked again keeps what
/// it answered last, every other undecided one is [`Outcome::Cancelled`].
///
/// Endpoints are started in an order that `config.seed` decides. The soft limit on open files is raised to the
/// hard one.
pub async fn run(
    hosts: &Hosts,
    config: &Config,
    mut observe: impl FnMut(usize, &Answer),
    cancel: impl Future<Output = ()>,
) -> Vec<Answer> {
    let start = Instant::now();
    let end = config.deadline.map(|deadline| start + deadline);
    let asker = Arc::new(Asker::new(config));
    let mut cancel = pin!(cancel);
    let mut answers = vec![None; hosts.len()];
    let mut decide = |index: usize, answer: Answer| {
        observe(index, &answer);
        answers[index] = Some(answer);
    };

    let mut asked = Vec::with_capacity(hosts.len());
    for index in 0..hosts.len() {
        match hosts.duplicate_of(index) {
            Some(first) => decide(index, unasked(Outcome::DuplicateLine { first: first + 1 })),
            None => asked.push(index as u32),
        }
    }
    let mut schedule = Schedule::new(asked, config, open_files(), start);
    let mut attempts = JoinSet::new();

    loop {
        let wake = loop {
            match schedule.next(Instant::now()) {
                Next::Ask(index) => {
                    let (asker, endpoint) = (Arc::clone(&asker), hosts.get(index as usize));
                    attempts.spawn(async move { (index, asker.attempt(&endpoint).await) });
                }
                Next::At(instant) => break Some(instant),
                Next::Wait => break None,
                Next::Finished => {
                    return answers.into_iter().flatten().collect();
                }
            }
        };
        let timer = [wake, end].into_iter().flatten().min();
        tokio::select! {
            biased;
            () = &mut cancel => break,
            Some(joined) = attempts.join_next() => settle(joined, &mut schedule, &mut decide),
            () = sleep_until(timer.unwrap_or(start)), if timer.is_some() => {}
        }
        // One wake-up may stand for many that are done.
        while let Some(joined) = attempts.try_join_next() {
            settle(joined, &mut schedule, &mut decide);
        }
        if end.is_some_and(|end| end <= Instant::now()) {
            break;
        }
    }

    // Who had answered when the run was cut short has an answer.
    while let Some(joined) = attempts.try_join_next() {
        settle(joined, &mut schedule, &mut decide);
    }
    for (index, answer) in schedule.rest() {
        decide(index as usize, answer);
    }
    answers.into_iter().flatten().collect()
}

/// Takes the result of an attempt, and decides its endpoint if nothing is to follow.
fn settle(
    joined: Result<(u32, Attempt), JoinError>,
    schedule: &mut Schedule,
    decide: &mut impl FnMut(usize, Answer),
) {
    let (index, attempt) = joined.expect("an attempt neither panics nor is aborted");
    if let Some(answer) = schedule.done(index, attempt, Instant::now()) {
        decide(index as usize, answer);
    }
}

/// Asks one endpoint.
pub async fn ask(endpoint: &Endpoint, config: &Config) -> Answer {
    let hosts = Hosts::from_iter([endpoint.clone()]);
    let mut answers = run(&hosts, config, |_, _| {}, std::future::pending()).await;
    answers.pop().expect("a run returns one answer an endpoint")
}

/// The answer of an endpoint to which no connection was tried.
fn unasked(outcome: Outcome) -> Answer {
    Answer {
        outcome,
        attempts: 0,
        elapsed: Duration::ZERO,
        phases: Phases::default(),
    }
}

/// How many files this process may have open, after it has asked for as many as it can get.
fn open_files() -> usize {
    // Where limits cannot be raised the next attempt that runs into one says so.
    rlimit::increase_nofile_limit(u64::MAX)
        .ok()
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(1024)
}

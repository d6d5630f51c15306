//! Asks many endpoints the same question at once and accounts for every one of them.
//!
//! [`run`] spawns a task for each attempt on an endpoint, at most `concurrency` at a time. The schedule decides which
//! endpoint is next, and which is asked again and when. Connections are not reused: each endpoint is asked one
//! question, so a connection carries one call.
//!
//! One endpoint on its way through the files of this folder:
//!
//! ```text
//! hosts ─► schedule ─► attempt ─► connect         DNS, TCP, TLS
//! resolve     ▲           ├─────► call            question over transport ┐ both over
//!             │           ├─────► raw             one JSON object         ┘ sniffed_stream, detect
//!             └─ retry ─ classify ─► outcome
//! ```

pub(crate) mod attempt;
mod attempt_state;
mod call;
pub(crate) mod caller;
mod classify;
mod config;
mod connect;
pub(crate) mod detect;
pub mod endpoint;
pub(crate) mod endpoint_tasks;
pub mod hosts;
mod message_memory;
mod mistakes;
pub mod outcome;
pub(crate) mod pacing;
pub mod question;
mod raw;
pub(crate) mod resolve;
mod response_body;
pub(crate) mod saved_outcome;
mod schedule;
pub(crate) mod sniffed_stream;
pub mod status;
pub mod transport;

use std::{future::pending, sync::Arc};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

pub use self::{
    config::{Config, Tls},
    resolve::resolve,
};
use crate::{
    survey::{
        attempt::{Attempt, Client, LookupPermit},
        endpoint::Endpoint,
        endpoint_tasks::EndpointTasks,
        hosts::Hosts,
        outcome::{EndpointResult, Outcome},
        question::Question,
        schedule::{NextStep, Schedule},
    },
    untrusted::Untrusted,
};

/// Asks every endpoint of `hosts` the `question` and returns exactly one result for each, in input order.
///
/// `observe` is called with the index and the result as each is decided. When `cancel` completes, or the deadline of
/// the run has passed, the run returns at once: an endpoint that waits to be asked again keeps its last outcome, every
/// other undecided one is [`Outcome::Cancelled`].
///
/// Endpoints are started in an order that `config.seed` decides. The soft limit on open files is raised to the
/// hard one.
///
/// ```
/// use std::future::pending;
///
/// use labrpc::{lab, question::GetProfile, survey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lab::Error> {
/// let room = lab::Room::start(lab::Config { seats: 3, ..lab::Config::default() }).await?;
/// let config = survey::Config::default();
/// let answers = survey::run(&room.hosts(), &GetProfile, &config, |_, _| {}, pending()).await;
/// for (answer, person) in answers.iter().zip(room.people()) {
///     assert_eq!(answer.outcome.answer().map(|(profile, _)| profile), Some(person));
/// }
/// # Ok(())
/// # }
/// ```
pub async fn run<Q: Question>(
    hosts: &Hosts,
    question: &Q,
    config: &Config,
    mut observe: impl FnMut(usize, &EndpointResult<Q::Answer>),
    cancel: impl Future<Output = ()>,
) -> Vec<EndpointResult<Q::Answer>> {
    let start = Instant::now();
    let mut results = vec![None; hosts.len()];
    let mut decide = |index: u32, result: EndpointResult<Q::Answer>| {
        observe(index as usize, &result);
        results[index as usize] = Some(result);
    };

    let mut unasked = Vec::with_capacity(hosts.len());
    for index in 0..hosts.len() as u32 {
        match without_attempt(hosts, index as usize) {
            Some(outcome) => decide(index, EndpointResult::without_attempt(outcome)),
            None if !question.has_raw() && hosts.get(index as usize).raw => {
                let outcome = Outcome::LocalError {
                    reason: Untrusted::new("the raw protocol has GetProfile alone"),
                    exhausted: false,
                };
                decide(index, EndpointResult::without_attempt(outcome));
            }
            None => unasked.push(index),
        }
    }
    let mut schedule = Schedule::new(unasked, hosts.names(), config, open_files(), start);
    let mut running = EndpointTasks::default();
    let deadline = async {
        match config.deadline {
            Some(deadline) => sleep_until(start + deadline).await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        () = cancel => {}
        () = deadline => {}
        () = ask_all(hosts, question, config, &mut schedule, &mut running, &mut decide) => {}
    }

    // An attempt that ended before the run was cut short counts.
    let ended = running.try_next();
    finish(ended, &mut running, &mut schedule, &mut decide);
    for (index, result) in schedule.into_unfinished() {
        decide(index, result);
    }
    results.into_iter().flatten().collect()
}

/// The outcome of an endpoint that is decided before it is asked.
pub(crate) fn without_attempt<A>(hosts: &Hosts, index: usize) -> Option<Outcome<A>> {
    match (hosts.duplicate_of(index), hosts.unresolved(index)) {
        (Some(first), _) => Some(Outcome::DuplicateLine {
            first: hosts.line(first),
        }),
        (None, Some(reason)) => Some(Outcome::Dns(reason.clone())),
        (None, None) => None,
    }
}

/// Runs attempts until every endpoint is decided.
async fn ask_all<Q: Question>(
    hosts: &Hosts,
    question: &Q,
    config: &Config,
    schedule: &mut Schedule<Q::Answer>,
    running: &mut EndpointTasks<Attempt<Q::Answer>>,
    decide: &mut impl FnMut(u32, EndpointResult<Q::Answer>),
) {
    let asking = Arc::new((Client::new(config), question.clone()));
    let (permits, mut returned_permits) = mpsc::unbounded_channel();
    loop {
        let wake = loop {
            match schedule.next(Instant::now()) {
                NextStep::Ask(index) => {
                    let (asking, endpoint) = (Arc::clone(&asking), hosts.get(index as usize));
                    let is_name = endpoint.address.is_name();
                    let permit = is_name.then(|| LookupPermit(permits.clone()));
                    running.start(index, async move {
                        let (client, question) = &*asking;
                        client.attempt(question, &endpoint, permit).await
                    });
                }
                NextStep::Decided(index, result) => decide(index, result),
                NextStep::Wait(wake) => break wake,
                NextStep::Finished => return,
            }
        };
        tokio::select! {
            biased;
            // One wake-up may stand for several attempts that have ended.
            Some(ended) = running.next() => finish(Some(ended), running, schedule, decide),
            Some(()) = returned_permits.recv() => schedule.lookup_ended(),
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
        }
    }
}

/// Hands an attempt that has ended, and all others that have, to the schedule.
fn finish<A: Send + 'static>(
    mut ended: Option<(u32, Option<Attempt<A>>)>,
    running: &mut EndpointTasks<Attempt<A>>,
    schedule: &mut Schedule<A>,
    decide: &mut impl FnMut(u32, EndpointResult<A>),
) {
    while let Some((index, attempt)) = ended {
        let attempt = attempt.unwrap_or_else(Attempt::panicked);
        if let Some(result) = schedule.done(index, attempt, Instant::now()) {
            decide(index, result);
        }
        ended = running.try_next();
    }
}

/// Asks one endpoint.
pub async fn ask<Q: Question>(
    endpoint: &Endpoint,
    question: &Q,
    config: &Config,
) -> EndpointResult<Q::Answer> {
    let hosts = Hosts::from_iter([endpoint.clone()]);
    let mut results = run(&hosts, question, config, |_, _| {}, pending()).await;
    results.pop().expect("a run returns one result an endpoint")
}

/// How many files this process may have open, after raising the limit as far as possible.
fn open_files() -> usize {
    // If the limit cannot be raised, the attempts that reach it fail with a local error.
    rlimit::increase_nofile_limit(u64::MAX)
        .ok()
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(1024)
}

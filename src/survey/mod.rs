//! Asks many endpoints at once and accounts for every one of them.
//!
//! [`run`] is the whole of it: a task is one attempt on one endpoint, at most `concurrency` of them exist at a
//! time, and everything that is decided between attempts (who is next, who is asked again and when) is decided
//! in one place, the schedule. It gives up connection reuse: each endpoint is asked one question, so a
//! connection carries one call.

pub(crate) mod attempt;
mod call;
mod config;
pub(crate) mod connect;
pub mod endpoint;
pub mod hosts;
pub mod outcome;
mod raw;
mod schedule;
mod trace;
mod wire;

use std::{collections::HashMap, pin::pin, sync::Arc};

use tokio::{
    sync::mpsc,
    task::{self, JoinError, JoinSet},
    time::{Instant, sleep_until},
};

pub use self::config::{Config, Tls};
use crate::survey::{
    attempt::{Attempt, Client, Lookup},
    endpoint::Endpoint,
    hosts::Hosts,
    outcome::{EndpointResult, Outcome},
    schedule::{Next, Schedule},
};

/// Asks every endpoint of `hosts` and returns exactly one answer for each, in input order.
///
/// `observe` is called with the index and the answer as each is decided. When `cancel` completes, or the
/// deadline of the run has passed, the run returns at once: an endpoint that waits to be asked again keeps what
/// it answered last, every other undecided one is [`Outcome::Cancelled`].
///
/// Endpoints are started in an order that `config.seed` decides. The soft limit on open files is raised to the
/// hard one.
///
/// ```
/// use std::future::pending;
///
/// use labrpc::{lab, survey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lab::Error> {
/// let room = lab::Room::start(lab::Config { seats: 3, ..lab::Config::default() }).await?;
/// let config = survey::Config::default();
/// let answers = survey::run(&room.hosts(), &config, |_, _| {}, pending()).await;
/// for (answer, person) in answers.iter().zip(room.people()) {
///     assert_eq!(answer.outcome.profile().map(|(profile, _)| profile), Some(person));
/// }
/// # Ok(())
/// # }
/// ```
pub async fn run(
    hosts: &Hosts,
    config: &Config,
    mut observe: impl FnMut(usize, &EndpointResult),
    cancel: impl Future<Output = ()>,
) -> Vec<EndpointResult> {
    let start = Instant::now();
    let end = config.deadline.map(|deadline| start + deadline);
    let client = Arc::new(Client::new(config));
    let mut cancel = pin!(cancel);
    let mut answers = vec![None; hosts.len()];
    let mut decide = |index: usize, answer: EndpointResult| {
        observe(index, &answer);
        answers[index] = Some(answer);
    };

    let mut asked = Vec::with_capacity(hosts.len());
    for index in 0..hosts.len() {
        match hosts.duplicate_of(index) {
            Some(first) => {
                let outcome = Outcome::DuplicateLine { first: first + 1 };
                decide(index, EndpointResult::without_attempt(outcome));
            }
            None => asked.push(index as u32),
        }
    }
    let mut schedule = Schedule::new(asked, hosts.names(), config, open_files(), start);
    let (lookup, mut lookups) = mpsc::unbounded_channel();
    let mut running = Running::default();

    loop {
        let wake = loop {
            match schedule.next(Instant::now()) {
                Next::Ask(index) => {
                    let (client, endpoint) = (Arc::clone(&client), hosts.get(index as usize));
                    let is_name = endpoint.address.is_name();
                    let lookup = is_name.then(|| Lookup(lookup.clone()));
                    let attempt = async move { client.attempt(&endpoint, lookup).await };
                    running.start(index, attempt);
                }
                Next::Decided(index, answer) => decide(index as usize, answer),
                Next::At(instant) => break Some(instant),
                Next::Wait => break None,
                Next::Finished => {
                    return answers.into_iter().flatten().collect();
                }
            }
        };
        let timer = [wake, end].into_iter().flatten().min();
        let mut ended = tokio::select! {
            biased;
            () = &mut cancel => break,
            Some(ended) = running.next() => Some(ended),
            Some(()) = lookups.recv() => {
                schedule.lookup_ended();
                None
            }
            () = sleep_until(timer.unwrap_or(start)), if timer.is_some() => None,
        };
        // One wake-up may stand for many that have ended.
        while let Some((index, attempt)) = ended {
            if let Some(answer) = schedule.done(index, attempt, Instant::now()) {
                decide(index as usize, answer);
            }
            ended = running.try_next();
        }
        if end.is_some_and(|end| end <= Instant::now()) {
            break;
        }
    }

    // Who had answered when the run was cut short has an answer.
    while let Some((index, attempt)) = running.try_next() {
        if let Some(answer) = schedule.done(index, attempt, Instant::now()) {
            decide(index as usize, answer);
        }
    }
    for (index, answer) in schedule.rest() {
        decide(index as usize, answer);
    }
    answers.into_iter().flatten().collect()
}

/// The attempts that run, each a task. Dropping it ends them.
#[derive(Default)]
struct Running {
    tasks: JoinSet<Attempt>,
    /// Whose attempt a task is, kept outside of it because a task that panics cannot tell.
    indices: HashMap<task::Id, u32>,
}

impl Running {
    fn start(&mut self, index: u32, attempt: impl Future<Output = Attempt> + Send + 'static) {
        let task = self.tasks.spawn(attempt);
        self.indices.insert(task.id(), index);
    }

    async fn next(&mut self) -> Option<(u32, Attempt)> {
        let ended = self.tasks.join_next_with_id().await?;
        self.of(ended)
    }

    /// The next one that has ended already.
    fn try_next(&mut self) -> Option<(u32, Attempt)> {
        let ended = self.tasks.try_join_next_with_id()?;
        self.of(ended)
    }

    fn of(&mut self, ended: Result<(task::Id, Attempt), JoinError>) -> Option<(u32, Attempt)> {
        let (task, attempt) = ended.unwrap_or_else(|error| (error.id(), Attempt::failed()));
        Some((self.indices.remove(&task)?, attempt))
    }
}

/// Asks one endpoint.
pub async fn ask(endpoint: &Endpoint, config: &Config) -> EndpointResult {
    let hosts = Hosts::from_iter([endpoint.clone()]);
    let mut answers = run(&hosts, config, |_, _| {}, std::future::pending()).await;
    answers.pop().expect("a run returns one answer an endpoint")
}

/// How many files this process may have open, after it has asked for as many as it can get.
fn open_files() -> usize {
    // Where limits cannot be raised the next attempt that runs into one says so.
    rlimit::increase_nofile_limit(u64::MAX)
        .ok()
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_that_panics_costs_its_own_endpoint_only() {
        let mut running = Running::default();
        running.start(3, async { panic!("on purpose") });
        running.start(4, async { Attempt::failed() });
        let mut ended = [0; 2];
        for index in &mut ended {
            let (of, attempt) = running.next().await.unwrap();
            assert_eq!(attempt.outcome.name(), "local", "{attempt:?}");
            *index = of;
        }
        ended.sort_unstable();
        assert_eq!(ended, [3, 4]);
        assert!(running.next().await.is_none());
    }
}

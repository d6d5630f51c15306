//! Decides which endpoint is asked next, and which is asked again and when.
//!
//! It does no I/O and takes the time as an argument, so its rules can be tested without a network or a clock.
//!
//! ```text
//!                  begin                 done: decided ──► result
//!   unasked ─────────┐            ┌────►
//!   retry_at ────────┼─► attempt ─┤      done: retry ────► retry_at or unreachable, with a due time
//!   unreachable ─────┤            └────►
//!   lookups.waiting ─┘ (once a lookup is free)
//! ```
//!
//! Endpoints that are already due for a retry go first, then those not asked yet, then those that are not up yet:
//! they may be many, and until the wait is over. A name that finds no free lookup waits outside the window, so that a
//! resolver that does not answer delays no IP address.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::{
    survey::{
        attempt::Attempt,
        classify::{Conclusion, Retry},
        config::Config,
        outcome::{EndpointResult, Outcome, PhaseTimes},
        pacing::{LookupQueue, RateLimit, Timers, Window},
    },
    untrusted::Untrusted,
};

/// Retry budget: one retry per this many endpoints, over the whole run.
const RETRY_BUDGET_DIVISOR: usize = 10;

/// Delay before the first retry; each further one doubles it.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// Longest delay between retries. A server that asks for more with `grpc-retry-pushback-ms` is not asked again.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(10);

/// First and longest delay before an endpoint that is not up yet is tried again.
const WAIT_BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// First and longest delay after an attempt that failed for lack of local resources.
const EXHAUSTED_BACKOFF: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_millis(500));

/// By what part a delay may be longer or shorter, so that endpoints which failed together are not retried together.
const JITTER: f64 = 0.2;

/// How often an endpoint may fail for lack of local resources: in total, and with nothing else running.
const EXHAUSTED_TRIES: (u32, u32) = (20, 5);

/// Descriptors left to the rest of the process: standard streams, the reports, the resolver's sockets.
const SPARE_FILES: usize = 48;

/// What to do now.
#[derive(Debug)]
pub(crate) enum NextStep<A> {
    /// Ask this endpoint.
    Ask(u32),
    /// This endpoint is decided without another attempt.
    Decided(u32, EndpointResult<A>),
    /// Nothing until an attempt or a lookup ends, or until this instant.
    Wait(Option<Instant>),
    /// Every endpoint is decided.
    Finished,
}

/// The endpoints of a run that are not decided.
pub(crate) struct Schedule<A> {
    /// Not asked yet, the next one last.
    unasked: Vec<u32>,
    /// To be asked again at a set time.
    retry_at: Timers,
    /// To be asked again because no server was reached.
    unreachable: Timers,
    /// Asked at least once and not decided, by index.
    in_progress: HashMap<u32, EndpointState<A>>,
    /// Which endpoints have a name to look up, by index. Those behind its end have none.
    names: Vec<bool>,
    lookups: LookupQueue,
    running: usize,
    window: Window,
    rate_limit: Option<RateLimit>,
    retries_left: usize,
    max_retries: u32,
    wait_until: Option<Instant>,
    jitter: fastrand::Rng,
}

/// What is kept of an endpoint between its attempts.
struct EndpointState<A> {
    since: Instant,
    until: Instant,
    attempts: u32,
    retries: u32,
    wait_tries: u32,
    exhausted: u32,
    exhausted_alone: u32,
    /// Whether it was asked again because nothing had come back.
    retried_after_loss: bool,
    last: Option<(Outcome<A>, PhaseTimes)>,
}

impl<A> Schedule<A> {
    pub(crate) fn new(
        mut endpoints: Vec<u32>,
        names: Vec<bool>,
        config: &Config,
        open_files: usize,
        start: Instant,
    ) -> Self {
        let mut jitter = fastrand::Rng::with_seed(config.seed);
        jitter.shuffle(&mut endpoints);
        let max = config
            .concurrency
            .get()
            .min(open_files.saturating_sub(SPARE_FILES).max(1));
        Self {
            // A single endpoint may use all its retries; the endpoints of a list share a tenth.
            retries_left: (endpoints.len() / RETRY_BUDGET_DIVISOR).max(config.retries as usize),
            unasked: endpoints,
            retry_at: Timers::default(),
            unreachable: Timers::default(),
            in_progress: HashMap::new(),
            names,
            lookups: LookupQueue::new(start),
            running: 0,
            window: Window::new(max),
            rate_limit: config.rate.map(|rate| RateLimit::new(rate, start)),
            max_retries: config.retries,
            wait_until: config.wait.map(|wait| start + wait),
            jitter,
        }
    }

    /// Decides what to do now. An endpoint that it returns counts as running.
    pub(crate) fn next(&mut self, now: Instant) -> NextStep<A> {
        let mut wake = self.lookups.give_up_at();
        if wake.is_some_and(|at| at <= now)
            && let Some(index) = self.lookups.waiting.pop_front()
        {
            return NextStep::Decided(index, self.without_lookup(index));
        }
        let due = [self.retry_at.due(), self.unreachable.due()];
        let due = due.into_iter().flatten().min();
        if self.unasked.is_empty() && due.is_none() && self.lookups.waiting.is_empty() {
            return match self.running {
                0 => NextStep::Finished,
                _ => NextStep::Wait(None),
            };
        }
        if self.running < self.window.now {
            let paced = self.rate_limit.as_ref().map(|rate_limit| rate_limit.next);
            let paced = paced.filter(|next| *next > now);
            if paced.is_none()
                && let Some(index) = self.pop(now)
            {
                self.begin(index, now);
                return NextStep::Ask(index);
            }
            wake = [wake, paced.or(due)].into_iter().flatten().min();
        }
        NextStep::Wait(wake)
    }

    /// Takes the endpoint that is to be asked next, if one may be.
    fn pop(&mut self, now: Instant) -> Option<u32> {
        if self.lookups.free > 0
            && let Some(index) = self.lookups.waiting.pop_front()
        {
            return Some(index);
        }
        loop {
            let promised = self.retry_at.pop(now).or_else(|| self.unasked.pop());
            let index = promised.or_else(|| self.unreachable.pop(now))?;
            if !self.has_name(index) || self.lookups.free > 0 {
                return Some(index);
            }
            self.lookups.waiting.push_back(index);
        }
    }

    fn has_name(&self, index: u32) -> bool {
        self.names.get(index as usize).is_some_and(|name| *name)
    }

    fn begin(&mut self, index: u32, now: Instant) {
        if let Some(rate_limit) = &mut self.rate_limit {
            rate_limit.begin(now);
        }
        if self.has_name(index) {
            self.lookups.begin(now);
        }
        self.running += 1;
        self.in_progress.entry(index).or_insert(EndpointState {
            since: now,
            until: now,
            attempts: 0,
            retries: 0,
            wait_tries: 0,
            exhausted: 0,
            exhausted_alone: 0,
            retried_after_loss: false,
            last: None,
        });
    }

    /// Frees a lookup. The resolver has returned, perhaps after the attempt has given up.
    pub(crate) fn lookup_ended(&mut self) {
        self.lookups.end();
    }

    /// The result of an endpoint for which no lookup is free: its last outcome, if it was asked before.
    fn without_lookup(&mut self, index: u32) -> EndpointResult<A> {
        let endpoint = self
            .in_progress
            .remove(&index)
            .and_then(EndpointState::result);
        endpoint.unwrap_or_else(|| {
            let reason = Untrusted::new("the resolver does not answer");
            EndpointResult::without_attempt(Outcome::Dns(reason))
        })
    }

    /// Records an ended attempt. Returns the endpoint's result if it is decided.
    pub(crate) fn done(
        &mut self,
        index: u32,
        attempt: Attempt<A>,
        now: Instant,
    ) -> Option<EndpointResult<A>> {
        let Attempt { conclusion, phases } = attempt;
        let Conclusion { outcome, retry } = conclusion;
        self.running -= 1;
        let mut endpoint = self.in_progress.remove(&index)?;
        endpoint.until = now;
        if retry == Retry::WhenFree {
            self.window.shrink(self.running);
        } else {
            endpoint.attempts += 1;
            self.window.grow();
        }
        endpoint.last = Some((outcome, phases));
        match self.delay(&mut endpoint, retry, now) {
            Some(delay) => {
                let queue = match retry {
                    Retry::WhenUp | Retry::AfterLoss => &mut self.unreachable,
                    Retry::No | Retry::Unprocessed | Retry::Soon(_) | Retry::WhenFree => {
                        &mut self.retry_at
                    }
                };
                queue.push(now + delay, index);
                self.in_progress.insert(index, endpoint);
                None
            }
            None => endpoint.result(),
        }
    }

    /// When to ask again, if at all.
    fn delay(
        &mut self,
        endpoint: &mut EndpointState<A>,
        retry: Retry,
        now: Instant,
    ) -> Option<Duration> {
        let doubled = |(first, most): (Duration, Duration), times: u32| {
            first.saturating_mul(1 << times.min(16)).min(most)
        };
        match retry {
            Retry::No => None,
            Retry::Unprocessed | Retry::Soon(_) => {
                let delay = match retry {
                    Retry::Soon(Some(after)) if after > MAX_RETRY_DELAY => return None,
                    // The server does not allow an earlier one.
                    Retry::Soon(Some(after)) => after.mul_f64(1.0 + JITTER * self.jitter.f64()),
                    _ => {
                        let delay = doubled((RETRY_BACKOFF, MAX_RETRY_DELAY), endpoint.retries);
                        self.jittered(delay)
                    }
                };
                self.take_retry(endpoint).then_some(delay)
            }
            Retry::WhenUp | Retry::AfterLoss => {
                let delay = self.jittered(doubled(WAIT_BACKOFF, endpoint.wait_tries));
                endpoint.wait_tries += 1;
                let waits = self.wait_until.is_some_and(|until| now + delay < until);
                // Once: a whole network that is switched off must not use up the budget of the others.
                let may_be_lost = retry == Retry::AfterLoss
                    && !std::mem::replace(&mut endpoint.retried_after_loss, true);
                (waits || may_be_lost && self.take_retry(endpoint)).then_some(delay)
            }
            Retry::WhenFree => {
                let delay = doubled(EXHAUSTED_BACKOFF, endpoint.exhausted);
                endpoint.exhausted += 1;
                endpoint.exhausted_alone += u32::from(self.running == 0);
                let (tries, tries_alone) = EXHAUSTED_TRIES;
                let give_up = endpoint.exhausted > tries || endpoint.exhausted_alone > tries_alone;
                (!give_up).then(|| self.jittered(delay))
            }
        }
    }

    /// Takes a retry from the budgets of the run and of the endpoint, if both have one left.
    fn take_retry(&mut self, endpoint: &mut EndpointState<A>) -> bool {
        let may = endpoint.retries < self.max_retries && self.retries_left > 0;
        if may {
            endpoint.retries += 1;
            self.retries_left -= 1;
        }
        may
    }

    fn jittered(&mut self, delay: Duration) -> Duration {
        delay.mul_f64(1.0 - JITTER + 2.0 * JITTER * self.jitter.f64())
    }

    /// The results of all undecided endpoints, at the end of a run that is cut short.
    pub(crate) fn into_unfinished(mut self) -> impl Iterator<Item = (u32, EndpointResult<A>)> {
        let waiting = self.lookups.waiting.into_iter();
        self.unasked
            .extend(waiting.filter(|index| !self.in_progress.contains_key(index)));
        let in_progress = self.in_progress.into_iter().map(|(index, endpoint)| {
            // A local error of a moment ago says nothing about the endpoint.
            let result = endpoint
                .result()
                .filter(|result| !matches!(result.outcome, Outcome::LocalError { .. }));
            (index, result.unwrap_or_else(cancelled))
        });
        let unasked = self.unasked.into_iter().map(|index| (index, cancelled()));
        in_progress.chain(unasked)
    }
}

impl<A> EndpointState<A> {
    /// The result with the last attempt's outcome, if one has ended.
    fn result(self) -> Option<EndpointResult<A>> {
        let Self {
            since,
            until,
            attempts,
            last,
            ..
        } = self;
        last.map(|(outcome, phases)| EndpointResult {
            outcome,
            attempts,
            elapsed: until - since,
            phases,
        })
    }
}

fn cancelled<A>() -> EndpointResult<A> {
    EndpointResult::without_attempt(Outcome::Cancelled)
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroUsize};

    use super::*;
    use crate::survey::{
        connect::{DNS_TIMEOUT, MAX_DNS_LOOKUPS},
        outcome::AttemptPhase,
    };

    const MANY_FILES: usize = 1 << 20;

    fn config() -> Config {
        Config {
            concurrency: NonZeroUsize::new(8).unwrap(),
            ..Config::default()
        }
    }

    fn attempt(outcome: Outcome<()>, retry: Retry) -> Attempt<()> {
        Attempt {
            conclusion: Conclusion { outcome, retry },
            phases: PhaseTimes::default(),
        }
    }

    fn exhausted() -> Attempt<()> {
        let outcome = Outcome::LocalError {
            reason: Untrusted::new("too many open files"),
            exhausted: true,
        };
        attempt(outcome, Retry::WhenFree)
    }

    /// Simulates a whole run in which `ask` is the network, on a clock that jumps to the next event.
    fn simulate(
        endpoints: u32,
        config: &Config,
        open_files: usize,
        mut ask: impl FnMut(u32, usize) -> Attempt<()>,
    ) -> (Vec<EndpointResult<()>>, Duration) {
        let start = Instant::now();
        let mut now = start;
        let mut schedule =
            Schedule::new((0..endpoints).collect(), vec![], config, open_files, start);
        let mut results = vec![None; endpoints as usize];
        let mut running = Vec::new();
        loop {
            match schedule.next(now) {
                NextStep::Ask(index) => {
                    running.push(index);
                    continue;
                }
                NextStep::Wait(Some(at)) if running.is_empty() => now = at,
                NextStep::Wait(_) => {}
                NextStep::Decided(index, _) => panic!("{index} needs no lookup"),
                NextStep::Finished => break,
            }
            // One at a time and the oldest first, unlike a real network.
            if !running.is_empty() {
                let count = running.len();
                let index = running.remove(0);
                let result = ask(index, count);
                if let Some(result) = schedule.done(index, result, now) {
                    assert!(results[index as usize].replace(result).is_none());
                }
            }
        }
        let results: Vec<_> = results.into_iter().flatten().collect();
        assert_eq!(results.len(), endpoints as usize);
        (results, now - start)
    }

    fn attempts(results: &[EndpointResult<()>]) -> u32 {
        results.iter().map(|result| result.attempts).sum()
    }

    #[test]
    fn retries_are_limited_to_a_tenth_of_the_endpoints() {
        let soon = |_, _| attempt(Outcome::Reset { json_began: false }, Retry::Soon(None));
        let (results, _) = simulate(1000, &config(), MANY_FILES, soon);
        assert_eq!(attempts(&results), 1100);
    }

    #[test]
    fn single_endpoint_uses_all_its_retries() {
        let soon = |_, _| attempt(Outcome::Reset { json_began: false }, Retry::Soon(None));
        let (results, took) = simulate(1, &config(), MANY_FILES, soon);
        assert_eq!(attempts(&results), 3);
        // A tenth of a second and then twice as long, each up to a fifth more or less.
        let tolerance = Duration::from_millis(240)..=Duration::from_millis(360);
        assert!(tolerance.contains(&took), "{took:?}");
        let none = Config {
            retries: 0,
            ..config()
        };
        assert_eq!(attempts(&simulate(1, &none, MANY_FILES, soon).0), 1);
    }

    #[test]
    fn final_failures_are_not_retried() {
        let no = |_, _| attempt(Outcome::TooLarge(None), Retry::No);
        let up = |_, _| attempt(Outcome::Refused, Retry::WhenUp);
        assert_eq!(attempts(&simulate(100, &config(), MANY_FILES, no).0), 100);
        assert_eq!(attempts(&simulate(100, &config(), MANY_FILES, up).0), 100);
    }

    #[test]
    fn pushback_of_a_server_delays_the_retry() {
        let after = Duration::from_secs(3);
        let asked = |_, _| {
            attempt(
                Outcome::Reset { json_began: false },
                Retry::Soon(Some(after)),
            )
        };
        let (results, took) = simulate(1, &config(), MANY_FILES, asked);
        assert_eq!(attempts(&results), 3);
        assert!((2 * after..3 * after).contains(&took), "{took:?}");
        let too_long = |_, _| {
            attempt(
                Outcome::Reset { json_began: false },
                Retry::Soon(Some(10 * MAX_RETRY_DELAY)),
            )
        };
        assert_eq!(attempts(&simulate(1, &config(), MANY_FILES, too_long).0), 1);
    }

    #[test]
    fn unreachable_endpoint_is_retried_until_the_wait_is_over() {
        let waiting = Config {
            wait: Some(Duration::from_secs(30)),
            ..config()
        };
        let mut asked = 0;
        let (results, took) = simulate(1, &waiting, MANY_FILES, |_, _| {
            asked += 1;
            attempt(Outcome::Refused, Retry::WhenUp)
        });
        assert_eq!(attempts(&results), asked);
        assert!((15..40).contains(&asked), "{asked}");
        assert!(took > Duration::from_secs(25) && took <= Duration::from_secs(30));

        let (results, _) = simulate(1, &waiting, MANY_FILES, |_, _| {
            attempt(Outcome::Timeout(AttemptPhase::Headers), Retry::No)
        });
        assert_eq!(attempts(&results), 1);
    }

    /// There may be enough unreachable endpoints to fill every window until the wait is over.
    #[test]
    fn unreachable_endpoints_do_not_starve_unasked_ones() {
        let waiting = Config {
            wait: Some(Duration::from_secs(30)),
            ..config()
        };
        let mut now = Instant::now();
        let mut schedule = Schedule::new((0..100).collect(), vec![], &waiting, MANY_FILES, now);
        let mut asked = Vec::new();
        while asked.len() < 150 {
            // Long enough for every endpoint to be due again.
            now += WAIT_BACKOFF.1;
            let NextStep::Ask(index) = schedule.next(now) else {
                break;
            };
            asked.push(index);
            let refused = attempt(Outcome::Refused, Retry::WhenUp);
            schedule.done(index, refused, now - WAIT_BACKOFF.1);
        }
        let first: std::collections::HashSet<_> = asked[..100].iter().collect();
        assert_eq!(first.len(), 100, "{asked:?}");
    }

    /// Simulates the first attempts on ten addresses and many names, whose lookups never end.
    fn dead_resolver(names: u32) -> (Schedule<()>, Vec<u32>, Instant) {
        let start = Instant::now();
        let all = names + 10;
        let is_name = (0..all).map(|index| index >= 10).collect();
        let mut schedule = Schedule::new((0..all).collect(), is_name, &config(), MANY_FILES, start);
        let mut asked = Vec::new();
        let mut now = start;
        while let NextStep::Ask(index) = schedule.next(now) {
            asked.push(index);
            let given_up = attempt(Outcome::Dns(Untrusted::new("late")), Retry::No);
            assert!(schedule.done(index, given_up, now).is_some());
            now += Duration::from_millis(1);
        }
        (schedule, asked, now)
    }

    #[test]
    fn names_waiting_for_a_lookup_do_not_delay_addresses() {
        let (_, asked, _) = dead_resolver(1_500);
        assert_eq!(asked.len(), MAX_DNS_LOOKUPS + 10);
        assert_eq!(asked.iter().filter(|index| **index < 10).count(), 10);
    }

    #[test]
    fn waiting_names_are_decided_when_the_resolver_is_stuck() {
        let (mut schedule, asked, now) = dead_resolver(1_500);
        let NextStep::Wait(Some(at)) = schedule.next(now) else {
            panic!("names wait");
        };
        assert!(at > now && at <= now + DNS_TIMEOUT, "{:?}", at - now);
        let mut decided = 0;
        while let NextStep::Decided(_, result) = schedule.next(at) {
            assert_eq!((result.outcome.name(), result.attempts), ("dns", 0));
            decided += 1;
        }
        assert_eq!(decided + asked.len(), 1_510);
        assert!(matches!(schedule.next(at), NextStep::Finished));
    }

    #[test]
    fn ended_lookup_lets_the_next_name_begin() {
        let (mut schedule, _, now) = dead_resolver(1_500);
        schedule.lookup_ended();
        assert!(matches!(schedule.next(now), NextStep::Ask(_)));
        assert!(matches!(schedule.next(now), NextStep::Wait(Some(at)) if at == now + DNS_TIMEOUT));
        let rest: Vec<_> = schedule.into_unfinished().collect();
        assert_eq!(rest.len(), 1_500 - MAX_DNS_LOOKUPS);
        assert!(rest.iter().all(|(_, a)| a.outcome == Outcome::Cancelled));
    }

    #[test]
    fn lost_attempts_are_retried_once_within_the_budget() {
        let lost = |_, _| attempt(Outcome::Timeout(AttemptPhase::Connect), Retry::AfterLoss);
        assert_eq!(attempts(&simulate(1, &config(), MANY_FILES, lost).0), 2);
        assert_eq!(
            attempts(&simulate(1000, &config(), MANY_FILES, lost).0),
            1100
        );
        let none = Config {
            retries: 0,
            ..config()
        };
        assert_eq!(attempts(&simulate(40, &none, MANY_FILES, lost).0), 40);

        // One of forty, whose first packets were lost, beside one that is switched off.
        let mut asked = [0; 40];
        let (results, _) = simulate(40, &config(), MANY_FILES, |index, _| {
            asked[index as usize] += 1;
            match (index, asked[index as usize]) {
                (7, _) => lost(index, 0),
                (8, 1) => attempt(Outcome::Unreachable, Retry::AfterLoss),
                _ => attempt(Outcome::TooLarge(None), Retry::No),
            }
        });
        assert_eq!(results[7].outcome.name(), "timeout");
        assert_eq!(
            (results[8].outcome.name(), results[8].attempts),
            ("too_large", 2)
        );
        assert_eq!(attempts(&results), 42);
    }

    /// A machine with descriptors for five connections, which its limit does not show.
    #[test]
    fn window_shrinks_to_what_the_machine_can_do() {
        let mut full = 0;
        let (results, _) = simulate(1000, &config(), MANY_FILES, |_, running| {
            if running > 5 {
                full += 1;
                return exhausted();
            }
            attempt(Outcome::TooLarge(None), Retry::No)
        });
        assert!(results.iter().all(|a| a.outcome == Outcome::TooLarge(None)));
        assert_eq!(attempts(&results), 1000);
        assert!((1..500).contains(&full), "{full}");
    }

    #[test]
    fn delay_after_exhaustion_begins_short_and_doubles() {
        let delay = |failures| {
            let mut failed = 0;
            let (_, took) = simulate(1, &config(), MANY_FILES, |_, _| {
                failed += 1;
                match failed <= failures {
                    true => exhausted(),
                    false => attempt(Outcome::TooLarge(None), Retry::No),
                }
            });
            took
        };
        let about = |ms: u64| Duration::from_micros(800 * ms)..=Duration::from_micros(1200 * ms);
        assert!(about(10).contains(&delay(1)), "{:?}", delay(1));
        assert!(about(30).contains(&delay(2)), "{:?}", delay(2));
    }

    #[test]
    fn lasting_exhaustion_ends_in_local_errors() {
        let (results, _) = simulate(20, &config(), MANY_FILES, |_, _| exhausted());
        assert!(results.iter().all(|a| a.outcome.name() == "local"));
    }

    #[test]
    fn window_leaves_spare_descriptors() {
        let config = Config {
            concurrency: NonZeroUsize::new(4000).unwrap(),
            ..config()
        };
        let mut most = 0;
        simulate(1000, &config, 128, |_, running| {
            most = most.max(running);
            attempt(Outcome::TooLarge(None), Retry::No)
        });
        assert_eq!(most, 128 - SPARE_FILES);
    }

    #[test]
    fn rate_limit_stretches_the_run() {
        let paced = Config {
            rate: NonZeroU32::new(100),
            ..config()
        };
        let no = |_, _| attempt(Outcome::TooLarge(None), Retry::No);
        let (_, took) = simulate(1000, &paced, MANY_FILES, no);
        assert!(took >= Duration::from_millis(9_900) && took < Duration::from_secs(11));
    }

    #[test]
    fn cancelled_run_keeps_the_last_outcomes() {
        let waiting = Config {
            wait: Some(Duration::from_secs(30)),
            ..config()
        };
        let now = Instant::now();
        let mut schedule = Schedule::new(vec![0, 1], vec![], &waiting, MANY_FILES, now);
        let (NextStep::Ask(first), NextStep::Ask(_)) = (schedule.next(now), schedule.next(now))
        else {
            panic!("two may run");
        };
        let refused = attempt(Outcome::Refused, Retry::WhenUp);
        assert!(schedule.done(first, refused, now).is_none());
        let mut rest: Vec<_> = schedule
            .into_unfinished()
            .map(|(index, result)| (index == first, result.outcome.name(), result.attempts))
            .collect();
        rest.sort_unstable();
        assert_eq!(rest, [(false, "cancelled", 0), (true, "refused", 1)]);
    }

    #[test]
    fn seed_decides_the_order() {
        let order = |seed| {
            let config = Config { seed, ..config() };
            let mut order = Vec::new();
            simulate(100, &config, MANY_FILES, |index, _| {
                order.push(index);
                attempt(Outcome::TooLarge(None), Retry::No)
            });
            order
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        assert_ne!(order(1), (0..100).collect::<Vec<_>>());
    }
}

//! Who is asked next, who is asked again, and when: everything that is decided between attempts.
//!
//! It does no I/O and is told the time, so that its rules can be tested without a network or a clock.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    survey::{
        attempt::{Again, Attempt},
        config::Config,
        connect::{LOOKUP, LOOKUPS},
        outcome::{EndpointResult, Outcome, PhaseTimes},
    },
    untrusted::Untrusted,
};

/// Of how many endpoints one may be repeated, by all repetitions together.
const BUDGET: usize = 10;

/// Delay before the first repetition; each further one doubles it.
const RETRY: Duration = Duration::from_millis(100);

/// Longest time that a server may ask to be left alone for and still be asked again.
const PUSHBACK: Duration = Duration::from_secs(10);

/// Delay before somebody who is not there yet is tried again, and its limit after doublings.
const KNOCK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Delay before an attempt for which this machine had nothing left, and its limit after doublings.
const FREE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// How often an attempt may find nothing left: while others were running, and while it was alone.
const EXHAUSTED: (u32, u32) = (20, 5);

/// Descriptors left to the rest of the process: standard streams, the reports, the resolver's sockets.
const SPARE_FILES: usize = 48;

/// How far a paced run may be behind and still keep its average. Timers tick in milliseconds.
const CATCH_UP: Duration = Duration::from_millis(10);

/// What to do now.
#[derive(Debug)]
pub(crate) enum Next {
    /// Ask this endpoint.
    Ask(u32),
    /// This endpoint is decided without another attempt.
    Decided(u32, EndpointResult),
    /// Nothing before this instant, unless an attempt ends.
    At(Instant),
    /// Nothing until an attempt ends.
    Wait,
    /// Every endpoint is decided.
    Finished,
}

/// Endpoints and when each may be asked, the earliest first.
#[derive(Default)]
struct Dated(BinaryHeap<Reverse<(Instant, u32)>>);

impl Dated {
    fn push(&mut self, at: Instant, index: u32) {
        self.0.push(Reverse((at, index)));
    }

    /// When the next one may be asked.
    fn due(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next one if its time has come.
    fn pop(&mut self, now: Instant) -> Option<u32> {
        self.due().filter(|due| *due <= now)?;
        self.0.pop().map(|Reverse((_, index))| index)
    }
}

/// The endpoints of a run that are not decided.
pub(crate) struct Schedule {
    /// Not yet asked, the next one last.
    fresh: Vec<u32>,
    /// To be asked again at a time that was promised.
    later: Dated,
    /// To be tried again because nobody is there yet; after everybody else, for they may be many and for long.
    absent: Dated,
    /// Asked at least once and not decided.
    begun: HashMap<u32, Begun>,
    /// Which endpoints have a name to look up, by index; none of those behind its end.
    names: Vec<bool>,
    lookups: Lookups,
    running: usize,
    window: Window,
    pace: Option<Pace>,
    repetitions: usize,
    retries: u32,
    wait_until: Option<Instant>,
    jitter: fastrand::Rng,
}

/// What is kept of an endpoint between its attempts.
struct Begun {
    since: Instant,
    until: Instant,
    attempts: u32,
    repetitions: u32,
    knocks: u32,
    exhausted: u32,
    exhausted_alone: u32,
    /// Whether it was asked again because nothing had come back.
    lost: bool,
    last: Option<(Outcome, PhaseTimes)>,
}

/// The lookups that this machine's resolver may be given, and the endpoints that wait for one. Those are not asked
/// yet: they hold no place in the window, and their time does not run.
struct Lookups {
    free: usize,
    /// When the last one was begun.
    begun: Instant,
    waiting: VecDeque<u32>,
}

/// How many attempts may run: as many as did when this machine ran out, grown back slowly.
struct Window {
    now: usize,
    max: usize,
    successes: usize,
}

/// Connections started per second.
struct Pace {
    every: Duration,
    next: Instant,
}

impl Schedule {
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
            // A single endpoint may use its retries; a room shares the tenth.
            repetitions: (endpoints.len() / BUDGET).max(config.retries as usize),
            fresh: endpoints,
            later: Dated::default(),
            absent: Dated::default(),
            begun: HashMap::new(),
            names,
            lookups: Lookups {
                free: LOOKUPS,
                begun: start,
                waiting: VecDeque::new(),
            },
            running: 0,
            window: Window {
                now: max,
                max,
                successes: 0,
            },
            pace: config.rate.map(|rate| Pace {
                every: Duration::from_secs(1) / rate.get(),
                next: start,
            }),
            retries: config.retries,
            wait_until: config.wait.map(|wait| start + wait),
            jitter,
        }
    }

    /// Decides what to do; an endpoint that it hands out is running from then on.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        let mut wake = self.lookups.hopeless();
        if wake.is_some_and(|at| at <= now)
            && let Some(index) = self.lookups.waiting.pop_front()
        {
            return Next::Decided(index, self.unresolved(index));
        }
        let due = [self.later.due(), self.absent.due()];
        let due = due.into_iter().flatten().min();
        if self.fresh.is_empty() && due.is_none() && self.lookups.waiting.is_empty() {
            return match self.running {
                0 => Next::Finished,
                _ => Next::Wait,
            };
        }
        if self.running < self.window.now {
            let paced = self.pace.as_ref().map(|pace| pace.next);
            let paced = paced.filter(|next| *next > now);
            if paced.is_none()
                && let Some(index) = self.pop(now)
            {
                self.begin(index, now);
                return Next::Ask(index);
            }
            wake = [wake, paced.or(due)].into_iter().flatten().min();
        }
        wake.map_or(Next::Wait, Next::At)
    }

    /// Takes the endpoint that is to be asked next, if one may be.
    fn pop(&mut self, now: Instant) -> Option<u32> {
        if self.lookups.free > 0
            && let Some(index) = self.lookups.waiting.pop_front()
        {
            return Some(index);
        }
        loop {
            let promised = self.later.pop(now).or_else(|| self.fresh.pop());
            let index = promised.or_else(|| self.absent.pop(now))?;
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
        if let Some(pace) = &mut self.pace {
            // What a coarse timer missed is made up for; a longer pause is not.
            let floor = now.checked_sub(CATCH_UP).unwrap_or(now);
            pace.next = pace.next.max(floor) + pace.every;
        }
        if self.has_name(index) {
            self.lookups.free -= 1;
            self.lookups.begun = now;
        }
        self.running += 1;
        self.begun.entry(index).or_insert(Begun {
            since: now,
            until: now,
            attempts: 0,
            repetitions: 0,
            knocks: 0,
            exhausted: 0,
            exhausted_alone: 0,
            lost: false,
            last: None,
        });
    }

    /// The resolver has returned from a lookup, whether or not its attempt still waited for that.
    pub(crate) fn lookup_ended(&mut self) {
        self.lookups.free += 1;
    }

    /// The answer of an endpoint for which no lookup can be begun: what it answered last, if it was asked before.
    fn unresolved(&mut self, index: u32) -> EndpointResult {
        let begun = self.begun.remove(&index).and_then(Begun::answer);
        begun.unwrap_or_else(|| {
            let reason = Untrusted::new("the resolver does not answer");
            EndpointResult::without_attempt(Outcome::Dns(reason))
        })
    }

    /// Takes an attempt's result; the answer, if that decides the endpoint.
    pub(crate) fn done(
        &mut self,
        index: u32,
        attempt: Attempt,
        now: Instant,
    ) -> Option<EndpointResult> {
        let Attempt {
            outcome,
            again,
            phases,
        } = attempt;
        self.running -= 1;
        let mut begun = self.begun.remove(&index)?;
        begun.until = now;
        if again == Again::WhenFree {
            self.window.shrink(self.running);
        } else {
            begun.attempts += 1;
            self.window.grow();
        }
        begun.last = Some((outcome, phases));
        match self.delay(&mut begun, again, now) {
            Some(delay) => {
                let queue = match again {
                    Again::WhenUp | Again::Lost => &mut self.absent,
                    Again::No | Again::Soon(_) | Again::WhenFree => &mut self.later,
                };
                queue.push(now + delay, index);
                self.begun.insert(index, begun);
                None
            }
            None => begun.answer(),
        }
    }

    /// When to ask again, if at all.
    fn delay(&mut self, begun: &mut Begun, again: Again, now: Instant) -> Option<Duration> {
        let doubled = |(first, most): (Duration, Duration), times: u32| {
            first.saturating_mul(1 << times.min(16)).min(most)
        };
        match again {
            Again::No => None,
            Again::Soon(after) => {
                let delay = match after {
                    Some(after) if after > PUSHBACK => return None,
                    Some(after) => after,
                    None => doubled((RETRY, PUSHBACK), begun.repetitions),
                };
                self.repeat(begun).then(|| self.jittered(delay))
            }
            Again::WhenUp | Again::Lost => {
                let delay = self.jittered(doubled(KNOCK, begun.knocks));
                begun.knocks += 1;
                let waits = self.wait_until.is_some_and(|until| now + delay < until);
                // Once: a whole network that is switched off must not use up what others need.
                let lost = again == Again::Lost && !std::mem::replace(&mut begun.lost, true);
                (waits || lost && self.repeat(begun)).then_some(delay)
            }
            Again::WhenFree => {
                begun.exhausted += 1;
                begun.exhausted_alone += u32::from(self.running == 0);
                let helpless = begun.exhausted > EXHAUSTED.0 || begun.exhausted_alone > EXHAUSTED.1;
                let delay = doubled(FREE, begun.exhausted);
                (!helpless).then(|| self.jittered(delay))
            }
        }
    }

    /// Takes one of the repetitions that are left, to all and to this endpoint.
    fn repeat(&mut self, begun: &mut Begun) -> bool {
        let may = begun.repetitions < self.retries && self.repetitions > 0;
        if may {
            begun.repetitions += 1;
            self.repetitions -= 1;
        }
        may
    }

    /// A fifth more or less, so that those who failed together do not come back together.
    fn jittered(&mut self, delay: Duration) -> Duration {
        delay.mul_f64(0.8 + 0.4 * self.jitter.f64())
    }

    /// The answers of all who are not decided, at the end of a run that is cut short.
    pub(crate) fn rest(mut self) -> impl Iterator<Item = (u32, EndpointResult)> {
        let waiting = self.lookups.waiting.into_iter();
        self.fresh
            .extend(waiting.filter(|index| !self.begun.contains_key(index)));
        let begun = self.begun.into_iter().map(|(index, begun)| {
            // What this machine lacked a moment ago says nothing about the endpoint.
            let answer = begun
                .answer()
                .filter(|answer| !matches!(answer.outcome, Outcome::LocalError { .. }));
            (index, answer.unwrap_or_else(cancelled))
        });
        begun.chain(self.fresh.into_iter().map(|index| (index, cancelled())))
    }
}

impl Begun {
    /// The answer with the last attempt's outcome, if one has ended.
    fn answer(self) -> Option<EndpointResult> {
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

fn cancelled() -> EndpointResult {
    EndpointResult {
        outcome: Outcome::Cancelled,
        attempts: 0,
        elapsed: Duration::ZERO,
        phases: PhaseTimes::default(),
    }
}

impl Lookups {
    /// When to stop waiting for one, if there are endpoints that wait. No attempt waits for its own lookup longer than
    /// [`LOOKUP`]: if none has ended for so long, the resolver holds them all and answers none.
    fn hopeless(&self) -> Option<Instant> {
        (self.free == 0 && !self.waiting.is_empty()).then(|| self.begun + LOOKUP)
    }
}

impl Window {
    /// Follows what this machine has shown to be too much. At most halved at a time: that an attempt failed beside
    /// two others does not mean that two are the most.
    fn shrink(&mut self, running: usize) {
        self.now = self.now.min(running.max(self.now / 2)).max(1);
        self.successes = 0;
    }

    /// Grows by one whenever a whole window went well.
    fn grow(&mut self) {
        self.successes += 1;
        if self.successes >= self.now && self.now < self.max {
            self.now += 1;
            self.successes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroUsize};

    use super::*;
    use crate::{survey::outcome::AttemptPhase, untrusted::Untrusted};

    const MANY_FILES: usize = 1 << 20;

    fn config() -> Config {
        Config {
            concurrency: NonZeroUsize::new(8).unwrap(),
            ..Config::default()
        }
    }

    fn attempt(outcome: Outcome, again: Again) -> Attempt {
        Attempt {
            outcome,
            again,
            phases: PhaseTimes::default(),
        }
    }

    fn exhausted() -> Attempt {
        let outcome = Outcome::LocalError {
            reason: Untrusted::new("too many open files"),
            exhausted: true,
        };
        attempt(outcome, Again::WhenFree)
    }

    /// Plays a whole run in which `ask` is the network, on a clock that jumps to whatever is next.
    fn play(
        endpoints: u32,
        config: &Config,
        open_files: usize,
        mut ask: impl FnMut(u32, usize) -> Attempt,
    ) -> (Vec<EndpointResult>, Duration) {
        let start = Instant::now();
        let mut now = start;
        let mut schedule =
            Schedule::new((0..endpoints).collect(), vec![], config, open_files, start);
        let mut answers = vec![None; endpoints as usize];
        let mut running = Vec::new();
        loop {
            match schedule.next(now) {
                Next::Ask(index) => {
                    running.push(index);
                    continue;
                }
                Next::At(at) if running.is_empty() => now = at,
                Next::At(_) | Next::Wait => {}
                Next::Decided(index, _) => panic!("{index} needs no lookup"),
                Next::Finished => break,
            }
            // One at a time and the oldest first, as the network would not promise.
            if !running.is_empty() {
                let count = running.len();
                let index = running.remove(0);
                let result = ask(index, count);
                if let Some(answer) = schedule.done(index, result, now) {
                    assert!(answers[index as usize].replace(answer).is_none());
                }
            }
        }
        let answers: Vec<_> = answers.into_iter().flatten().collect();
        assert_eq!(answers.len(), endpoints as usize);
        (answers, now - start)
    }

    fn attempts(answers: &[EndpointResult]) -> u32 {
        answers.iter().map(|answer| answer.attempts).sum()
    }

    #[test]
    fn a_failing_room_is_asked_a_tenth_more() {
        let soon = |_, _| attempt(Outcome::Reset, Again::Soon(None));
        let (answers, _) = play(1000, &config(), MANY_FILES, soon);
        assert_eq!(attempts(&answers), 1100);
    }

    #[test]
    fn one_endpoint_may_use_its_retries() {
        let soon = |_, _| attempt(Outcome::Reset, Again::Soon(None));
        let (answers, _) = play(1, &config(), MANY_FILES, soon);
        assert_eq!(attempts(&answers), 3);
        let none = Config {
            retries: 0,
            ..config()
        };
        assert_eq!(attempts(&play(1, &none, MANY_FILES, soon).0), 1);
    }

    #[test]
    fn what_had_an_effect_or_has_no_hope_is_not_repeated() {
        let no = |_, _| attempt(Outcome::TooLarge, Again::No);
        let up = |_, _| attempt(Outcome::Refused, Again::WhenUp);
        assert_eq!(attempts(&play(100, &config(), MANY_FILES, no).0), 100);
        assert_eq!(attempts(&play(100, &config(), MANY_FILES, up).0), 100);
    }

    #[test]
    fn a_server_names_its_own_time() {
        let after = Duration::from_secs(3);
        let asked = |_, _| attempt(Outcome::Reset, Again::Soon(Some(after)));
        let (answers, took) = play(1, &config(), MANY_FILES, asked);
        assert_eq!(attempts(&answers), 3);
        assert!(took >= 2 * after.mul_f64(0.8), "{took:?}");
        let too_long = |_, _| attempt(Outcome::Reset, Again::Soon(Some(10 * PUSHBACK)));
        assert_eq!(attempts(&play(1, &config(), MANY_FILES, too_long).0), 1);
    }

    #[test]
    fn who_is_not_up_yet_is_tried_until_the_wait_is_over() {
        let waiting = Config {
            wait: Some(Duration::from_secs(30)),
            ..config()
        };
        let mut asked = 0;
        let (answers, took) = play(1, &waiting, MANY_FILES, |_, _| {
            asked += 1;
            attempt(Outcome::Refused, Again::WhenUp)
        });
        assert_eq!(attempts(&answers), asked);
        assert!((15..40).contains(&asked), "{asked}");
        assert!(took > Duration::from_secs(25) && took <= Duration::from_secs(30));

        let (answers, _) = play(1, &waiting, MANY_FILES, |_, _| {
            attempt(Outcome::Timeout(AttemptPhase::Headers), Again::No)
        });
        assert_eq!(attempts(&answers), 1);
    }

    /// Of those who are not up there may be enough to fill every window until the wait is over.
    #[test]
    fn who_is_not_up_yet_keeps_nobody_from_being_asked_once() {
        let waiting = Config {
            wait: Some(Duration::from_secs(30)),
            ..config()
        };
        let mut now = Instant::now();
        let mut schedule = Schedule::new((0..100).collect(), vec![], &waiting, MANY_FILES, now);
        let mut asked = Vec::new();
        while asked.len() < 150 {
            // Long enough for everybody to be due again.
            now += KNOCK.1;
            let Next::Ask(index) = schedule.next(now) else {
                break;
            };
            asked.push(index);
            let refused = attempt(Outcome::Refused, Again::WhenUp);
            schedule.done(index, refused, now - KNOCK.1);
        }
        let first: std::collections::HashSet<_> = asked[..100].iter().collect();
        assert_eq!(first.len(), 100, "{asked:?}");
    }

    /// Plays the first attempts of ten addresses and many names, of which no lookup ever ends.
    fn dead_resolver(names: u32) -> (Schedule, Vec<u32>, Instant) {
        let start = Instant::now();
        let all = names + 10;
        let is_name = (0..all).map(|index| index >= 10).collect();
        let mut schedule = Schedule::new((0..all).collect(), is_name, &config(), MANY_FILES, start);
        let mut asked = Vec::new();
        let mut now = start;
        while let Next::Ask(index) = schedule.next(now) {
            asked.push(index);
            let given_up = attempt(Outcome::Dns(Untrusted::new("late")), Again::No);
            assert!(schedule.done(index, given_up, now).is_some());
            now += Duration::from_millis(1);
        }
        (schedule, asked, now)
    }

    #[test]
    fn names_that_wait_for_a_lookup_do_not_delay_addresses() {
        let (_, asked, _) = dead_resolver(1_500);
        assert_eq!(asked.len(), LOOKUPS + 10);
        assert_eq!(asked.iter().filter(|index| **index < 10).count(), 10);
    }

    #[test]
    fn names_are_decided_once_no_lookup_ends() {
        let (mut schedule, asked, now) = dead_resolver(1_500);
        let Next::At(at) = schedule.next(now) else {
            panic!("names wait");
        };
        assert!(at > now && at <= now + LOOKUP, "{:?}", at - now);
        let mut decided = 0;
        while let Next::Decided(_, answer) = schedule.next(at) {
            assert_eq!((answer.outcome.name(), answer.attempts), ("dns", 0));
            decided += 1;
        }
        assert_eq!(decided + asked.len(), 1_510);
        assert!(matches!(schedule.next(at), Next::Finished));
    }

    #[test]
    fn a_lookup_that_ends_lets_the_next_name_begin() {
        let (mut schedule, _, now) = dead_resolver(1_500);
        schedule.lookup_ended();
        assert!(matches!(schedule.next(now), Next::Ask(_)));
        assert!(matches!(schedule.next(now), Next::At(at) if at == now + LOOKUP));
        let rest: Vec<_> = schedule.rest().collect();
        assert_eq!(rest.len(), 1_500 - LOOKUPS);
        assert!(rest.iter().all(|(_, a)| a.outcome == Outcome::Cancelled));
    }

    #[test]
    fn endpoints_that_nothing_came_back_from_are_asked_once_more_within_the_budget() {
        let lost = |_, _| attempt(Outcome::Timeout(AttemptPhase::Connect), Again::Lost);
        assert_eq!(attempts(&play(1, &config(), MANY_FILES, lost).0), 2);
        assert_eq!(attempts(&play(1000, &config(), MANY_FILES, lost).0), 1100);
        let none = Config {
            retries: 0,
            ..config()
        };
        assert_eq!(attempts(&play(40, &none, MANY_FILES, lost).0), 40);

        // One of forty, whose first packets were lost, beside one that is switched off.
        let mut asked = [0; 40];
        let (answers, _) = play(40, &config(), MANY_FILES, |index, _| {
            asked[index as usize] += 1;
            match (index, asked[index as usize]) {
                (7, _) => lost(index, 0),
                (8, 1) => attempt(Outcome::Unreachable, Again::Lost),
                _ => attempt(Outcome::TooLarge, Again::No),
            }
        });
        assert_eq!(answers[7].outcome.name(), "timeout");
        assert_eq!(
            (answers[8].outcome.name(), answers[8].attempts),
            ("too_large", 2)
        );
        assert_eq!(attempts(&answers), 42);
    }

    /// A machine with descriptors for five, of which the limit says nothing.
    #[test]
    fn the_window_follows_what_the_machine_can_do() {
        let mut full = 0;
        let (answers, _) = play(1000, &config(), MANY_FILES, |_, running| {
            if running > 5 {
                full += 1;
                return exhausted();
            }
            attempt(Outcome::TooLarge, Again::No)
        });
        assert!(answers.iter().all(|a| a.outcome == Outcome::TooLarge));
        assert_eq!(attempts(&answers), 1000);
        assert!((1..500).contains(&full), "{full}");
    }

    /// A failure beside few others, such as at the end of a run, closes no window.
    #[test]
    fn the_window_is_halved_at_most() {
        let mut window = Window {
            now: 100,
            max: 100,
            successes: 0,
        };
        window.shrink(2);
        assert_eq!(window.now, 50);
        window.shrink(40);
        assert_eq!(window.now, 40);
        for _ in 0..10 {
            window.shrink(0);
        }
        assert_eq!(window.now, 1);
    }

    #[test]
    fn a_machine_that_can_do_nothing_says_so_in_the_end() {
        let (answers, _) = play(20, &config(), MANY_FILES, |_, _| exhausted());
        assert!(answers.iter().all(|a| a.outcome.name() == "local"));
    }

    #[test]
    fn the_window_leaves_descriptors_to_others() {
        let config = Config {
            concurrency: NonZeroUsize::new(4000).unwrap(),
            ..config()
        };
        let mut most = 0;
        play(1000, &config, 128, |_, running| {
            most = most.max(running);
            attempt(Outcome::TooLarge, Again::No)
        });
        assert_eq!(most, 128 - SPARE_FILES);
    }

    #[test]
    fn a_paced_run_takes_its_time() {
        let paced = Config {
            rate: NonZeroU32::new(100),
            ..config()
        };
        let no = |_, _| attempt(Outcome::TooLarge, Again::No);
        let (_, took) = play(1000, &paced, MANY_FILES, no);
        assert!(took >= Duration::from_millis(9_900) && took < Duration::from_secs(11));
    }

    #[test]
    fn a_run_cut_short_keeps_what_was_answered_last() {
        let waiting = Config {
            wait: Some(Duration::from_secs(30)),
            ..config()
        };
        let now = Instant::now();
        let mut schedule = Schedule::new(vec![0, 1], vec![], &waiting, MANY_FILES, now);
        let (Next::Ask(first), Next::Ask(_)) = (schedule.next(now), schedule.next(now)) else {
            panic!("two may run");
        };
        let refused = attempt(Outcome::Refused, Again::WhenUp);
        assert!(schedule.done(first, refused, now).is_none());
        let mut rest: Vec<_> = schedule
            .rest()
            .map(|(index, answer)| (index == first, answer.outcome.name(), answer.attempts))
            .collect();
        rest.sort_unstable();
        assert_eq!(rest, [(false, "cancelled", 0), (true, "refused", 1)]);
    }

    #[test]
    fn the_seed_decides_the_order() {
        let order = |seed| {
            let config = Config { seed, ..config() };
            let mut order = Vec::new();
            play(100, &config, MANY_FILES, |index, _| {
                order.push(index);
                attempt(Outcome::TooLarge, Again::No)
            });
            order
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        assert_ne!(order(1), (0..100).collect::<Vec<_>>());
    }
}

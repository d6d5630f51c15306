//! What sets the pace of a survey: due times, name lookups, the window of attempts, and the rate limit.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    num::NonZeroU32,
    time::Duration,
};

use tokio::time::Instant;

use crate::survey::connect::{DNS_TIMEOUT, MAX_DNS_LOOKUPS};

/// How far a run with a rate limit may be behind and still catch up. Timers tick in milliseconds.
const PACING_SLACK: Duration = Duration::from_millis(10);

/// Endpoints and when each may be asked, the earliest first.
#[derive(Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(Instant, u32)>>);

impl Timers {
    pub(crate) fn push(&mut self, at: Instant, index: u32) {
        self.0.push(Reverse((at, index)));
    }

    /// When the next one may be asked.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next one if its time has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<u32> {
        self.due().filter(|due| *due <= now)?;
        self.0.pop().map(|Reverse((_, index))| index)
    }
}

/// The lookups that may run at the same time, and the endpoints that wait for one. An attempt on such an endpoint has
/// not begun: it has no place in the window, and its time does not run.
pub(crate) struct LookupQueue {
    pub(crate) free: usize,
    /// When the last lookup began.
    last_start: Instant,
    pub(crate) waiting: VecDeque<u32>,
}

/// How many attempts may run at the same time: at most as many as ran when local resources were exhausted, growing
/// back slowly.
pub(crate) struct Window {
    pub(crate) now: usize,
    max: usize,
    successes: usize,
}

/// Limits the connections started per second.
pub(crate) struct RateLimit {
    every: Duration,
    pub(crate) next: Instant,
}

impl LookupQueue {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            free: MAX_DNS_LOOKUPS,
            last_start: start,
            waiting: VecDeque::new(),
        }
    }

    pub(crate) fn begin(&mut self, now: Instant) {
        self.free -= 1;
        self.last_start = now;
    }

    pub(crate) fn end(&mut self) {
        self.free += 1;
    }

    /// When the waiting endpoints, if there are any, are given up. An attempt waits for its own lookup for at most
    /// [`DNS_TIMEOUT`]: if no lookup was freed in that time, the resolver answers none of them.
    pub(crate) fn give_up_at(&self) -> Option<Instant> {
        (self.free == 0 && !self.waiting.is_empty()).then(|| self.last_start + DNS_TIMEOUT)
    }
}

impl RateLimit {
    pub(crate) fn new(rate: NonZeroU32, start: Instant) -> Self {
        Self {
            every: Duration::from_secs(1) / rate.get(),
            next: start,
        }
    }

    pub(crate) fn begin(&mut self, now: Instant) {
        // A delay by a coarse timer is caught up, a longer pause is not.
        let floor = now.checked_sub(PACING_SLACK).unwrap_or(now);
        self.next = self.next.max(floor) + self.every;
    }
}

impl Window {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            now: max,
            max,
            successes: 0,
        }
    }

    /// Shrinks to what was running when resources were exhausted, but at most by half: a failure beside two other
    /// attempts does not prove that two are the limit.
    pub(crate) fn shrink(&mut self, running: usize) {
        self.now = self.now.min(running.max(self.now / 2)).max(1);
        self.successes = 0;
    }

    /// Grows by one after a whole window of attempts without exhaustion.
    pub(crate) fn grow(&mut self) {
        self.successes += 1;
        if self.successes >= self.now && self.now < self.max {
            self.now += 1;
            self.successes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure beside few others, such as at the end of a run, does not close the window.
    #[test]
    fn window_is_halved_at_most() {
        let mut window = Window::new(100);
        window.shrink(2);
        assert_eq!(window.now, 50);
        window.shrink(40);
        assert_eq!(window.now, 40);
        for _ in 0..10 {
            window.shrink(0);
        }
        assert_eq!(window.now, 1);
    }
}

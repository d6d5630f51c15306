//! What a gRPC connection is doing: for its idle timeout, and for the call that is being polled.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::serve::slot::Slot;

pub(crate) struct Activity {
    pub(crate) opened_at: Instant,
    calls: AtomicUsize,
    /// When the last call ended, in milliseconds after `opened_at`.
    last: AtomicU64,
    /// The slot that the call just polled has acquired; see `slot`.
    new_slot: Mutex<Option<Slot>>,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self {
            opened_at: Instant::now(),
            calls: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            new_slot: Mutex::default(),
        }
    }

    /// Replaces the slot of the call just polled and returns the former one.
    pub(crate) fn replace_slot(&self, slot: Option<Slot>) -> Option<Slot> {
        let mut new_slot = self.new_slot.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *new_slot, slot)
    }

    pub(crate) fn begin_call(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    pub(crate) fn end_call(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.opened_at).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.last.store(millis, Relaxed);
        self.calls.fetch_sub(1, Relaxed);
    }

    /// When the connection will have been idle for `limit`, if nothing happens until then.
    pub(crate) fn idle_at(&self, limit: Duration) -> Instant {
        let since = if self.calls.load(Relaxed) > 0 {
            Instant::now()
        } else {
            self.opened_at + Duration::from_millis(self.last.load(Relaxed))
        };
        since + limit
    }
}

//! The memory that large messages take, all attempts of a run together.
//!
//! A message up to [`WINDOW`] needs no more than what HTTP/2 lets its peer send at once, so such messages are bounded by
//! the number of attempts. A larger one takes a permit for its whole length before its peer may send the rest: those
//! that hold one can always finish, so the attempts cannot block each other. A peer gets it only after it has sent
//! half a window; one that announces a message and does not send it takes nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much a peer may send before the client has taken it: the stream window of HTTP/2.
pub(crate) const WINDOW: usize = 32 * 1024;

/// What all large messages of a run may take while they are under way.
const MAX_IN_FLIGHT: usize = 64 * 1024 * 1024;

/// How long a peer with a permit may pause while others wait for one, as a part of the time of an attempt.
const PAUSE_DIVISOR: u32 = 4;

/// The memory for the large messages of a run.
#[derive(Debug)]
pub(crate) struct MessageMemory {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// How long a peer with a permit may pause while others wait for one.
    pub(crate) max_pause: Duration,
}

impl MessageMemory {
    /// `max_time` is the longest time of an attempt.
    pub(crate) fn new(max_time: Duration) -> Self {
        Self {
            free: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            waiting: AtomicUsize::new(0),
            max_pause: max_time / PAUSE_DIVISOR,
        }
    }

    /// Takes memory for a message, once it is free.
    pub(crate) async fn take(self: Arc<Self>, length: usize) -> Option<OwnedSemaphorePermit> {
        /// Counts until the wait is over or given up.
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Relaxed);
            }
        }
        self.waiting.fetch_add(1, Relaxed);
        let _waiting = Waiting(&self.waiting);
        // One message may take all of it, however long it is.
        let length = length.min(MAX_IN_FLIGHT) as u32;
        // The semaphore is never closed.
        Arc::clone(&self.free).acquire_many_owned(length).await.ok()
    }

    /// Whether an attempt waits for memory.
    pub(crate) fn is_short(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }
}

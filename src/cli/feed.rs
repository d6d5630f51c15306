//! Text that is written by a thread of its own, so that a slow reader or disk does not delay what produces it.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long text may wait before it is written: what a killed process loses.
const MAX_DELAY: Duration = Duration::from_millis(500);

/// Bytes that are written at once, without waiting.
const ENOUGH: usize = 64 * 1024;

/// Text on its way to a file or stream. It waits in memory while the reader does not take it.
pub(crate) struct Feed {
    shared: Arc<FeedQueue>,
    writer: JoinHandle<io::Result<()>>,
}

#[derive(Default)]
struct FeedQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    text: Vec<u8>,
    /// No more text comes.
    ended: bool,
    /// Writing has failed, and text is dropped.
    failed: bool,
}

impl FeedQueue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the text that waits, and whether it is the last.
    fn take(&self, text: &mut Vec<u8>) -> bool {
        let waits = |state: &mut QueueState| state.text.len() < ENOUGH && !state.ended;
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, MAX_DELAY, waits);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut state.text, text);
        state.ended
    }

    fn write_to(&self, mut out: impl Write) -> io::Result<()> {
        let mut text = Vec::new();
        loop {
            text.clear();
            // A list of many endpoints comes at once, and once only.
            text.shrink_to(2 * ENOUGH);
            let is_last = self.take(&mut text);
            let written = out.write_all(&text).and_then(|()| out.flush());
            if written.is_err() {
                self.lock().failed = true;
            }
            written?;
            if is_last {
                return Ok(());
            }
        }
    }
}

impl Feed {
    /// Starts the thread that writes to `out`.
    pub(crate) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(FeedQueue::default());
        let writer = {
            let shared = Arc::clone(&shared);
            let name = "writer".to_owned();
            thread::Builder::new()
                .name(name)
                .spawn(move || shared.write_to(out))?
        };
        Ok(Self { shared, writer })
    }

    /// Adds text.
    pub(crate) fn add(&self, text: &[u8]) {
        let mut state = self.shared.lock();
        if !state.failed {
            state.text.extend_from_slice(text);
            if state.text.len() >= ENOUGH {
                self.shared.changed.notify_one();
            }
        }
    }

    /// Writes what is left, and returns the first error.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
        let written = self.writer.join();
        written.unwrap_or_else(|_| Err(io::Error::other("the writing thread has ended")))
    }
}

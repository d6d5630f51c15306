//! The counters.
//!
//! Counters of calls are sharded by thread: on a counter that all cores share, a core would spend more time waiting for
//! its cache line than on the call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tonic::Code;

use crate::serve::metrics::labels::{CloseReason, RejectReason, ServedMethod, ServedProtocol};

/// Status codes are numbered from 0 to 16.
const CODES: usize = 17;

/// Upper bounds of the histogram, in microseconds: GetProfile takes tens of them, a stalled client seconds.
pub(super) const BOUNDS_US: [u64; 12] = [
    10, 25, 50, 100, 250, 500, 1_000, 5_000, 25_000, 100_000, 1_000_000, 10_000_000,
];

/// The counts of one method; as plain numbers the sum over all threads.
#[derive(Debug, Default)]
pub(super) struct CallCounts<N = AtomicU64> {
    pub(super) started: N,
    pub(super) handled: [N; CODES],
    /// Not cumulative; the exposition adds them up.
    pub(super) buckets: [N; BOUNDS_US.len() + 1],
    pub(super) nanoseconds: N,
}

/// With more threads some share a shard.
const SHARDS: usize = 16;

/// One thread's counts, on cache lines of its own (128 bytes, because processors fetch lines in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct CounterShard([CallCounts; ServedMethod::COUNT]);

/// The shard of the current thread.
fn shard() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static INDEX: usize = THREADS.fetch_add(1, Relaxed) % SHARDS;
    }
    INDEX.with(|index| *index)
}

/// All counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(super) calls: [CounterShard; SHARDS],
    /// By protocol, in plaintext and in TLS.
    pub(super) connections: [[AtomicU64; 2]; ServedProtocol::COUNT],
    pub(super) rejections: [AtomicU64; RejectReason::COUNT],
    pub(super) closes: [AtomicU64; CloseReason::COUNT],
    pub(super) late_requests: AtomicU64,
    pub(super) accept_errors: AtomicU64,
    pub(super) panics: AtomicU64,
    /// Counted by the log, which is the whole process's.
    pub(super) log_lines_dropped: Arc<AtomicU64>,
}

impl Metrics {
    pub(crate) fn new(log_lines_dropped: Arc<AtomicU64>) -> Self {
        Self {
            log_lines_dropped,
            ..Self::default()
        }
    }

    pub(crate) fn count_started(&self, method: ServedMethod) {
        let calls = &self.calls[shard()].0[method as usize];
        calls.started.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_handled(&self, method: ServedMethod, code: Code, took: Duration) {
        let calls = &self.calls[shard()].0[method as usize];
        calls.handled[code as usize].fetch_add(1, Relaxed);
        let micros = took.as_micros();
        let bucket = BOUNDS_US.partition_point(|bound| u128::from(*bound) < micros);
        calls.buckets[bucket].fetch_add(1, Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        calls.nanoseconds.fetch_add(nanos, Relaxed);
    }

    pub(crate) fn count_connection(&self, protocol: ServedProtocol, tls: bool) {
        self.connections[protocol as usize][usize::from(tls)].fetch_add(1, Relaxed);
    }

    pub(crate) fn count_rejection(&self, reason: RejectReason) {
        self.rejections[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn count_close(&self, reason: CloseReason) {
        self.closes[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn count_late_request(&self) {
        self.late_requests.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_accept_error(&self) {
        self.accept_errors.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_panic(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// The counts of one method, added up over the threads.
    pub(super) fn calls(&self, method: ServedMethod) -> CallCounts<u64> {
        let mut sum = CallCounts::<u64>::default();
        for shard in &self.calls {
            let calls = &shard.0[method as usize];
            let add = |sums: &mut [u64], counters: &[AtomicU64]| {
                for (sum, counter) in sums.iter_mut().zip(counters) {
                    *sum += counter.load(Relaxed);
                }
            };
            add(&mut sum.handled, &calls.handled);
            add(&mut sum.buckets, &calls.buckets);
            sum.nanoseconds += calls.nanoseconds.load(Relaxed);
        }
        // Last, so that no call is handled that has not started.
        for shard in &self.calls {
            sum.started += shard.0[method as usize].started.load(Relaxed);
        }
        sum
    }
}

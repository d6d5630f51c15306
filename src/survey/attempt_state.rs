//! What is known about an attempt while it runs, so that a timeout can say what the attempt was waiting for.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio::sync::OwnedSemaphorePermit;

use crate::{
    survey::{
        message_memory::MessageMemory,
        outcome::{AttemptPhase, PhaseTimes},
    },
    untrusted::Untrusted,
};

/// The state of one attempt, shared with the response body, which tonic requires to own what it uses.
#[derive(Debug)]
pub(crate) struct AttemptState {
    observations: Mutex<Observations>,
    /// The peer waits for what the client holds back: flow control of a large message.
    needs_flush: AtomicBool,
    /// For the large messages of all attempts.
    pub(crate) memory: Arc<MessageMemory>,
}

/// What was observed so far.
#[derive(Debug)]
pub(crate) struct Observations {
    /// What the attempt is waiting for.
    pub(crate) phase: AttemptPhase,
    /// The durations of the completed phases.
    pub(crate) phases: PhaseTimes,
    /// A description of a response that is HTTP/2 but not gRPC.
    pub(crate) not_grpc: Option<Untrusted>,
    /// The peer sent a `grpc-status` other than 0. Without it, a failed status was made by tonic.
    pub(crate) has_status: bool,
    /// Why the HTTP/2 stream or connection failed.
    pub(crate) transport_error: Option<h2::Error>,
    /// Bytes received of the message, with its prefix.
    pub(crate) message: usize,
    /// The peer has begun with a large message, and others take the memory for it, or took it for long.
    pub(crate) lacks_memory: bool,
    /// The peer paused within a large message while others waited for its memory.
    pub(crate) paused: bool,
    /// The memory for a large message, held until the attempt ends.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl AttemptState {
    pub(crate) fn new(memory: Arc<MessageMemory>) -> Self {
        let observations = Observations {
            phase: AttemptPhase::Connect,
            phases: PhaseTimes::default(),
            not_grpc: None,
            has_status: false,
            transport_error: None,
            message: 0,
            lacks_memory: false,
            paused: false,
            permit: None,
        };
        Self {
            observations: Mutex::new(observations),
            needs_flush: AtomicBool::new(false),
            memory,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Observations> {
        let observations = self.observations.lock();
        observations.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn needs_flush(&self) -> bool {
        self.needs_flush.load(Relaxed)
    }

    pub(crate) fn set_needs_flush(&self) {
        self.needs_flush.store(true, Relaxed);
    }
}

//! What is known about an attempt while it runs, so that a timeout can say what the attempt was waiting for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    survey::outcome::{AttemptPhase, PhaseTimes},
    untrusted::Untrusted,
};

/// The state of one attempt, shared with the response body, which tonic requires to own what it uses.
#[derive(Debug)]
pub(crate) struct AttemptState(Mutex<Observations>);

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
}

impl AttemptState {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Observations {
            phase: AttemptPhase::Connect,
            phases: PhaseTimes::default(),
            not_grpc: None,
            has_status: false,
            transport_error: None,
        }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Observations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

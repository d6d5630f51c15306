//! What is known about an attempt while it runs, so that something is known when its time is up.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    survey::outcome::{AttemptPhase, PhaseTimes},
    untrusted::Untrusted,
};

/// The notes of one attempt. Shared with the response body, which tonic requires to own what it uses.
#[derive(Debug)]
pub(crate) struct Trace(Mutex<Notes>);

/// What was seen so far.
#[derive(Debug)]
pub(crate) struct Notes {
    /// What the attempt waits for.
    pub(crate) phase: AttemptPhase,
    /// The phases that were completed.
    pub(crate) phases: PhaseTimes,
    /// A response that is HTTP/2 and not gRPC.
    pub(crate) not_grpc: Option<Untrusted>,
    /// The peer sent a `grpc-status` other than 0. Without it, a failed status is tonic's own.
    pub(crate) status: bool,
    /// Why the HTTP/2 stream or connection failed.
    pub(crate) broken: Option<h2::Error>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Notes {
            phase: AttemptPhase::Connect,
            phases: PhaseTimes::default(),
            not_grpc: None,
            status: false,
            broken: None,
        }))
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What a survey asks every endpoint.

use std::{fmt::Debug, time::Duration};

use http::Uri;
use tonic::Status;

use crate::survey::{
    outcome::{Invalid, Outcome},
    transport::CallTransport,
};

/// A unary call that every endpoint gets, and how its response becomes a value.
///
/// The engine connects, limits, times, classifies and retries; it does not look into an answer. A run clones the
/// question once.
pub trait Question: Clone + Send + Sync + 'static {
    /// What is kept of a response.
    type Answer: Clone + Debug + PartialEq + Send + 'static;

    /// Makes the call over a connection of its own. `timeout` is what is left until the deadline of the attempt, to be
    /// sent with the request; the engine enforces it.
    ///
    /// # Errors
    /// The status with which the call ended, from the peer or from tonic.
    fn call(
        &self,
        transport: CallTransport,
        origin: Uri,
        timeout: Duration,
    ) -> impl Future<Output = Result<Result<Self::Answer, InvalidAnswer>, Status>> + Send;

    /// Length of the largest message that the call accepts. What is read from a peer is limited accordingly.
    fn max_message(&self) -> usize;

    /// Whether repeating the call is harmless. One that is not idempotent is repeated only if it certainly was not
    /// executed.
    fn is_idempotent(&self) -> bool;

    /// Whether the original exercise's protocol has this question.
    fn has_raw(&self) -> bool {
        false
    }

    /// Parses the JSON object that a server of the original exercise sends; `None` while it is incomplete. Bytes may
    /// follow it. Called only if [`Self::has_raw`] is true.
    fn parse_raw(&self, _object: &[u8]) -> Option<Result<Self::Answer, Invalid>> {
        None
    }
}

/// Why a response that came to its end is not an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum InvalidAnswer {
    /// It is not a valid one.
    Invalid(Invalid),
    /// It exceeds the limit that the text names.
    TooLarge(&'static str),
}

impl<A> From<InvalidAnswer> for Outcome<A> {
    fn from(answer: InvalidAnswer) -> Self {
        match answer {
            InvalidAnswer::Invalid(invalid) => Self::Invalid(invalid),
            InvalidAnswer::TooLarge(limit) => Self::TooLarge(Some(limit.into())),
        }
    }
}

//! What a survey asks every endpoint.

use std::{fmt::Debug, time::Duration};

use http::Uri;
use tonic::Status;

use crate::survey::{outcome::Invalid, transport::CallTransport};

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
    ) -> impl Future<Output = Result<Result<Self::Answer, Invalid>, Status>> + Send;

    /// Parses the JSON object that a server of the original exercise sends; `None` while it is incomplete. Bytes may
    /// follow it.
    fn parse_raw(&self, object: &[u8]) -> Option<Result<Self::Answer, Invalid>>;
}

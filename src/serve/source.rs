//! Where the profile that a connection is asked for comes from.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use tokio::sync::watch;

use crate::{pb::GetProfileResponse, profile::Profile};

/// One profile in the forms in which it is sent, made once and shared by every connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub(crate) response: GetProfileResponse,
    /// The JSON message, without a newline.
    pub(crate) json: Bytes,
}

impl From<&Profile> for Answer {
    fn from(profile: &Profile) -> Self {
        Self {
            response: profile.into(),
            json: serde_json::to_vec(profile)
                .expect("four fields under string keys always have a JSON form")
                .into(),
        }
    }
}

/// Something that knows whose profile to send.
///
/// It is asked once a call, so that a reloaded file or a new owner shows at once.
pub trait Source: Send + Sync + 'static {
    /// The answer of whoever sits at the connection's `local` address, which a Unix socket does not have.
    ///
    /// `None` is answered with NOT_FOUND.
    fn answer(&self, local: Option<SocketAddr>) -> Option<Arc<Answer>>;
}

/// One profile that never changes.
impl Source for Arc<Answer> {
    fn answer(&self, _local: Option<SocketAddr>) -> Option<Arc<Answer>> {
        Some(Self::clone(self))
    }
}

/// One profile that changes with its file.
impl Source for watch::Receiver<Arc<Answer>> {
    fn answer(&self, _local: Option<SocketAddr>) -> Option<Arc<Answer>> {
        Some(Arc::clone(&self.borrow()))
    }
}

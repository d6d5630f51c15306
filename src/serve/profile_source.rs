//! Where a server takes the profile from that it sends.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::watch;

use crate::profile::Profile;

/// Gives the profile to send.
///
/// It is asked once for each call, so that a reloaded file shows at once.
pub trait ProfileSource: Send + Sync + 'static {
    /// The profile that belongs to the connection's `local` address, which a Unix socket does not have.
    ///
    /// `None` is answered with NOT_FOUND.
    fn profile(&self, local: Option<SocketAddr>) -> Option<Profile>;
}

/// A profile that never changes.
impl ProfileSource for Profile {
    fn profile(&self, _local: Option<SocketAddr>) -> Option<Profile> {
        Some(self.clone())
    }
}

/// A profile that changes with its file.
impl ProfileSource for watch::Receiver<Profile> {
    fn profile(&self, _local: Option<SocketAddr>) -> Option<Profile> {
        Some(self.borrow().clone())
    }
}

impl<S: ProfileSource + ?Sized> ProfileSource for Arc<S> {
    fn profile(&self, local: Option<SocketAddr>) -> Option<Profile> {
        (**self).profile(local)
    }
}

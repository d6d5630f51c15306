//! What the handlers of a connection may use: the server's state, and the connection's own.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{sync::watch, time::Instant};

use crate::serve::{
    config::Config,
    deadline_body::DeadlineBody,
    limiter::{Limiter, Permit},
    metrics::Metrics,
    services::Services,
};

/// How far the shutdown of a server has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// No connections are accepted. Open ones are asked to leave only after this: a client reconnects at once, and
    /// must not reach the same server again.
    Closing,
    /// Open connections finish their calls.
    Draining,
    /// Every connection ends now.
    Cut,
}

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) metrics: Metrics,
    pub(crate) services: Services<DeadlineBody>,
    /// Every connection holds a receiver until its end: the sender is closed when the last one is gone.
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) host_name: String,
    pub(crate) last_rejection_log: Mutex<Option<Instant>>,
}

impl Shared {
    pub(crate) fn allows(&self, peer: IpAddr) -> bool {
        let allow = &self.config.allow;
        allow.is_empty() || allow.iter().any(|net| net.contains(&peer))
    }
}

/// A connection that was admitted. Its calls and their slots hold it, and with it the permit, until the last of them
/// ends, which may be later than the connection.
pub(crate) struct ConnectionContext {
    pub(crate) server: Arc<Shared>,
    pub(crate) permit: Permit,
    /// The address of the peer; absent for Unix sockets.
    pub(crate) peer: Option<IpAddr>,
    /// The address that the peer connected to; absent for Unix sockets.
    pub(crate) local: Option<SocketAddr>,
}

impl ConnectionContext {
    /// The peer as logs name it.
    pub(crate) fn peer_name(&self) -> String {
        peer_name(self.peer)
    }
}

/// A peer as logs name it.
pub(crate) fn peer_name(peer: Option<IpAddr>) -> String {
    peer.map_or_else(|| "a unix socket".to_owned(), |peer| peer.to_string())
}

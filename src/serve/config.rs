//! What a server serves, to which callers, and within which limits.

use std::{
    str::FromStr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use ipnet::IpNet;
use tokio::sync::watch;

use crate::{
    serve::{limits::Limits, listen::Listener, profile_source::ProfileSource},
    untrusted::Untrusted,
};

/// The configuration of a server.
pub struct Config {
    /// Gives the profile to send.
    pub profile: Arc<dyn ProfileSource>,
    /// The protocols that are served.
    pub protocols: Protocols,
    /// The networks that may connect; empty for all. Unix sockets have the file system's permissions instead.
    pub allow: Vec<IpNet>,
    /// The certificate, which may change while the server runs; without one there is no TLS.
    pub tls: Option<watch::Receiver<Arc<rustls::ServerConfig>>>,
    /// Whether plaintext is served where there is a certificate. Without one it always is.
    pub plaintext: bool,
    /// Whether the reflection services are offered.
    pub reflection: bool,
    /// How long open connections may take to finish their calls after the shutdown has begun.
    pub drain_timeout: Duration,
    /// The numbers of connections and calls, and their timeouts.
    pub limits: Limits,
    /// Where the counters are served over HTTP under `/metrics`, by [`run`](crate::serve::run) only.
    pub metrics: Option<Listener>,
    /// The number of log lines that were dropped, for the metrics. The writer of the log counts them.
    pub log_lines_dropped: Arc<AtomicU64>,
}

impl Config {
    /// The defaults: every protocol in plaintext, for every address, with reflection and ten seconds to drain.
    #[must_use]
    pub fn new(profile: impl ProfileSource) -> Self {
        Self {
            profile: Arc::new(profile),
            protocols: Protocols::default(),
            allow: Vec::new(),
            tls: None,
            plaintext: false,
            reflection: true,
            drain_timeout: Duration::from_secs(10),
            limits: Limits::default(),
            metrics: None,
            log_lines_dropped: Arc::default(),
        }
    }
}

/// The protocols that a server serves; by default all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols {
    /// gRPC over HTTP/2.
    pub grpc: bool,
    /// The profile as JSON over HTTP/1.
    pub http: bool,
    /// The profile as JSON to a peer that sends nothing.
    pub raw: bool,
}

impl Default for Protocols {
    fn default() -> Self {
        Self {
            grpc: true,
            http: true,
            raw: true,
        }
    }
}

impl FromStr for Protocols {
    type Err = ProtocolsError;

    /// Parses a list such as `grpc,http,raw`.
    ///
    /// # Errors
    /// [`ProtocolsError`] with the first name that is unknown; in an empty list that is the empty name.
    fn from_str(text: &str) -> Result<Self, ProtocolsError> {
        let mut protocols = Self {
            grpc: false,
            http: false,
            raw: false,
        };
        for name in text.split(',').map(str::trim) {
            match name {
                "grpc" => protocols.grpc = true,
                "http" => protocols.http = true,
                "raw" => protocols.raw = true,
                _ => return Err(ProtocolsError(Untrusted::new(name))),
            }
        }
        Ok(protocols)
    }
}

/// A list names an unknown protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a protocol; give one or more of grpc, http and raw, separated by commas")]
pub struct ProtocolsError(Untrusted);

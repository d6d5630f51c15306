//! The settings of a survey.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

/// How a survey is run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Most endpoints asked at the same time. The limit on open files lowers it.
    pub concurrency: NonZeroUsize,
    /// Longest time for the TCP handshake of one attempt, all addresses of a name together.
    pub connect_timeout: Duration,
    /// Longest time for one attempt, from its first packet to the last byte of the answer.
    pub max_time: Duration,
    /// Longest time for the whole run; an endpoint that has not answered by then is cancelled.
    pub deadline: Option<Duration>,
    /// Retries per endpoint, for calls that certainly had no effect on the server. An attempt to which nothing came
    /// back is retried once. All retries together are at most a tenth of the endpoints, so that a failing network is
    /// not asked twice over.
    pub retries: u32,
    /// Keep retrying endpoints that refuse connections or cannot be reached, for up to this time.
    pub wait: Option<Duration>,
    /// Most connections started in a second.
    pub rate: Option<NonZeroU32>,
    /// Use TLS, except for `raw://` endpoints.
    pub tls: Option<Tls>,
    /// Seeds the order in which endpoints are asked and the jitter of retries.
    pub seed: u64,
}

impl Config {
    /// The same with what is left of the deadline.
    #[must_use]
    pub fn after(mut self, elapsed: Duration) -> Self {
        self.deadline = self.deadline.map(|limit| limit.saturating_sub(elapsed));
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::new(1024).expect("1024 is not zero"),
            connect_timeout: Duration::from_millis(3500),
            max_time: Duration::from_secs(5),
            deadline: None,
            retries: 2,
            wait: None,
            rate: None,
            tls: None,
            seed: 0,
        }
    }
}

/// How a survey uses TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Trust, identity and ALPN.
    pub config: Arc<rustls::ClientConfig>,
    /// The name to verify and to send as `:authority`, where that is not the endpoint's own.
    pub authority: Option<http::uri::Authority>,
}

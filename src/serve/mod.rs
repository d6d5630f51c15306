//! Answers with one profile, on one port, to everyone who speaks one of its dialects.
//!
//! ```text
//! listen ── accept loop ──► a task per connection: allowed? room left? what does it speak?
//!                               │ detect: the first bytes, under a deadline
//!                               ├─ grpc   HTTP/2 under limits; lab.Profile, health, reflection
//!                               ├─ http   one GET
//!                               ├─ raw    silence: one JSON object
//!                               └─ TLS    handshake, then told apart once more
//! ```
//!
//! The caller binds and hands in the end of the run as a future. See [`run`] for a whole server and [`Server`]
//! for one whose connections somebody else accepts.

use std::{
    fmt,
    future::Future,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tonic_health::ServingStatus;

use crate::serve::{
    detect::{Opening, Verdict},
    io::{Io, Transport},
    limiter::{LimitReached, Limiter, Permit},
    limits::Limits,
    listen::Listener,
    metrics::{Metrics, Refusal},
    profile_source::ProfileSource,
};

mod accept;
mod bounded;
mod bounded_io;
mod call;
pub mod detect;
mod frame_counter;
mod grpc;
pub(crate) mod http;
mod io;
pub(crate) mod limiter;
pub mod limits;
pub mod listen;
pub mod manager;
mod metrics;
pub mod profile_file;
pub mod profile_source;
mod raw;
pub mod reload;
mod scrape;
mod slot;

/// What a server does.
pub struct Config {
    /// Whose profile is sent.
    pub profile: Arc<dyn ProfileSource>,
    /// The dialects that are spoken.
    pub accept: Accept,
    /// The networks that may ask; empty for all. Unix sockets have the file system's permissions instead.
    pub allow: Vec<IpNet>,
    /// The certificate, which may change while the server runs; without one there is no TLS.
    pub tls: Option<watch::Receiver<Arc<rustls::ServerConfig>>>,
    /// Whether plaintext is served where there is a certificate. Without one it always is.
    pub plaintext: bool,
    /// Whether the reflection services are offered.
    pub reflection: bool,
    /// How long calls may take to end after the shutdown has begun.
    pub drain_timeout: Duration,
    /// How much of everything there is.
    pub limits: Limits,
    /// Where the counters are served over HTTP under `/metrics`, by [`run`] only.
    pub metrics: Option<Listener>,
    /// The number of log lines that were dropped, for the metrics. The writer of the log counts them.
    pub log_lines_dropped: Arc<AtomicU64>,
}

impl Config {
    /// The defaults: every dialect in plaintext, for everybody, with reflection and ten seconds to drain.
    #[must_use]
    pub fn new(profile: impl ProfileSource) -> Self {
        Self {
            profile: Arc::new(profile),
            accept: Accept::default(),
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

/// The dialects that a server speaks. All by default, because the room is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// gRPC over HTTP/2.
    pub grpc: bool,
    /// The profile as JSON over HTTP/1.
    pub http: bool,
    /// The profile as JSON to whoever says nothing.
    pub raw: bool,
}

impl Default for Accept {
    fn default() -> Self {
        Self {
            grpc: true,
            http: true,
            raw: true,
        }
    }
}

impl FromStr for Accept {
    type Err = AcceptError;

    /// Reads a list such as `grpc,http,raw`.
    ///
    /// # Errors
    /// [`AcceptError`] with the first word that is no dialect; an empty list has an empty one.
    fn from_str(text: &str) -> Result<Self, AcceptError> {
        let mut accept = Self {
            grpc: false,
            http: false,
            raw: false,
        };
        for word in text.split(',').map(str::trim) {
            match word {
                "grpc" => accept.grpc = true,
                "http" => accept.http = true,
                "raw" => accept.raw = true,
                _ => return Err(AcceptError(crate::untrusted::Untrusted::new(word))),
            }
        }
        Ok(accept)
    }
}

/// A word that is no dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptError(crate::untrusted::Untrusted);

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(word) = self;
        write!(
            f,
            "\"{word}\" is no dialect; give one or more of grpc, http and raw, separated by commas"
        )
    }
}

impl std::error::Error for AcceptError {}

/// How far a server is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// No more connections are taken. Only then are those that are open told to leave: a caller that comes back
    /// at once, as they do, must not meet the same server again.
    Closing,
    /// Connections that are open finish their calls.
    Draining,
    /// Every connection ends now.
    Cut,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every call was answered and every connection closed.
    Drained,
    /// So many connections were still open when time was up, and were cut.
    Cut(usize),
}

/// Serves on `listeners` until `shutdown` completes, then lets calls finish for at most the drain timeout, or
/// until `cut` completes. Afterwards nothing of the server is left.
///
/// ```
/// use std::time::Duration;
///
/// use labrpc::{profile::Profile, serve::{self, listen::Listener}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let profile: Profile = serde_json::from_str(
///     r#"{"id":"1527406014","height":178,"weight":60,"size":"XXL"}"#,
/// )?;
/// let listener = Listener::tcp("127.0.0.1:0".parse()?, false)?;
/// let config = serve::Config::new(profile);
/// let shutdown = tokio::time::sleep(Duration::from_millis(1));
/// let end = serve::run(vec![listener], config, shutdown, std::future::pending()).await;
/// assert_eq!(end, serve::End::Drained);
/// # Ok(())
/// # }
/// ```
pub async fn run(
    listeners: Vec<Listener>,
    mut config: Config,
    shutdown: impl Future<Output = ()>,
    cut: impl Future<Output = ()>,
) -> End {
    let metrics = config.metrics.take();
    let server = Server::new(config).await;
    // Until the very end, so that the drain can be watched; dropping the set ends it.
    let mut scrapes = tokio::task::JoinSet::new();
    if let Some(listener) = metrics {
        scrapes.spawn(scrape::serve(server.clone(), listener));
    }
    let mut loops = tokio::task::JoinSet::new();
    for listener in listeners {
        loops.spawn(accept::accept(server.clone(), listener));
    }
    shutdown.await;
    server.close().await;
    // The loops end by themselves once they have taken what was waiting in their queues.
    while loops.join_next().await.is_some() {}
    server.drain(cut).await
}

/// One server, without its listeners. Clones share everything.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// What all connections of a server share.
pub(crate) struct Shared {
    config: Config,
    limiter: Arc<Limiter>,
    metrics: Metrics,
    services: grpc::Services,
    phase: watch::Sender<Phase>,
    host_name: String,
    /// When a refusal was last explained.
    explained: Mutex<Option<Instant>>,
}

/// One connection that was let in.
pub(crate) struct Visit {
    server: Arc<Shared>,
    permit: Permit,
    local: Option<SocketAddr>,
}

impl Server {
    /// A server that is ready to be given connections.
    pub async fn new(mut config: Config) -> Self {
        config.limits = config.limits.clamped();
        for net in &mut config.allow {
            *net = canonical(*net);
        }
        let services = grpc::Services::new(config.reflection);
        services.report(ServingStatus::Serving).await;
        Self {
            shared: Arc::new(Shared {
                limiter: Arc::new(config.limits.limiter()),
                metrics: Metrics::new(Arc::clone(&config.log_lines_dropped)),
                config,
                services,
                phase: watch::Sender::new(Phase::Serving),
                host_name: listen::host_name(),
                explained: Mutex::default(),
            }),
        }
    }

    /// Serves one accepted connection to its end: the allow list and the limits first, then whatever the
    /// peer speaks. The drain waits for it from this call on.
    pub fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        let local = stream.local_addr().ok();
        self.serve(Transport::Tcp(stream), Some(peer.ip()), local)
    }

    /// The counters in the Prometheus text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.shared
            .metrics
            .render(self.shared.limiter.connections())
    }

    /// Begins the shutdown: health says NOT_SERVING. Whoever accepts connections should stop now.
    pub async fn close(&self) {
        self.shared.services.report(ServingStatus::NotServing).await;
        self.shared.phase.send_replace(Phase::Closing);
    }

    /// Tells every connection to finish and leave, and waits for their ends, but no longer than the drain timeout
    /// and no longer than `cut`.
    pub async fn drain(&self, cut: impl Future<Output = ()>) -> End {
        let Shared {
            phase,
            limiter,
            config,
            ..
        } = &*self.shared;
        phase.send_replace(Phase::Draining);
        tokio::select! {
            biased;
            // Every connection holds a receiver for as long as it lives.
            () = phase.closed() => return End::Drained,
            () = tokio::time::sleep(config.drain_timeout) => {}
            () = cut => {}
        }
        let open = limiter.connections();
        phase.send_replace(Phase::Cut);
        phase.closed().await;
        End::Cut(open)
    }

    fn serve(
        &self,
        transport: Transport,
        peer: Option<IpAddr>,
        local: Option<SocketAddr>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        // Here and not in the future, whose task may not have run yet when the drain begins.
        let phase = shared.phase.subscribe();
        shared.serve(phase, transport, peer, local)
    }
}

impl Shared {
    async fn serve(
        self: Arc<Self>,
        mut phase: watch::Receiver<Phase>,
        transport: Transport,
        peer: Option<IpAddr>,
        local: Option<SocketAddr>,
    ) {
        // An IPv4 caller at a dual-stack listener is counted and judged as what it is.
        let peer = peer.map(|peer| peer.to_canonical());
        if let Some(peer) = peer
            && !self.allows(peer)
        {
            return self.metrics.refusal(Refusal::Address);
        }
        let permit = match self.limiter.admit(peer) {
            Ok(permit) => permit,
            Err(reached) => {
                return self.metrics.refusal(match reached {
                    LimitReached::Total => Refusal::Connections,
                    LimitReached::Address => Refusal::ConnectionsPerAddress,
                });
            }
        };
        let visit = Arc::new(Visit {
            server: Arc::clone(&self),
            permit,
            local,
        });
        tokio::select! {
            biased;
            served = visit.serve(transport) => {
                if let Err(reason) = served {
                    self.metrics.refusal(reason);
                    self.explain(reason, peer);
                }
            }
            _ = phase.wait_for(|phase| *phase == Phase::Cut) => {}
        }
    }

    fn allows(&self, peer: IpAddr) -> bool {
        let allow = &self.config.allow;
        allow.is_empty() || allow.iter().any(|net| net.contains(&peer))
    }

    /// Says what a classmate can do about a refusal where that is not plain to see, at most once a second:
    /// whoever wants to fill a log needs more than that.
    fn explain(&self, reason: Refusal, peer: Option<IpAddr>) {
        let peer = peer.map_or_else(|| "a unix socket".to_owned(), |peer| peer.to_string());
        if matches!(reason, Refusal::NoCertificate | Refusal::Plaintext) {
            let now = Instant::now();
            let mut last = self
                .explained
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| now < last + Duration::from_secs(1)) {
                return;
            }
            *last = Some(now);
        }
        match reason {
            Refusal::NoCertificate => tracing::warn!(
                "{peer} speaks TLS, but this server has no certificate: call with -plaintext, or start the \
                 server with --cert and --key"
            ),
            Refusal::Plaintext => tracing::warn!(
                "{peer} speaks plaintext, but this server only speaks TLS: call without -plaintext, or start \
                 the server with --plaintext"
            ),
            reason => tracing::debug!(?reason, peer, "a connection was refused"),
        }
    }
}

impl Visit {
    /// Finds out what the peer speaks and speaks it.
    async fn serve(self: Arc<Self>, mut transport: Transport) -> Result<(), Refusal> {
        let Config {
            accept,
            tls,
            plaintext,
            ..
        } = &self.server.config;
        let plaintext = *plaintext || tls.is_none();
        let limits = &self.server.config.limits;
        let deadline = Instant::now() + limits.handshake;
        let silence = (accept.raw && plaintext).then(|| Instant::now() + limits.silence);

        let Some((opening, replay)) = detect(&mut transport, deadline, silence).await? else {
            Box::pin(raw::serve(Io::new(transport, Bytes::new()), self)).await;
            return Ok(());
        };
        let io = Io::new(transport, replay);
        if opening != Opening::Tls {
            if !plaintext {
                return Err(Refusal::Plaintext);
            }
            return self.speak(opening, io, false).await;
        }

        let Some(tls) = tls else {
            return Err(Refusal::NoCertificate);
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
        // Boxed, so that a connection without TLS does not carry room for it.
        let handshake = Box::pin(acceptor.accept(io));
        let mut session = match timeout_at(deadline, handshake).await {
            Ok(Ok(session)) => Transport::Tls(Box::new(session)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                return Err(Refusal::Tls);
            }
            Err(_) => return Err(Refusal::Timeout),
        };
        match detect(&mut session, deadline, None).await? {
            // TLS within TLS is no dialect.
            None | Some((Opening::Tls, _)) => Err(Refusal::Stranger),
            Some((opening, replay)) => self.speak(opening, Io::new(session, replay), true).await,
        }
    }

    async fn speak(self: Arc<Self>, opening: Opening, io: Io, tls: bool) -> Result<(), Refusal> {
        let Accept { grpc, http, raw: _ } = self.server.config.accept;
        match opening {
            // Boxed, so that a connection that has said nothing yet is a small task.
            Opening::Http2 if grpc => Box::pin(grpc::serve(io, self, tls)).await,
            Opening::Http1 if http => Box::pin(http::serve(io, self, tls)).await,
            _ => return Err(Refusal::Dialect),
        }
        Ok(())
    }
}

/// The IPv4 network that an IPv4-mapped IPv6 network stands for: peers are compared by their IPv4 address.
fn canonical(net: IpNet) -> IpNet {
    match (net, net.addr().to_canonical()) {
        (IpNet::V6(mapped), IpAddr::V4(address)) => mapped
            .prefix_len()
            .checked_sub(96)
            .and_then(|length| IpNet::new(address.into(), length).ok())
            .unwrap_or(net),
        _ => net,
    }
}

/// Reads until it is clear what the peer speaks. `None` is a peer that said nothing until `silence`.
async fn detect(
    transport: &mut (impl AsyncRead + Unpin),
    deadline: Instant,
    silence: Option<Instant>,
) -> Result<Option<(Opening, Bytes)>, Refusal> {
    // The preface and the first call of a gRPC client usually come together and fit.
    let mut bytes = BytesMut::with_capacity(512);
    loop {
        let until = match silence {
            Some(silence) if bytes.is_empty() => silence,
            _ => deadline,
        };
        match timeout_at(until, transport.read_buf(&mut bytes)).await {
            Ok(Ok(0) | Err(_)) => return Err(Refusal::Closed),
            Ok(Ok(_)) => {}
            Err(_) if bytes.is_empty() && silence.is_some() => return Ok(None),
            Err(_) => return Err(Refusal::Timeout),
        }
        match detect::judge(&bytes) {
            Verdict::More => {}
            Verdict::Is(opening) => return Ok(Some((opening, bytes.freeze()))),
            Verdict::Stranger => return Err(Refusal::Stranger),
        }
    }
}

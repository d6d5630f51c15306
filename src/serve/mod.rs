//! Serves one profile on one port, in several protocols.
//!
//! ```text
//! listen ── accept loop ──► a task for each connection: allow list, limits
//!                               │ detect: the first bytes, under a deadline
//!                               ├─ grpc   HTTP/2 under limits; lab.Profile, health, reflection
//!                               ├─ http   one GET
//!                               ├─ raw    the peer sends nothing: one JSON object
//!                               └─ TLS    handshake, then detection again inside it
//! ```
//!
//! The caller binds the listeners and passes the end of the run as a future. [`run`] is a whole server; [`Server`]
//! serves connections that the caller accepts itself.

use std::future::Future;

use crate::serve::listen::Listener;

mod accept;
pub(crate) mod accept_backoff;
mod activity;
mod bounded_io;
mod call;
mod call_record;
mod config;
mod connection;
mod context;
mod deadline_body;
mod detect;
mod frame_counter;
mod grpc;
mod http;
pub(crate) mod limiter;
pub mod limits;
pub mod listen;
mod metered_body;
mod metrics;
mod metrics_server;
mod prefixed_io;
pub mod profile_file;
pub mod profile_source;
mod raw;
pub mod reload;
mod router;
mod server;
pub(crate) mod services;
mod slot;
pub mod systemd;

pub use config::{Config, Protocols, ProtocolsError};
pub use server::{End, Server};

/// Serves on `listeners` until `shutdown` completes. Open connections then have until the drain timeout, or until
/// `cut` completes, to finish their calls. When this returns, nothing of the server is left.
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
        scrapes.spawn(metrics_server::serve(server.clone(), listener));
    }
    let mut loops = tokio::task::JoinSet::new();
    for listener in listeners {
        loops.spawn(accept::accept(server.clone(), listener));
    }
    shutdown.await;
    server.close().await;
    // The loops end by themselves, after the connections that were waiting in their queues.
    while loops.join_next().await.is_some() {}
    server.drain(cut).await
}

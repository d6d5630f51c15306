//! A server without its listeners: it is given connections, and drains them at the end.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use ipnet::IpNet;
use tokio::{net::TcpStream, sync::watch};
use tonic_health::ServingStatus;

use crate::{
    http1,
    pb::{FILE_DESCRIPTOR_SET, profile_server},
    serve::{
        config::Config,
        connection,
        context::{Phase, Shared},
        metrics::Metrics,
        prefixed_io::Transport,
        services::Services,
    },
};

/// One server. Clones share everything.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every call was answered and every connection closed.
    Drained,
    /// This many connections were still open at the end of the drain timeout, and were cut.
    Cut(usize),
}

impl Server {
    /// A server that is ready to be given connections.
    pub async fn new(mut config: Config) -> Self {
        config.limits = config.limits.clamped();
        for net in &mut config.allow {
            *net = canonical(*net);
        }
        let descriptors = config.reflection.then_some(FILE_DESCRIPTOR_SET);
        let services = Services::new(profile_server::SERVICE_NAME, descriptors);
        services.report(ServingStatus::Serving).await;
        Self {
            shared: Arc::new(Shared {
                limiter: Arc::new(config.limits.limiter()),
                metrics: Metrics::new(Arc::clone(&config.log_lines_dropped)),
                config,
                services,
                phase: watch::Sender::new(Phase::Serving),
                host_name: http1::host_name(),
                last_rejection_log: Mutex::default(),
            }),
        }
    }

    /// Serves one accepted connection to its end, in whatever protocol the peer uses, if the allow list and the
    /// limits admit it. The drain waits for it from this call on.
    pub fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.serve(Transport::Tcp(stream), Some(peer.ip()))
    }

    pub(crate) fn serve(
        &self,
        transport: Transport,
        peer: Option<IpAddr>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        // Here and not in the future, whose task may not have run yet when the drain begins.
        let phase = shared.phase.subscribe();
        connection::serve(shared, phase, transport, peer)
    }

    /// The counters in the Prometheus text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.shared
            .metrics
            .render(self.shared.limiter.connections())
    }

    /// Begins the shutdown: health becomes NOT_SERVING. The caller stops accepting connections before it drains.
    pub async fn close(&self) {
        self.shared.services.report(ServingStatus::NotServing).await;
        self.shared.phase.send_replace(Phase::Closing);
    }

    /// Asks every connection to finish its calls and leave, and waits until all have. Those that are still open at
    /// the drain timeout, or when `cut` completes, are cut.
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
            () = phase.closed() => return End::Drained,
            () = tokio::time::sleep(config.drain_timeout) => {}
            () = cut => {}
        }
        let open = limiter.connections();
        phase.send_replace(Phase::Cut);
        phase.closed().await;
        End::Cut(open)
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

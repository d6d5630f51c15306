//! A real server for a test, on an address of its own.

use std::{
    net::SocketAddr,
    pin::Pin,
    process::Command,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use labrpc::{
    pb::{GetProfileRequest, profile_client::ProfileClient},
    profile::Profile,
    serve::{
        self, Config, End,
        listen::{ListenAddress, Listener},
    },
};
use rustls::pki_types::CertificateDer;
use tokio::{io::AsyncReadExt as _, net::TcpStream, sync::oneshot, task::JoinHandle};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::Channel;

use crate::frames::Raw;

/// The profile that every test server sends.
pub(crate) const JSON: &str = r#"{"id":"1527406014","height":178,"weight":60,"size":"XXL"}"#;

/// The same profile for `labrpc serve`.
pub(crate) const ARGUMENTS: [&str; 8] = [
    "--id",
    "1527406014",
    "--height",
    "178",
    "--weight",
    "60",
    "--size",
    "XXL",
];

pub(crate) fn profile() -> Profile {
    serde_json::from_str(JSON).unwrap()
}

/// A configuration for tests: everything as by default, but no test waits ten seconds for a drain.
pub(crate) fn config() -> Config {
    Config {
        drain_timeout: Duration::from_secs(2),
        ..Config::new(profile())
    }
}

/// A server that runs until `stop`.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    cut: Option<oneshot::Sender<()>>,
    end: JoinHandle<End>,
}

impl Running {
    /// Starts a server on 127.0.0.1 and a free port.
    pub(crate) fn start(config: Config) -> Self {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), false).unwrap();
        Self::on(listener, config)
    }

    /// Starts a server with a metrics listener, and returns the address of that too.
    pub(crate) fn with_metrics(config: Config) -> (Self, SocketAddr) {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let metrics = tcp_address(&listener);
        let config = Config {
            metrics: Some(listener),
            ..config
        };
        (Self::start(config), metrics)
    }

    /// Starts a server on a bound TCP listener.
    pub(crate) fn on(listener: Listener, config: Config) -> Self {
        let address = tcp_address(&listener);
        Self::with(vec![listener], address, config)
    }

    pub(crate) fn with(listeners: Vec<Listener>, address: SocketAddr, config: Config) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (cut, cutting) = oneshot::channel();
        let end = tokio::spawn(serve::run(
            listeners,
            config,
            async { drop(stopped.await) },
            // A sender that is dropped cuts nothing.
            async {
                if cutting.await.is_err() {
                    std::future::pending().await
                }
            },
        ));
        Self {
            address,
            stop: Some(stop),
            cut: Some(cut),
            end,
        }
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Cuts what is left.
    pub(crate) fn cut(&mut self) {
        if let Some(cut) = self.cut.take() {
            cut.send(()).unwrap();
        }
    }

    /// Shuts down and waits for the end.
    pub(crate) async fn end(mut self) -> End {
        self.stop();
        self.end.await.unwrap()
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// A generated client over TLS, or the error of the handshake.
    pub(crate) async fn tls_client(
        &self,
        config: Arc<rustls::ClientConfig>,
    ) -> Result<ProfileClient<Channel>, String> {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        let connector = TlsConnect(config, self.address);
        match endpoint.connect_with_connector(connector).await {
            Ok(channel) => Ok(ProfileClient::new(channel)),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    pub(crate) async fn client(&self) -> ProfileClient<Channel> {
        ProfileClient::new(self.channel().await)
    }

    /// Makes a call on a connection of its own, which must be answered.
    pub(crate) async fn answers(&self) {
        let mut client = self.client().await;
        client.get_profile(GetProfileRequest {}).await.unwrap();
    }
}

fn tcp_address(listener: &Listener) -> SocketAddr {
    match listener.address().unwrap() {
        ListenAddress::Tcp(address) => address,
        ListenAddress::Unix(path) => panic!("{}", path.display()),
    }
}

/// Requests the metrics from a loopback address. The text is empty where the connection is rejected.
pub(crate) async fn scrape_from(source: &str, to: SocketAddr) -> String {
    let mut raw = Raw::connect_from(source, to).await.unwrap();
    raw.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut text = String::new();
    let _ = raw.stream.read_to_string(&mut text).await;
    text
}

/// The certificate that a new connection is shown.
pub(crate) async fn shown(
    address: SocketAddr,
    config: &Arc<rustls::ClientConfig>,
) -> CertificateDer<'static> {
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::clone(config));
    let session = connector
        .connect(address.ip().into(), stream)
        .await
        .unwrap();
    let chain = session.get_ref().1.peer_certificates().unwrap();
    chain[0].clone().into_owned()
}

/// Connects to one address over TLS; the URI is not used.
pub(crate) struct TlsConnect(pub(crate) Arc<rustls::ClientConfig>, pub(crate) SocketAddr);

impl tower_service::Service<http::Uri> for TlsConnect {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: http::Uri) -> Self::Future {
        let (connector, address) = (TlsConnector::from(Arc::clone(&self.0)), self.1);
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            let stream = connector.connect(address.ip().into(), stream).await?;
            Ok(TokioIo::new(stream))
        })
    }
}

/// Runs a program to its end and returns its standard output; panics with all of its output if it fails.
pub(crate) async fn output(command: &mut Command) -> String {
    let mut command = std::mem::replace(command, Command::new("true"));
    let shown = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert!(output.status.success(), "{shown}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

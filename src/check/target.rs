//! The server under examination, and what earlier checks found out for later ones.

use std::{net::Ipv4Addr, time::Duration};

use prost_types::FileDescriptorProto;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::Status;

use crate::{
    check::result::{CheckResult, Need},
    profile::Profile,
    question::GetProfile,
    survey::{
        self, Config,
        attempt::Client,
        caller::Caller,
        endpoint::Endpoint,
        outcome::{EndpointResult, Outcome, Protocol},
        sniffed_stream::Stream,
    },
    tls,
};

/// The service that is examined.
pub(super) const SERVICE: &str = "lab.Profile";

/// Largest message that is decoded. A description of a service with all its comments has some ten kilobytes.
pub(super) const MAX_MESSAGE: usize = 256 * 1024;

/// Time for a server to answer a TLS handshake, where there was no answer without TLS.
const TLS_TIMEOUT: Duration = Duration::from_secs(1);

/// The server under examination.
///
/// Methods take it exclusively because a [`Stream`] can be sent to another thread but not shared between two.
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) config: Config,
    pub(super) client: Client,
    pub(super) is_connected: bool,
    /// The first connection: over TLS if that is configured, or why the TLS handshake failed.
    pub(super) connection: Option<Result<Stream, Outcome<Profile>>>,
    /// The protocol of the server, once it is known.
    pub(super) protocol: Option<Protocol>,
    /// Whether the server has the method, whatever it answers.
    pub(super) has_method: bool,
    pub(super) profile: Option<Profile>,
    /// The description of the service by reflection.
    pub(super) files: Option<Vec<FileDescriptorProto>>,
}

impl Target {
    pub(super) fn new(endpoint: &Endpoint, config: &Config) -> Self {
        let config = Config {
            // A check reports the first failure instead of hiding it behind a retry.
            retries: 0,
            wait: None,
            ..config.clone()
        };
        Self {
            endpoint: endpoint.clone(),
            client: Client::new(&config),
            config,
            connection: None,
            is_connected: false,
            protocol: None,
            has_method: false,
            profile: None,
            files: None,
        }
    }

    /// Whether an earlier check has found what another one needs.
    pub(super) fn has(&self, need: Need) -> bool {
        match need {
            Need::Connection => self.is_connected,
            Need::KnownProtocol => self.protocol.is_some(),
            Need::Http2 => self.protocol == Some(Protocol::Grpc),
            Need::Reflection => self.files.is_some(),
            Need::Method => self.has_method,
            Need::ValidProfile => self.profile.is_some(),
        }
    }

    /// Asks for the profile as a survey does.
    pub(super) async fn ask(&mut self) -> EndpointResult<Profile> {
        survey::ask(&self.endpoint, &GetProfile, &self.config).await
    }

    /// Whether a server that was asked without TLS answers a TLS handshake.
    pub(super) async fn serves_tls(&mut self) -> bool {
        if self.config.tls.is_some() {
            return false;
        }
        // No certificate is judged: any answer will do.
        let Ok(config) = tls::client(None, None, true) else {
            return false;
        };
        let Ok((stream, _)) = self.client.connect_only::<Profile>(&self.endpoint).await else {
            return false;
        };
        let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
        let handshake = TlsConnector::from(config).connect(name, stream);
        match timeout(TLS_TIMEOUT, handshake).await {
            Ok(Ok(_)) => true,
            // An alert is an answer too: it may require a client certificate.
            Ok(Err(error)) => {
                let error = error.get_ref().and_then(|error| error.downcast_ref());
                error.is_some_and(|error| !matches!(error, rustls::Error::InvalidMessage(_)))
            }
            Err(_) => false,
        }
    }

    /// A new HTTP/2 connection.
    pub(super) async fn caller(&mut self) -> Result<Caller, CheckResult> {
        Caller::connect(&self.client, &self.endpoint, MAX_MESSAGE)
            .await
            .map_err(CheckResult::from)
    }

    /// Gives a call the time of an attempt, after which it has failed with a status.
    pub(super) async fn within_max_time<T>(
        &mut self,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        match timeout(self.config.max_time, call).await {
            Ok(result) => result,
            Err(_) => Err(Status::deadline_exceeded("there was no answer")),
        }
    }
}

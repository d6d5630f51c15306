//! The server under examination, and what earlier checks found out for later ones.

use prost_types::FileDescriptorProto;
use tokio::time::timeout;
use tonic::Status;

use crate::{
    check::result::CheckResult,
    profile::Profile,
    question::GetProfile,
    survey::{
        self, Config,
        attempt::Client,
        caller::Caller,
        endpoint::Endpoint,
        outcome::{EndpointResult, Outcome},
        sniffed_stream::Stream,
    },
};

/// The service that is examined.
pub(super) const SERVICE: &str = "lab.Profile";

/// Largest message that is decoded. A description of a service with all its comments has some ten kilobytes.
pub(super) const MAX_MESSAGE: usize = 256 * 1024;

/// The server under examination.
///
/// Methods take it exclusively because a [`Stream`] can be sent to another thread but not shared between two.
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) config: Config,
    pub(super) client: Client,
    /// The first connection: over TLS if that is configured, or why the TLS handshake failed.
    pub(super) connection: Option<Result<Stream, Outcome<Profile>>>,
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
            profile: None,
            files: None,
        }
    }

    /// Asks for the profile as a survey does.
    pub(super) async fn ask(&mut self) -> EndpointResult<Profile> {
        survey::ask(&self.endpoint, &GetProfile, &self.config).await
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

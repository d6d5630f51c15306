//! The gRPC services that all connections of a server share: health and reflection.

use std::{convert::Infallible, future::Future, pin::Pin};

use http::{Request, Response};
use tonic::body::Body;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tower_service::Service as _;

use crate::{
    pb::{FILE_DESCRIPTOR_SET, profile_server},
    serve::deadline_body::DeadlineBody,
};

/// Requests are empty or a service's name; a longer message is rejected by the length in front of it.
pub(crate) const MAX_MESSAGE: usize = 1024;

/// What a service returns for a request.
pub(crate) type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The type of a reflection service cannot be named.
type BoxedService = Box<dyn Fn(Request<DeadlineBody>) -> Reply + Send + Sync>;

/// Both versions of the reflection service.
pub(crate) struct Reflection {
    pub(crate) v1: BoxedService,
    pub(crate) v1alpha: BoxedService,
}

pub(crate) struct Services {
    reporter: HealthReporter,
    pub(crate) health: HealthServer<HealthService>,
    pub(crate) reflection: Option<Reflection>,
}

impl Services {
    pub(crate) fn new(reflection: bool) -> Self {
        let reporter = HealthReporter::new();
        let health = HealthService::from_health_reporter(reporter.clone());
        Self {
            reporter,
            health: HealthServer::new(health).max_decoding_message_size(MAX_MESSAGE),
            reflection: reflection.then(Reflection::new),
        }
    }

    /// Sets the health of the server as a whole and of lab.Profile.
    pub(crate) async fn report(&self, status: ServingStatus) {
        for service in ["", profile_server::SERVICE_NAME] {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

impl Reflection {
    fn new() -> Self {
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let valid = "both descriptor sets were compiled with the program";
        let v1 = builder().build_v1().expect(valid);
        let v1 = v1.max_decoding_message_size(MAX_MESSAGE);
        // Some clients, evans among them, use the older version only.
        let v1alpha = builder().build_v1alpha().expect(valid);
        let v1alpha = v1alpha.max_decoding_message_size(MAX_MESSAGE);
        Self {
            v1: Box::new(move |request| v1.clone().call(request)),
            v1alpha: Box::new(move |request| v1alpha.clone().call(request)),
        }
    }
}

//! The gRPC services that all connections of a server share: health and reflection.

use std::{convert::Infallible, future::Future, pin::Pin};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body as HttpBody;
use tonic::{body::Body, codegen::StdError};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tower_service::Service as _;

/// Requests are empty or a service's name; a longer message is rejected by the length in front of it.
pub(crate) const MAX_MESSAGE: usize = 1024;

/// What a service returns for a request.
pub(crate) type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The type of a reflection service cannot be named.
type BoxedService<B> = Box<dyn Fn(Request<B>) -> Reply + Send + Sync>;

/// Both versions of the reflection service.
pub(crate) struct Reflection<B> {
    pub(crate) v1: BoxedService<B>,
    pub(crate) v1alpha: BoxedService<B>,
}

/// Health and reflection beside one service. `B` is the body of a request for reflection.
pub(crate) struct Services<B> {
    service: &'static str,
    reporter: HealthReporter,
    pub(crate) health: HealthServer<HealthService>,
    pub(crate) reflection: Option<Reflection<B>>,
}

impl<B> Services<B>
where
    B: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    /// For the service of this name; with the descriptors of its files there is reflection.
    pub(crate) fn new(service: &'static str, descriptors: Option<&[u8]>) -> Self {
        let reporter = HealthReporter::new();
        let health = HealthService::from_health_reporter(reporter.clone());
        Self {
            service,
            reporter,
            health: HealthServer::new(health).max_decoding_message_size(MAX_MESSAGE),
            reflection: descriptors.map(Reflection::new),
        }
    }

    /// Sets the health of the server as a whole and of its service.
    pub(crate) async fn report(&self, status: ServingStatus) {
        for service in ["", self.service] {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

impl<B> Reflection<B>
where
    B: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    fn new(descriptors: &[u8]) -> Self {
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
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

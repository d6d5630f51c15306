//! Chooses what answers each HTTP/2 request of a connection.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tonic::{Status, body::Body};
use tower_service::Service as _;

use crate::{
    pb::{
        GetProfileRequest, GetProfileResponse,
        profile_server::{self, ProfileServer},
    },
    serve::{
        activity::Activity,
        call::{Call, expired, timeout},
        call_record::CallRecord,
        context::ConnectionContext,
        http as http1,
        metrics::ServedMethod,
        services::{MAX_MESSAGE, Reply},
    },
};

const UNKNOWN_METHOD: &str = "no such method; this server has lab.Profile/GetProfile";

/// lab.Profile.
struct ProfileService(Arc<ConnectionContext>);

#[tonic::async_trait]
impl profile_server::Profile for ProfileService {
    async fn get_profile(
        &self,
        _request: tonic::Request<GetProfileRequest>,
    ) -> Result<tonic::Response<GetProfileResponse>, Status> {
        match self.0.server.config.profile.profile(self.0.local) {
            Some(profile) => Ok(tonic::Response::new((&profile).into())),
            None => Err(Status::not_found("no profile for this address")),
        }
    }
}

/// The service of one connection.
pub(crate) struct Router {
    context: Arc<ConnectionContext>,
    activity: Arc<Activity>,
    profile: ProfileServer<ProfileService>,
}

impl Router {
    pub(crate) fn new(context: Arc<ConnectionContext>, activity: Arc<Activity>) -> Self {
        let profile = ProfileServer::new(ProfileService(Arc::clone(&context)));
        Self {
            context,
            activity,
            profile: profile.max_decoding_message_size(MAX_MESSAGE),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Router {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Call;

    fn call(&self, request: Request<Incoming>) -> Call {
        if !is_grpc(&request) {
            let answer = answer_non_grpc(Arc::clone(&self.context), request);
            return Call::Http(Box::pin(answer));
        }
        let method = ServedMethod::of(request.uri().path());
        let mut record = CallRecord::begin(&self.context, &self.activity, method);
        let timeout = match timeout(request.headers()) {
            Ok(timeout) => timeout,
            Err(status) => return Call::reject(record, status),
        };
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Call::reject(record, expired());
        }
        record.set_timeout(timeout);
        let services = &self.context.server.services;
        let reply: Reply = match (method, &services.reflection) {
            (ServedMethod::GetProfile, _) => self.profile.clone().call(request),
            (ServedMethod::HealthCheck | ServedMethod::HealthWatch, _) => {
                services.health.clone().call(request)
            }
            (ServedMethod::Reflection, Some(reflection)) => {
                (reflection.v1)(record.limit_request(request))
            }
            (ServedMethod::ReflectionAlpha, Some(reflection)) => {
                (reflection.v1alpha)(record.limit_request(request))
            }
            _ => return Call::reject(record, Status::unimplemented(UNKNOWN_METHOD)),
        };
        Call::new(record, reply)
    }
}

/// Whether the request is a gRPC call (PROTOCOL-HTTP2.md, "Requests").
fn is_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    request.method() == http::Method::POST
        && content_type.is_some_and(|content_type| {
            content_type
                .as_bytes()
                .strip_prefix(b"application/grpc")
                // grpc-web is another protocol.
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
        })
}

/// Answers a request that is not gRPC: a browser that trusts the certificate uses HTTP/2 as well.
async fn answer_non_grpc(
    context: Arc<ConnectionContext>,
    mut request: Request<Incoming>,
) -> Response<Body> {
    // Read the body, up to `MAX_MESSAGE`, before answering, so that hyper can report a protocol error in its last
    // frames.
    let drain_body = async {
        let mut received = 0;
        while let Some(Ok(frame)) = request.body_mut().frame().await {
            received += frame.data_ref().map_or(0, Bytes::len);
            if received > MAX_MESSAGE {
                break;
            }
        }
    };
    let config = &context.server.config;
    let _ = tokio::time::timeout(config.limits.handshake, drain_body).await;
    if config.protocols.http {
        return http1::respond(&context, &request).map(Body::new);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

//! The profile over HTTP: `GET /` is the profile as JSON, `GET /healthz` the health of the server.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::timeout;

use crate::{
    http1::{self, RequestLimits, text},
    serve::{
        context::{ConnectionContext, Phase},
        metrics::{RejectReason, ServedProtocol},
        prefixed_io::PrefixedIo,
    },
};

/// Serves one HTTP/1 request and closes.
pub(crate) async fn serve(io: PrefixedIo, context: Arc<ConnectionContext>, tls: bool) {
    context
        .server
        .metrics
        .count_connection(ServedProtocol::Http, tls);
    let limits = RequestLimits {
        timeout: context.server.config.limits.handshake,
        size: 16 * 1024,
    };
    // As long again for reading the response. A slower client is disconnected.
    let served = http1::serve_one(io, limits, |request| {
        let response = respond(&context, request);
        tracing::debug!(
            peer = context.peer_name(),
            status = response.status().as_u16(),
            "HTTP request answered"
        );
        response
    });
    let _ = timeout(2 * limits.timeout, served).await;
}

/// Answers one request of either HTTP version.
pub(crate) fn respond<B>(
    context: &ConnectionContext,
    request: &Request<B>,
) -> Response<Full<Bytes>> {
    if let Err(rejection) = http1::require_same_site(&context.server.host_name, request) {
        context
            .server
            .metrics
            .count_rejection(RejectReason::CrossSite);
        return *rejection;
    }
    let paths = ["/", "/healthz"];
    if let Some(response) =
        http1::wrong_target(request, &paths, "not found; try / or /healthz, or gRPC\n")
    {
        return response;
    }
    if request.uri().path() == "/healthz" {
        return match *context.server.phase.borrow() {
            Phase::Serving => text(StatusCode::OK, "ok\n"),
            _ => text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n"),
        };
    }
    match context.server.config.profile.profile(context.local) {
        Some(profile) => {
            let line = format!("{}\n", profile.to_json());
            http1::response(StatusCode::OK, "application/json", line.into())
        }
        None => text(StatusCode::NOT_FOUND, "no profile for this address\n"),
    }
}

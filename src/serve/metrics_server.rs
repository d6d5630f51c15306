//! The metrics over HTTP. They have their own listener, so access to them is controlled separately.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{task::JoinSet, time::timeout};

use crate::{
    http1::{self, RequestLimits},
    serve::{
        accept_backoff::AcceptBackoff,
        limiter::{Limiter, Quota},
        listen::Listener,
        prefixed_io::PrefixedIo,
        server::Server,
    },
};

/// A scraper needs one connection. There are few in all, so that silent ones leave descriptors for callers.
const CONNECTIONS: Quota = Quota {
    total: 32,
    per_address: 20,
};

/// Time for one request and its response.
const TIMEOUT: Duration = Duration::from_secs(10);

const LIMITS: RequestLimits = RequestLimits {
    timeout: TIMEOUT,
    size: 16 * 1024,
};

/// Serves `GET /metrics` until dropped.
pub(crate) async fn serve(server: Server, listener: Listener) {
    let limiter = Arc::new(Limiter::of_connections(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut backoff = AcceptBackoff::default();
    loop {
        let (transport, peer) = backoff.accept(|| listener.accept()).await;
        while connections.try_join_next().is_some() {}
        let peer = peer.map(|peer| peer.ip().to_canonical());
        let Ok(permit) = limiter.admit(peer) else {
            continue;
        };
        let server = server.clone();
        connections.spawn(async move {
            let io = PrefixedIo::new(transport, Bytes::new());
            let served = http1::serve_one(io, LIMITS, |request| respond(&server, request));
            let _ = timeout(TIMEOUT, served).await;
            drop(permit);
        });
    }
}

fn respond(server: &Server, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if let Some(response) = http1::wrong_target(request, &["/metrics"], "try /metrics\n") {
        return response;
    }
    let exposition = "text/plain; version=0.0.4; charset=utf-8";
    http1::response(StatusCode::OK, exposition, server.metrics().into())
}

//! The counters over HTTP, on a listener of their own: whoever may scrape is not whoever may ask.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::serve::{
    accept::AcceptBackoff,
    limiter::{Limiter, Quota},
    listen::Listener,
    prefixed_io::PrefixedIo,
    server::Server,
};

/// A scraper needs one connection. Those that send nothing are few enough to leave descriptors for callers.
const CONNECTIONS: Quota = Quota {
    total: 32,
    per_address: 20,
};

/// How long a scraper may take to send its request and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves `GET /metrics` until dropped.
pub(crate) async fn serve(server: Server, listener: Listener) {
    let limiter = Arc::new(Limiter::of_connections(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    let mut backoff = AcceptBackoff::default();
    loop {
        let (transport, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                backoff.wait(&error).await;
                continue;
            }
        };
        backoff.reset();
        while connections.try_join_next().is_some() {}
        let peer = peer.map(|peer| peer.ip().to_canonical());
        let Ok(permit) = limiter.admit(peer) else {
            continue;
        };
        let server = server.clone();
        connections.spawn(async move {
            let _permit = permit;
            let service = service_fn(|request| {
                let response = respond(&server, &request);
                async { Ok::<_, Infallible>(response) }
            });
            let io = TokioIo::new(PrefixedIo::new(transport, Bytes::new()));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // One request a connection: the connection's limit is then the request's as well.
                .keep_alive(false)
                .max_buf_size(16 * 1024)
                .serve_connection(io, service);
            if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, connection).await {
                tracing::debug!(%error, "a scraper's connection ended");
            }
        });
    }
}

fn respond(server: &Server, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, server.metrics()),
        (_, "/metrics") => (
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET is answered here\n".to_owned(),
        ),
        _ => (StatusCode::NOT_FOUND, "try /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

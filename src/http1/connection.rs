//! One connection, one request.

use std::{convert::Infallible, error::Error, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLimits {
    /// Time for the request line and the headers.
    pub(crate) timeout: Duration,
    /// Bytes of the request line and the headers.
    pub(crate) size: usize,
}

/// Answers one request and closes. The limits of a connection are then those of a request as well.
pub(crate) async fn serve_one<I, B>(
    io: I,
    limits: RequestLimits,
    respond: impl Fn(&Request<Incoming>) -> Response<B>,
) where
    I: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let service = service_fn(|request| {
        let response = respond(&request);
        async { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.timeout)
        .keep_alive(false)
        .max_headers(64)
        .max_buf_size(limits.size)
        .serve_connection(TokioIo::new(io), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "HTTP connection failed");
    }
}

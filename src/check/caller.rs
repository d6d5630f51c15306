//! A connection that generated clients can call over, and that can be misused.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, Uri, uri::PathAndQuery};
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body, Frame, Incoming},
    client::conn::http2,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;
use tonic::{Status, client::Grpc};
use tonic_prost::ProstCodec;

use crate::{
    pb::{GetProfileRequest, GetProfileResponse},
    survey::{attempt::Asker, endpoint::Endpoint, outcome::Outcome},
};

/// One HTTP/2 connection. The last clone closes it.
#[derive(Clone)]
pub(super) struct Caller {
    streams: http2::SendRequest<tonic::body::Body>,
    /// What the URIs of calls begin with.
    pub(super) origin: Uri,
    /// The connection, which is driven until nobody holds it any more.
    _driver: Arc<JoinSet<()>>,
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// The outcome that a survey would have had.
    pub(super) async fn connect(asker: &Asker, endpoint: &Endpoint) -> Result<Self, Outcome> {
        let (stream, origin) = asker.open(endpoint).await?;
        let handshake = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(64 * 1024)
            .initial_connection_window_size(512 * 1024)
            .max_header_list_size(8 * 1024)
            .handshake(TokioIo::new(stream))
            .await;
        let (streams, connection) = handshake.map_err(|_| Outcome::Reset)?;
        let mut driver = JoinSet::new();
        // How the connection ended shows in the calls.
        driver.spawn(async { drop(connection.await) });
        Ok(Self {
            streams,
            origin,
            _driver: Arc::new(driver),
        })
    }

    /// The URI of a path at this server.
    pub(super) fn uri(&self, path: &'static str) -> Uri {
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static(path));
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// Sends a request as it is.
    pub(super) async fn send(
        &mut self,
        request: Request<tonic::body::Body>,
    ) -> hyper::Result<Response<tonic::body::Body>> {
        self.streams.ready().await?;
        self.streams.send_request(request).await.map(readable)
    }

    /// Calls a method that takes and gives what `GetProfile` does.
    pub(super) async fn unary(self, path: &'static str) -> Result<GetProfileResponse, Status> {
        let origin = self.origin.clone();
        let mut client = Grpc::with_origin(self, origin).max_decoding_message_size(4 * 1024);
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let request = tonic::Request::new(GetProfileRequest {});
        let codec = ProstCodec::default();
        let answer = client
            .unary(request, PathAndQuery::from_static(path), codec)
            .await?;
        Ok(answer.into_inner())
    }
}

impl tower_service::Service<Request<tonic::body::Body>> for Caller {
    type Response = Response<tonic::body::Body>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.streams.poll_ready(cx)
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let response = self.streams.send_request(request);
        Box::pin(async { response.await.map(readable) })
    }
}

/// A response without the details of a status: tonic panics if they are not base64, and nothing here reads them.
fn readable(mut response: Response<Incoming>) -> Response<tonic::body::Body> {
    response.headers_mut().remove(Status::GRPC_STATUS_DETAILS);
    response.map(|body| {
        tonic::body::Body::new(body.map_frame(|mut frame| {
            if let Some(trailers) = frame.trailers_mut() {
                trailers.remove(Status::GRPC_STATUS_DETAILS);
            }
            frame
        }))
    })
}

/// A request's body that neither comes nor ends.
pub(super) fn never() -> tonic::body::Body {
    struct Never;
    impl Body for Never {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }
    tonic::body::Body::new(Never)
}

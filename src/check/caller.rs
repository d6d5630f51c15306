//! An HTTP/2 connection for any gRPC call, valid or not.

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
use prost::Message;
use tokio::task::JoinSet;
use tonic::{Status, client::Grpc};
use tonic_prost::ProstCodec;

use crate::{
    profile::Profile,
    survey::{attempt::Client, endpoint::Endpoint, outcome::Outcome},
};

/// Largest message that is decoded. A description of a service with all its comments has some ten kilobytes.
pub(super) const MAX_MESSAGE: usize = 256 * 1024;

/// One HTTP/2 connection. Dropping the last clone closes it.
#[derive(Clone)]
pub(super) struct Caller {
    streams: http2::SendRequest<tonic::body::Body>,
    /// Scheme and authority for the URIs of calls.
    origin: Uri,
    /// Drives the connection.
    _driver: Arc<JoinSet<()>>,
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// The outcome that a survey would have had.
    pub(super) async fn connect(
        client: &Client,
        endpoint: &Endpoint,
    ) -> Result<Self, Outcome<Profile>> {
        let (stream, origin) = client.connect_only(endpoint).await?;
        let handshake = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(64 * 1024)
            .initial_connection_window_size(512 * 1024)
            .max_header_list_size(8 * 1024)
            .handshake(TokioIo::new(stream))
            .await;
        let (streams, connection) = handshake.map_err(|_| Outcome::Reset)?;
        let mut driver = JoinSet::new();
        // An error of the connection is reported by the calls on it.
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

    /// Sends a request unchanged.
    pub(super) async fn send(
        &mut self,
        request: Request<tonic::body::Body>,
    ) -> hyper::Result<Response<tonic::body::Body>> {
        self.streams.ready().await?;
        let response = self.streams.send_request(request).await;
        response.map(without_status_details)
    }

    /// Calls a unary method.
    pub(super) async fn unary<Q, R>(self, path: &'static str, request: Q) -> Result<R, Status>
    where
        Q: Message + 'static,
        R: Message + Default + 'static,
    {
        let path = PathAndQuery::from_static(path);
        let mut client = self.into_client().await?;
        let request = tonic::Request::new(request);
        let response = client.unary(request, path, ProstCodec::default()).await?;
        Ok(response.into_inner())
    }

    /// Calls a streaming method with one message, and returns the first one of the response.
    pub(super) async fn first_response<Q, R>(
        self,
        path: &'static str,
        request: Q,
    ) -> Result<Option<R>, Status>
    where
        Q: Message + 'static,
        R: Message + Default + 'static,
    {
        let path = PathAndQuery::from_static(path);
        let mut client = self.into_client().await?;
        let requests = tonic::Request::new(tokio_stream::once(request));
        let responses = client
            .streaming(requests, path, ProstCodec::default())
            .await?;
        responses.into_inner().message().await
    }

    async fn into_client(self) -> Result<Grpc<Self>, Status> {
        let origin = self.origin.clone();
        let mut client = Grpc::with_origin(self, origin).max_decoding_message_size(MAX_MESSAGE);
        let ready = client.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(client)
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
        Box::pin(async { response.await.map(without_status_details) })
    }
}

/// Removes the details of a status, which are not used here: tonic panics if they are not valid base64.
fn without_status_details(mut response: Response<Incoming>) -> Response<tonic::body::Body> {
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

/// The body of a request that neither sends anything nor ends.
pub(super) fn pending_body() -> tonic::body::Body {
    struct Pending;
    impl Body for Pending {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }
    tonic::body::Body::new(Pending)
}

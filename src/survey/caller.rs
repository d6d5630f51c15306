//! An HTTP/2 connection for any gRPC call, valid or not.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, Uri, uri::PathAndQuery};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::task::JoinSet;
use tokio_stream::Stream;
use tonic::{Status, Streaming, client::Grpc};
use tonic_prost::ProstCodec;

use crate::survey::{attempt::Client, endpoint::Endpoint, outcome::Outcome};

/// One HTTP/2 connection. Dropping the last clone closes it.
#[derive(Clone)]
pub(crate) struct Caller {
    streams: http2::SendRequest<tonic::body::Body>,
    /// Scheme and authority for the URIs of calls.
    origin: Uri,
    /// Largest message that is decoded.
    max_message: usize,
    /// Drives the connection.
    _driver: Arc<JoinSet<()>>,
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// The outcome that a survey would have had.
    pub(crate) async fn connect<A>(
        client: &Client,
        endpoint: &Endpoint,
        max_message: usize,
    ) -> Result<Self, Outcome<A>> {
        let (stream, origin) = client.connect_only(endpoint).await?;
        let handshake = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(64 * 1024)
            .initial_connection_window_size(512 * 1024)
            .max_header_list_size(8 * 1024)
            .handshake(TokioIo::new(stream))
            .await;
        let (streams, connection) = handshake.map_err(|_| Outcome::Reset { json_began: false })?;
        let mut driver = JoinSet::new();
        // An error of the connection is reported by the calls on it.
        driver.spawn(async { drop(connection.await) });
        Ok(Self {
            streams,
            origin,
            max_message,
            _driver: Arc::new(driver),
        })
    }

    /// The URI of a path at this server.
    pub(crate) fn uri(&self, path: &'static str) -> Uri {
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static(path));
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// Sends a request unchanged.
    pub(crate) async fn send(
        &mut self,
        request: Request<tonic::body::Body>,
    ) -> hyper::Result<Response<tonic::body::Body>> {
        self.streams.ready().await?;
        let response = self.streams.send_request(request).await;
        response.map(without_status_details)
    }

    /// Calls a unary method.
    pub(crate) async fn unary<Q, R>(self, path: &'static str, request: Q) -> Result<R, Status>
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

    /// Calls a method with one message, and returns the messages of the response, `max` at most.
    pub(crate) async fn responses<Q, R>(
        self,
        path: &'static str,
        request: Q,
        max: usize,
    ) -> Result<Vec<R>, Status>
    where
        Q: Message + 'static,
        R: Message + Default + 'static,
    {
        let requests = tonic::Request::new(tokio_stream::once(request));
        let mut stream = self.stream(path, requests).await?;
        let mut responses = Vec::new();
        while responses.len() < max
            && let Some(response) = stream.message().await?
        {
            responses.push(response);
        }
        Ok(responses)
    }

    /// Calls a streaming method.
    pub(crate) async fn stream<Q, R>(
        self,
        path: &'static str,
        requests: tonic::Request<impl Stream<Item = Q> + Send + 'static>,
    ) -> Result<Streaming<R>, Status>
    where
        Q: Message + 'static,
        R: Message + Default + 'static,
    {
        let path = PathAndQuery::from_static(path);
        let mut client = self.into_client().await?;
        let responses = client.streaming(requests, path, ProstCodec::default());
        Ok(responses.await?.into_inner())
    }

    async fn into_client(self) -> Result<Grpc<Self>, Status> {
        let origin = self.origin.clone();
        let max_message = self.max_message;
        let mut client = Grpc::with_origin(self, origin).max_decoding_message_size(max_message);
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

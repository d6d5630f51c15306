//! One HTTP/2 connection as the transport of a gRPC client.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::BodyExt as _;
use tonic::{Status, client::GrpcService};

use crate::{
    survey::{
        attempt_state::AttemptState,
        outcome::AttemptPhase,
        response_body::{ResponseBody, TransportError, take_status, transport_error},
    },
    untrusted::Untrusted,
};

/// Largest request that every server takes without a WINDOW_UPDATE, which it may send only after an acknowledgement.
const LARGE_REQUEST: usize = 16 * 1024;

/// The transport of a gRPC client for one call: an HTTP/2 connection that the engine polls beside the call.
pub struct CallTransport {
    streams: h2::client::SendRequest<Bytes>,
    state: Arc<AttemptState>,
    max_message: usize,
    /// What is sent in place of the body that the client encodes.
    body: Option<Bytes>,
}

impl CallTransport {
    /// `max_message` is the longest message that the client of the call accepts.
    pub(crate) fn new(
        streams: h2::client::SendRequest<Bytes>,
        state: Arc<AttemptState>,
        max_message: usize,
    ) -> Self {
        Self {
            streams,
            state,
            max_message,
            body: None,
        }
    }

    /// Sends this body, an encoded message with its prefix, whatever the client of the call encodes. It is not copied, so
    /// many calls can share one that is large.
    pub(crate) fn with_body(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }
}

impl GrpcService<tonic::body::Body> for CallTransport {
    type ResponseBody = ResponseBody;
    type Error = TransportError;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, TransportError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let ready = ready!(self.streams.poll_ready(cx));
        Poll::Ready(ready.map_err(|error| transport_error(&self.state, error)))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let mut streams = self.streams.clone();
        let state = Arc::clone(&self.state);
        let max_message = self.max_message;
        let shared = self.body.take();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = match shared {
                Some(shared) => shared,
                None => body.collect().await.map_err(|_| TransportError)?.to_bytes(),
            };
            if body.len() > LARGE_REQUEST {
                state.set_needs_flush();
            }
            let (response, mut sending) = streams
                .send_request(Request::from_parts(head, ()), false)
                .map_err(|error| transport_error(&state, error))?;
            sending
                .send_data(body, true)
                .map_err(|error| transport_error(&state, error))?;

            let mut response = response
                .await
                .map_err(|error| transport_error(&state, error))?;
            let mut observed = state.lock();
            observed.phase = AttemptPhase::Body;
            if let Some(other) = not_grpc(&response) {
                observed.not_grpc = Some(other);
                return Err(TransportError);
            }
            observed.has_status |= take_status(response.headers_mut());
            if !observed.has_status && !response.body().is_end_stream() {
                // Only a response without a body has its status in the headers. In one with a body, tonic would use
                // this OK and not read the status in the trailers.
                response.headers_mut().remove(Status::GRPC_STATUS);
            }
            drop(observed);
            Ok(response.map(|stream| ResponseBody::new(stream, max_message, state)))
        })
    }
}

/// Describes a response that is not a gRPC response.
fn not_grpc<B>(response: &Response<B>) -> Option<Untrusted> {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.map(|kind| kind.as_bytes()).unwrap_or_default();
    // `application/grpc-web` has the same prefix and is another protocol.
    let grpc = kind
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')));
    let status = response.status();
    (!grpc || status != http::StatusCode::OK).then(|| {
        let kind = String::from_utf8_lossy(kind);
        Untrusted::new(&format!("HTTP/2 {}, {kind}", status.as_u16()))
    })
}

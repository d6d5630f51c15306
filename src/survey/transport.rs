//! One HTTP/2 connection as the transport of a gRPC client: what is observed of the response, and its limits.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use tonic::{Status, client::GrpcService};

use crate::{
    survey::{attempt_state::AttemptState, outcome::AttemptPhase},
    untrusted::Untrusted,
};

/// The transport of a gRPC client for one call: an HTTP/2 connection that the engine polls beside the call.
pub struct CallTransport {
    pub(crate) streams: h2::client::SendRequest<Bytes>,
    pub(crate) state: Arc<AttemptState>,
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
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| TransportError)?.to_bytes();
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
            Ok(response.map(|stream| ResponseBody {
                stream,
                data: true,
                state,
            }))
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

/// Whether headers or trailers have a status of the peer's other than OK.
fn take_status(headers: &mut HeaderMap) -> bool {
    // tonic panics if this is not base64; it is not used here.
    headers.remove(Status::GRPC_STATUS_DETAILS);
    headers
        .get(Status::GRPC_STATUS)
        .is_some_and(|status| status != "0")
}

/// A transport error; the cause is recorded in [`AttemptState`].
#[derive(Debug, thiserror::Error)]
#[error("the transport failed")]
pub struct TransportError;

fn transport_error(state: &AttemptState, error: h2::Error) -> TransportError {
    state.lock().transport_error.get_or_insert(error);
    TransportError
}

/// A response's body, as an HTTP body for tonic.
pub struct ResponseBody {
    stream: h2::RecvStream,
    /// Whether DATA may follow; then come the trailers.
    data: bool,
    state: Arc<AttemptState>,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        if self.data {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(bytes)) => {
                    // An error means that the stream has ended, which the next poll returns.
                    let _ = self.stream.flow_control().release_capacity(bytes.len());
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(transport_error(&self.state, error))));
                }
                None => self.data = false,
            }
        }
        Poll::Ready(match ready!(self.stream.poll_trailers(cx)) {
            Ok(Some(mut trailers)) => {
                self.state.lock().has_status |= take_status(&mut trailers);
                Some(Ok(Frame::trailers(trailers)))
            }
            Ok(None) => None,
            Err(error) => Some(Err(transport_error(&self.state, error))),
        })
    }
}

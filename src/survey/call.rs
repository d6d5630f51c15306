//! One gRPC call over one connection, through the generated client.
//!
//! There is no channel and no connection task: the HTTP/2 connection and the call are two state machines that one
//! task polls in turn, and both are dropped when it ends. The connection is closed without a GOAWAY.
//!
//! A survey's cost is its system calls, so the client writes as rarely as it can:
//!
//! ```text
//! client                                            server
//!   preface SETTINGS HEADERS DATA  ────────────────►        one write: the stream is corked until the call
//!                                                           has produced all of them
//!                  ◄────────────  SETTINGS HEADERS DATA HEADERS(trailers)
//!   SETTINGS(ACK) WINDOW_UPDATE …                           corked again: if the answer is complete within
//!                                                           ACK_DELAY, the connection closes without them
//! ```
//!
//! A server may wait for the acknowledgements before it answers; it gets them after `ACK_DELAY`.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use tokio::{
    io::AsyncWrite as _,
    time::{Instant, timeout},
};
use tonic::{Code, Status, client::GrpcService};

use crate::{
    pb::{GetProfileRequest, GetProfileResponse, profile_client::ProfileClient},
    survey::{attempt_state::AttemptState, outcome::AttemptPhase, sniffed_stream::SniffedStream},
    untrusted::Untrusted,
};

/// Largest message that is decoded. A profile has at most 60 bytes; the rest is for fields of later versions.
const MAX_MESSAGE: usize = 4 * 1024;

/// Largest header list, as HTTP/2 counts it.
const MAX_HEADERS: u32 = 8 * 1024;

/// How long acknowledgements of the peer's frames are held back, because a complete answer makes them needless. Long
/// enough for any answer of a healthy server, and far below any server's timeout for an acknowledgement.
const ACK_DELAY: Duration = Duration::from_millis(100);

/// Calls `lab.Profile/GetProfile` on a peer that is expected to speak HTTP/2.
///
/// # Errors
/// A status. It is the peer's if `has_status` is set in `state`. Otherwise the cause is in `state` or in the summary of
/// `stream`, and the status has no meaning.
pub(crate) async fn get_profile(
    stream: &SniffedStream,
    origin: Uri,
    deadline: Instant,
    state: &Arc<AttemptState>,
) -> Result<GetProfileResponse, Status> {
    let mut h2 = h2::client::Builder::new();
    h2.initial_window_size(64 * 1024)
        .max_header_list_size(MAX_HEADERS)
        .enable_push(false);
    let failed_handshake = |error: h2::Error| {
        state.lock().transport_error = Some(error);
        Status::new(Code::Unknown, "")
    };
    let (streams, connection) = h2.handshake(stream).await.map_err(failed_handshake)?;
    let transport = H2Transport {
        streams,
        state: Arc::clone(state),
    };

    let mut request = tonic::Request::new(GetProfileRequest {});
    request.set_timeout(deadline.saturating_duration_since(Instant::now()));
    let mut client = ProfileClient::with_origin(transport, origin)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);

    let mut connection = pin!(connection);
    let mut call = pin!(async { Ok(client.get_profile(request).await?.into_inner()) });
    let mut open = true;
    let drive = pin!(poll_fn(|cx: &mut Context<'_>| {
        loop {
            if let Poll::Ready(result) = call.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            if !open {
                return Poll::Pending;
            }
            match connection.as_mut().poll(cx) {
                Poll::Ready(ended) => {
                    open = false;
                    if let Err(error) = ended {
                        state.lock().transport_error.get_or_insert(error);
                    }
                }
                // What the connection has read may complete the call without another wake-up.
                Poll::Pending => return call.as_mut().poll(cx),
            }
        }
    }));

    corked(stream, drive).await
}

/// Drives a call to its end: sends the request at once, and holds back what follows for [`ACK_DELAY`].
async fn corked<T>(stream: &SniffedStream, mut call: Pin<&mut impl Future<Output = T>>) -> T {
    // Until here everything was kept: the first poll writes the rest of the request and sends it all.
    stream.uncork();
    let result = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
    if let Poll::Ready(result) = result {
        return result;
    }
    stream.cork();
    if let Ok(result) = timeout(ACK_DELAY, call.as_mut()).await {
        return result;
    }
    stream.uncork();
    let mut writer = stream;
    // A failed write shows when reading.
    let _ = poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await;
    call.await
}

/// The generated client's transport: one HTTP/2 connection, polled by [`get_profile`].
struct H2Transport {
    streams: h2::client::SendRequest<Bytes>,
    state: Arc<AttemptState>,
}

impl GrpcService<tonic::body::Body> for H2Transport {
    type ResponseBody = GrpcBody;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<GrpcBody>, TransportError>> + Send>>;

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
            Ok(response.map(|stream| GrpcBody {
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
struct TransportError;

fn transport_error(state: &AttemptState, error: h2::Error) -> TransportError {
    state.lock().transport_error.get_or_insert(error);
    TransportError
}

/// A response's body, as an HTTP body for tonic.
struct GrpcBody {
    stream: h2::RecvStream,
    /// Whether DATA may follow; then come the trailers.
    data: bool,
    state: Arc<AttemptState>,
}

impl Body for GrpcBody {
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

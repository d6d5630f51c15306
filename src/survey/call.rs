//! One gRPC call over one wire, through the generated client.
//!
//! There is no channel and no connection task: the HTTP/2 connection and the call are two state machines that
//! this task drives in turn, and both are gone when it ends. It gives up waiting for a polite GOAWAY.

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
    survey::{outcome::AttemptPhase, trace::Trace, wire::Wire},
    untrusted::Untrusted,
};

/// Largest message that is decoded. A profile has at most 60 bytes; the rest is for fields of later versions.
const MAX_MESSAGE: usize = 4 * 1024;

/// Largest header list, as HTTP/2 counts it.
const MAX_HEADERS: u32 = 8 * 1024;

/// How long acknowledgements of the peer's frames may wait for the answer to make them needless. Long enough
/// for any answer of a healthy server, far below what any server waits for an acknowledgement.
const HOLD: Duration = Duration::from_millis(100);

/// Calls `lab.Profile/GetProfile` on a peer that is expected to speak HTTP/2.
///
/// # Errors
/// A status, which is the peer's own if `trace` says so. Whatever else went wrong stands in `trace` and in
/// what `wire` has seen; the status is then without meaning.
pub(crate) async fn get_profile(
    wire: &Wire,
    origin: Uri,
    deadline: Instant,
    trace: &Arc<Trace>,
) -> Result<GetProfileResponse, Status> {
    let mut h2 = h2::client::Builder::new();
    h2.initial_window_size(64 * 1024)
        .max_header_list_size(MAX_HEADERS)
        .enable_push(false);
    let broken = |error: h2::Error| {
        trace.notes().broken = Some(error);
        Status::new(Code::Unknown, "")
    };
    let (streams, connection) = h2.handshake(wire).await.map_err(broken)?;
    let transport = Transport {
        streams,
        trace: Arc::clone(trace),
    };

    let mut request = tonic::Request::new(GetProfileRequest {});
    request.set_timeout(deadline.saturating_duration_since(Instant::now()));
    let mut client = ProfileClient::with_origin(transport, origin)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);

    let mut connection = pin!(connection);
    let mut call = pin!(async { Ok(client.get_profile(request).await?.into_inner()) });
    let mut open = true;
    let mut drive = pin!(poll_fn(|cx: &mut Context<'_>| {
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
                        trace.notes().broken.get_or_insert(error);
                    }
                }
                // What the connection has read may have completed the call, without another wake-up.
                Poll::Pending => return call.as_mut().poll(cx),
            }
        }
    }));

    // The preface, SETTINGS, HEADERS and DATA leave together, once the call has written them all.
    wire.set_sending(true);
    let result = poll_fn(|cx| Poll::Ready(drive.as_mut().poll(cx))).await;
    if let Poll::Ready(result) = result {
        return result;
    }
    wire.set_sending(false);
    if let Ok(result) = timeout(HOLD, drive.as_mut()).await {
        return result;
    }
    wire.set_sending(true);
    let mut out = wire;
    // An error of writing shows when reading.
    let _ = poll_fn(|cx| Pin::new(&mut out).poll_flush(cx)).await;
    drive.await
}

/// The generated client's transport: one HTTP/2 connection, driven elsewhere.
struct Transport {
    streams: h2::client::SendRequest<Bytes>,
    trace: Arc<Trace>,
}

impl GrpcService<tonic::body::Body> for Transport {
    type ResponseBody = ResponseBody;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Failed>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        let ready = ready!(self.streams.poll_ready(cx));
        Poll::Ready(ready.map_err(|error| failed(&self.trace, error)))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let mut streams = self.streams.clone();
        let trace = Arc::clone(&self.trace);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| Failed)?.to_bytes();
            let (response, mut sending) = streams
                .send_request(Request::from_parts(head, ()), false)
                .map_err(|error| failed(&trace, error))?;
            sending
                .send_data(body, true)
                .map_err(|error| failed(&trace, error))?;

            let mut response = response.await.map_err(|error| failed(&trace, error))?;
            let mut notes = trace.notes();
            notes.phase = AttemptPhase::Body;
            if let Some(other) = not_grpc(&response) {
                notes.not_grpc = Some(other);
                return Err(Failed);
            }
            notes.status |= take_status(response.headers_mut());
            if !notes.status && !response.body().is_end_stream() {
                // Only a response without a body has its status here. In one with a body, tonic would take this
                // OK for the last word and not read the status in the trailers.
                response.headers_mut().remove(Status::GRPC_STATUS);
            }
            drop(notes);
            Ok(response.map(|stream| ResponseBody {
                stream,
                data: true,
                trace,
            }))
        })
    }
}

/// What a response is that is no gRPC response.
fn not_grpc<B>(response: &Response<B>) -> Option<Untrusted> {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.map(|kind| kind.as_bytes()).unwrap_or_default();
    // `application/grpc-web` begins alike and is another protocol.
    let grpc = kind
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')));
    let status = response.status();
    (!grpc || status != http::StatusCode::OK).then(|| {
        let kind = String::from_utf8_lossy(kind);
        Untrusted::new(&format!("HTTP/2 {}, {kind}", status.as_u16()))
    })
}

/// Looks for the peer's own status among headers or trailers.
fn take_status(headers: &mut HeaderMap) -> bool {
    // tonic panics if this is not base64, and nothing here reads it.
    headers.remove(Status::GRPC_STATUS_DETAILS);
    headers
        .get(Status::GRPC_STATUS)
        .is_some_and(|status| status != "0")
}

/// The transport failed; why stands in the trace.
#[derive(Debug)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the transport failed")
    }
}

impl std::error::Error for Failed {}

fn failed(trace: &Trace, error: h2::Error) -> Failed {
    trace.notes().broken.get_or_insert(error);
    Failed
}

/// A response's body as tonic wants it.
struct ResponseBody {
    stream: h2::RecvStream,
    /// Whether DATA may follow; then come the trailers.
    data: bool,
    trace: Arc<Trace>,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        if self.data {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(bytes)) => {
                    // An error here means that the stream is gone, which the next poll says.
                    let _ = self.stream.flow_control().release_capacity(bytes.len());
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(failed(&self.trace, error))));
                }
                None => self.data = false,
            }
        }
        Poll::Ready(match ready!(self.stream.poll_trailers(cx)) {
            Ok(Some(mut trailers)) => {
                self.trace.notes().status |= take_status(&mut trailers);
                Some(Ok(Frame::trailers(trailers)))
            }
            Ok(None) => None,
            Err(error) => Some(Err(failed(&self.trace, error))),
        })
    }
}

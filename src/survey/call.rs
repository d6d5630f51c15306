//! One gRPC call over one connection, over the client that the question brings.
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
//! A server may wait for the acknowledgements before it answers; it gets them after `ACK_DELAY`. With a large message
//! it needs them at once.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use tokio::{
    io::AsyncWrite as _,
    time::{Instant, timeout},
};
use tonic::{Code, Status};

use crate::survey::{
    attempt_state::AttemptState,
    message_memory::WINDOW,
    question::{InvalidAnswer, Question},
    sniffed_stream::SniffedStream,
    transport::CallTransport,
};

/// Largest header list, as HTTP/2 counts it.
const MAX_HEADERS: u32 = 8 * 1024;

/// How long acknowledgements of the peer's frames are held back, because a complete answer makes them needless. Long
/// enough for any answer of a healthy server, and far below any server's timeout for an acknowledgement.
const ACK_DELAY: Duration = Duration::from_millis(100);

/// Makes the call of a question to a peer that is expected to speak HTTP/2.
///
/// # Errors
/// A status. It is the peer's if `has_status` is set in `state`. Otherwise the cause is in `state` or in the summary of
/// `stream`, and the status has no meaning.
pub(crate) async fn call<Q: Question>(
    question: &Q,
    stream: &SniffedStream,
    origin: Uri,
    deadline: Instant,
    state: &Arc<AttemptState>,
) -> Result<Result<Q::Answer, InvalidAnswer>, Status> {
    let mut h2 = h2::client::Builder::new();
    h2.initial_window_size(WINDOW as u32)
        .max_header_list_size(MAX_HEADERS)
        .enable_push(false);
    let failed_handshake = |error: h2::Error| {
        state.lock().transport_error = Some(error);
        Status::new(Code::Unknown, "")
    };
    let (streams, connection) = h2.handshake(stream).await.map_err(failed_handshake)?;
    let transport = CallTransport::new(streams, Arc::clone(state), question.max_message());

    let timeout = deadline.saturating_duration_since(Instant::now());
    let mut connection = pin!(connection);
    let mut call = pin!(question.call(transport, origin, timeout));
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

    corked(stream, state, drive).await
}

/// Drives a call to its end: sends the request at once, and holds back what follows for [`ACK_DELAY`], or until the peer
/// needs it.
async fn corked<T>(
    stream: &SniffedStream,
    state: &AttemptState,
    mut call: Pin<&mut impl Future<Output = T>>,
) -> T {
    // Until here everything was kept: the first poll writes the rest of the request and sends it all.
    stream.uncork();
    let result = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
    if let Poll::Ready(result) = result {
        return result;
    }
    stream.cork();
    let held_back = poll_fn(|cx| match call.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if state.needs_flush() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    if let Ok(Some(result)) = timeout(ACK_DELAY, held_back).await {
        return result;
    }
    stream.uncork();
    let mut writer = stream;
    // A failed write shows when reading.
    let _ = poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await;
    call.await
}

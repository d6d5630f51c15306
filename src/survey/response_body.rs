//! The body of a response: what is observed of it, and when its peer may send more.
//!
//! ```text
//!   DATA ─► held ──► the length of the message is known: small ────────────────► passed on as it comes
//!                └─► large: held until half a window has come ─► memory taken ─► passed on, with a limit on pauses
//! ```
//!
//! tonic reserves memory for the whole message as soon as it sees the prefix, so it sees the prefix of a large one
//! only when there is memory for it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use hyper::body::{Body, Frame};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep},
};
use tonic::Status;

use crate::{
    survey::{attempt_state::AttemptState, message_memory::WINDOW},
    untrusted::Untrusted,
};

/// The prefix of a gRPC message: a flag, and its length in big-endian order.
const PREFIX: usize = 5;

/// A response's body, as an HTTP body for tonic.
pub struct ResponseBody {
    stream: h2::RecvStream,
    max_message: usize,
    state: Arc<AttemptState>,
    stage: Stage,
    /// The first bytes of the message, up to its prefix, and how many they are.
    head: ([u8; PREFIX], usize),
    /// What came and is not passed on yet; its peer's window is not opened again.
    held: BytesMut,
    /// Whether DATA may follow; then come the trailers.
    data: bool,
}

/// How far the message is.
enum Stage {
    /// Its length is not known, or it is large and less than half a window has come.
    Held,
    /// It is large and waits for memory since then.
    Waiting(
        Instant,
        Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>,
    ),
    /// It is passed on as it comes; a large one with a limit on its pauses.
    Passed(Option<Pause>),
}

/// When a pause of the peer has lasted too long.
struct Pause {
    max: Duration,
    end: Pin<Box<Sleep>>,
    /// It has. If this process was busy, bytes have come that the connection has not read: it gets one more turn.
    is_over: bool,
}

impl Pause {
    fn new(max: Duration) -> Self {
        Self {
            max,
            end: Box::pin(sleep(max)),
            is_over: false,
        }
    }

    fn restart(&mut self) {
        self.end.as_mut().reset(Instant::now() + self.max);
        self.is_over = false;
    }
}

impl ResponseBody {
    pub(crate) fn new(
        stream: h2::RecvStream,
        max_message: usize,
        state: Arc<AttemptState>,
    ) -> Self {
        Self {
            stream,
            max_message,
            state,
            stage: Stage::Held,
            head: ([0; PREFIX], 0),
            held: BytesMut::new(),
            data: true,
        }
    }

    /// The next bytes for tonic; `None` at the end of the DATA.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        loop {
            let bytes = match self.stream.poll_data(cx) {
                Poll::Ready(Some(Ok(bytes))) => bytes,
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(transport_error(&self.state, error))));
                }
                Poll::Ready(None) => {
                    self.data = false;
                    let rest = self.held.split().freeze();
                    return Poll::Ready((!rest.is_empty()).then_some(Ok(rest)));
                }
                Poll::Pending => return self.poll_stage(cx).map(Some),
            };
            if self.has_more_than_a_message(&bytes) {
                let reason = "more than one message in the response of a unary method";
                self.state.lock().not_grpc = Some(Untrusted::new(reason));
                return Poll::Ready(Some(Err(TransportError)));
            }
            if let Some(bytes) = self.receive(bytes) {
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
    }

    /// Counts the next bytes. Whether so many follow the message that it is not the only one: tonic would read a second
    /// one into memory that nothing limits.
    fn has_more_than_a_message(&mut self, bytes: &[u8]) -> bool {
        let received = {
            let mut observed = self.state.lock();
            observed.message += bytes.len();
            observed.message
        };
        let (head, known) = &mut self.head;
        for (to, from) in head[*known..].iter_mut().zip(bytes) {
            *to = *from;
            *known += 1;
        }
        length(&head[..*known]).is_some_and(|length| {
            length <= self.max_message && received > PREFIX + length + 2 * WINDOW
        })
    }

    /// Takes the next bytes of the message, and returns what may be passed on.
    fn receive(&mut self, bytes: Bytes) -> Option<Bytes> {
        match &mut self.stage {
            Stage::Passed(pause) => {
                if let Some(pause) = pause {
                    pause.restart();
                }
                return Some(self.release(bytes));
            }
            Stage::Held if self.held.is_empty() && is_small(&bytes, self.max_message) => {
                self.stage = Stage::Passed(None);
                return Some(self.release(bytes));
            }
            Stage::Held | Stage::Waiting(..) => self.held.extend_from_slice(&bytes),
        }
        if is_small(&self.held, self.max_message) {
            self.stage = Stage::Passed(None);
            return Some(self.release_held());
        }
        if matches!(self.stage, Stage::Held) && self.held.len() >= WINDOW / 2 {
            let length = length(&self.held).unwrap_or_default();
            let memory = Arc::clone(&self.state.memory);
            self.stage = Stage::Waiting(Instant::now(), Box::pin(memory.take(length)));
            self.state.lock().lacks_memory = true;
        }
        None
    }

    /// What can be done while nothing comes.
    fn poll_stage(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        match &mut self.stage {
            Stage::Waiting(since, memory) => {
                let permit = ready!(memory.as_mut().poll(cx));
                let mut observed = self.state.lock();
                observed.lacks_memory = since.elapsed() > self.state.memory.max_pause;
                observed.permit = permit;
                drop(observed);
                self.state.set_needs_flush();
                self.stage = Stage::Passed(Some(Pause::new(self.state.memory.max_pause)));
                Poll::Ready(Ok(self.release_held()))
            }
            Stage::Passed(Some(pause)) => {
                while pause.end.as_mut().poll(cx).is_ready() {
                    // From here on the time is the peer's.
                    self.state.lock().lacks_memory = false;
                    if !std::mem::replace(&mut pause.is_over, true) {
                        cx.waker().wake_by_ref();
                        break;
                    }
                    if self.state.memory.is_short() {
                        self.state.lock().paused = true;
                        return Poll::Ready(Err(TransportError));
                    }
                    pause.restart();
                }
                Poll::Pending
            }
            Stage::Held | Stage::Passed(None) => Poll::Pending,
        }
    }

    /// Opens the peer's window again for bytes that are passed on.
    fn release(&mut self, bytes: Bytes) -> Bytes {
        // An error means that the stream has ended, which the next poll returns.
        let _ = self.stream.flow_control().release_capacity(bytes.len());
        bytes
    }

    fn release_held(&mut self) -> Bytes {
        let held = self.held.split().freeze();
        self.release(held)
    }
}

/// The length of the message that begins with these bytes, if they contain it.
fn length(start: &[u8]) -> Option<usize> {
    let [_, length @ ..] = start.first_chunk::<PREFIX>()?;
    Some(u32::from_be_bytes(*length) as usize)
}

/// Whether the message that begins with these bytes needs no memory of its own: tonic rejects one above the limit at
/// once.
fn is_small(start: &[u8], max_message: usize) -> bool {
    length(start).is_some_and(|length| length <= WINDOW || length > max_message)
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        if self.data
            && let Some(data) = ready!(self.poll_data(cx))
        {
            return Poll::Ready(Some(data.map(Frame::data)));
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

/// Whether headers or trailers have a status of the peer's other than OK.
pub(crate) fn take_status(headers: &mut HeaderMap) -> bool {
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

pub(crate) fn transport_error(state: &AttemptState, error: h2::Error) -> TransportError {
    state.lock().transport_error.get_or_insert(error);
    TransportError
}

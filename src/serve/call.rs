//! One gRPC call: its deadline, its place among the server's limits, and its entry in the books.

use std::{
    convert::Infallible,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Code, Status, body::Body};

use crate::serve::{
    Visit,
    bounded::Bounded,
    limiter::Resource,
    limits::YEAR,
    metrics::{Method, Refusal},
    slot::Slot,
};

/// What a shed caller is asked to wait before it tries again, in milliseconds.
const PUSHBACK_MS: HeaderValue = HeaderValue::from_static("1000");

/// One call's entry in the books: counted in when made, out when dropped, whatever happens in between.
pub(crate) struct Tally {
    visit: Arc<Visit>,
    activity: Arc<Activity>,
    method: Method,
    started: Instant,
    /// When the call must be answered.
    deadline: Instant,
    /// When it must be over; absent where it may last as long as the connection.
    ends: Option<Instant>,
    /// Taken as soon as the call has to wait.
    slot: Option<Slot>,
    // A caller that goes away leaves this value in place.
    code: Code,
}

impl Tally {
    pub(crate) fn begin(visit: &Arc<Visit>, activity: &Arc<Activity>, method: Method) -> Self {
        activity.running.fetch_add(1, Relaxed);
        visit.server.metrics.started(method);
        let started = Instant::now();
        Self {
            visit: Arc::clone(visit),
            activity: Arc::clone(activity),
            method,
            started,
            deadline: started,
            ends: None,
            slot: None,
            code: Code::Cancelled,
        }
    }

    fn is_stream(&self) -> bool {
        self.method.resource() != Resource::Call
    }

    /// Takes the slot that a call needs as soon as it has to wait, and leaves it to the task that polls the call as
    /// well. A call that is answered at once holds nothing, and to answer it costs no more than to shed it.
    fn wait(&mut self) -> bool {
        if self.slot.is_none() {
            self.slot = Slot::take(&self.visit, self.method.resource(), self.ends);
            match &self.slot {
                Some(slot) => *self.activity.slot() = Some(slot.clone()),
                None => self.visit.server.metrics.refusal(Refusal::Overload),
            }
        }
        self.slot.is_some()
    }

    /// Gives the call as much time as its caller `wanted` and the server allows.
    pub(crate) fn set_timeout(&mut self, wanted: Option<Duration>) {
        let limit = self.visit.server.config.limits.call;
        self.deadline = self.started + wanted.map_or(limit, |wanted| wanted.min(limit));
        self.ends = match self.method {
            // The limit is for its request only.
            Method::HealthWatch => wanted.map(|wanted| self.started + wanted.min(YEAR)),
            _ => Some(self.deadline),
        };
    }

    /// The requests of a stream, until the server gives it up. A service whose own task waits for the next request
    /// would otherwise wait for as long as the peer leaves the stream open.
    pub(crate) fn bounded(&self, request: Request<Incoming>) -> Request<Bounded> {
        let until = self.deadline + self.visit.server.config.limits.grace;
        request.map(|body| Bounded::new(body, until))
    }

    /// The call that is answered with `reply`.
    pub(crate) fn answer(self, reply: Reply) -> Call {
        Call::Running(Box::new(Running {
            reply,
            deadline: Deadline::At(self.deadline),
            tally: Some(self),
        }))
    }

    pub(crate) fn refuse(mut self, status: Status) -> Call {
        self.code = status.code();
        Call::Done(Some(status.into_http()))
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let now = Instant::now();
        let metrics = &self.visit.server.metrics;
        metrics.handled(self.method, self.code, now - self.started);
        self.activity.touch(now);
        self.activity.running.fetch_sub(1, Relaxed);
    }
}

pub(crate) type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The response to one request, under its deadline and with its panics caught.
pub(crate) enum Call {
    Done(Option<Response<Body>>),
    Running(Box<Running>),
    Other(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

pub(crate) struct Running {
    reply: Reply,
    tally: Option<Tally>,
    deadline: Deadline,
}

/// A timer that is set only once it is clear that the call must wait at all.
enum Deadline {
    At(Instant),
    Set(Pin<Box<Sleep>>),
}

impl Future for Call {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Done(response) => {
                let response = response
                    .take()
                    .expect("a future is not polled after it ended");
                Poll::Ready(Ok(response))
            }
            Self::Running(running) => running.poll(cx).map(Ok),
            Self::Other(response) => response.as_mut().poll(cx).map(Ok),
        }
    }
}

impl Running {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        // Before the handler sees the request: it may start a task and allocate buffers for each stream.
        if let Some(tally) = &mut self.tally
            && tally.is_stream()
            && !tally.wait()
        {
            return Poll::Ready(self.conclude(shed()));
        }
        // The handler is never polled again after a panic, so nothing sees what it left half done.
        let reply = catch_unwind(AssertUnwindSafe(|| self.reply.as_mut().poll(cx)));
        let response = match reply {
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Pending) => {
                if self.poll_deadline(cx).is_ready() {
                    expired().into_http()
                } else if self.tally.as_mut().is_some_and(Tally::wait) {
                    return Poll::Pending;
                } else {
                    shed()
                }
            }
            Err(_) => {
                if let Some(tally) = &self.tally {
                    tally.visit.server.metrics.panic();
                }
                Status::internal("the handler failed; the server's log says why").into_http()
            }
        };
        Poll::Ready(self.conclude(response))
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Deadline::At(at) = self.deadline {
            self.deadline = Deadline::Set(Box::pin(sleep_until(at)));
        }
        match &mut self.deadline {
            Deadline::Set(sleep) => sleep.as_mut().poll(cx),
            Deadline::At(_) => Poll::Pending,
        }
    }

    /// Books the response. That of a stream counts once its last message is out.
    fn conclude(&mut self, response: Response<Body>) -> Response<Body> {
        let Some(mut tally) = self.tally.take() else {
            return response;
        };
        let code = code(response.headers());
        if code.is_none() && tally.is_stream() {
            return response.map(|body| Body::new(Observed::new(body, tally)));
        }
        // The one message of a unary call is encoded without fail: its trailers will say OK.
        tally.code = code.unwrap_or(Code::Ok);
        response
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers
        .get(Status::GRPC_STATUS)
        .map(|value| Code::from_bytes(value.as_bytes()))
}

/// The messages of a streaming call, until its deadline. The end of the body closes the call's entry in the books,
/// but what it holds of the server's limits stays held until the last byte is sent or discarded: a peer that opens
/// one stream after another and takes no answer cannot make more bytes wait than its slots account for.
struct Observed {
    body: Body,
    tally: Tally,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Observed {
    fn new(body: Body, tally: Tally) -> Self {
        let deadline = tally.ends.map(|ends| Box::pin(sleep_until(ends)));
        Self {
            body,
            tally,
            deadline,
        }
    }

    /// The next frame of the body, or the trailers of a call whose deadline has passed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.deadline = None;
            self.body = Body::empty();
            let mut trailers = HeaderMap::new();
            let status = Status::deadline_exceeded("the deadline passed");
            return Poll::Ready(Some(
                status
                    .add_header(&mut trailers)
                    .map(|()| Frame::trailers(trailers)),
            ));
        }
        hyper::body::Body::poll_frame(Pin::new(&mut self.body), cx)
    }
}

impl hyper::body::Body for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let me = self.get_mut();
        let frame = me.poll(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(code) = frame.trailers_ref().and_then(code)
        {
            me.tally.code = code;
        }
        let slot = me.tally.slot.as_ref();
        frame.map_ok(|frame| {
            frame.map_data(|bytes| match slot {
                Some(slot) => Bytes::from_owner(Unsent::new(&bytes, slot)),
                None => bytes,
            })
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that the connection has not sent yet.
struct Unsent {
    bytes: Box<[u8]>,
    _slot: Slot,
}

impl Unsent {
    /// Copied, because the encoder's buffer may be twice as large as what is in it.
    fn new(bytes: &[u8], slot: &Slot) -> Self {
        Self {
            bytes: bytes.into(),
            _slot: slot.clone(),
        }
    }
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What one connection is doing: for its idle limit, and for the call that is being looked at.
pub(crate) struct Activity {
    pub(crate) born: Instant,
    running: AtomicUsize,
    /// When the last call began or ended, in milliseconds after `born`.
    last: AtomicU64,
    /// What that call has taken.
    slot: Mutex<Option<Slot>>,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self {
            born: Instant::now(),
            running: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            slot: Mutex::default(),
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Slot>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot that a call took when it was looked at for the first time.
    pub(crate) fn take_slot(&self) -> Option<Slot> {
        self.slot().take()
    }

    fn touch(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.born).as_millis();
        self.last
            .store(u64::try_from(millis).unwrap_or(u64::MAX), Relaxed);
    }

    /// When the connection will have been idle for `limit` if nothing happens until then.
    pub(crate) fn idle_at(&self, limit: Duration) -> Instant {
        let since = if self.running.load(Relaxed) > 0 {
            Instant::now()
        } else {
            self.born + Duration::from_millis(self.last.load(Relaxed))
        };
        since + limit
    }
}

/// The answer to a call that is one too many, with the time after which to try again (gRFC A6).
fn shed() -> Response<Body> {
    let status = Status::resource_exhausted("the server is answering too many calls");
    let mut response = status.into_http();
    let headers = response.headers_mut();
    headers.insert("grpc-retry-pushback-ms", PUSHBACK_MS);
    response
}

pub(crate) fn expired() -> Status {
    Status::deadline_exceeded("the deadline passed before the whole request had come")
}

/// The timeout that the caller sent: 1 to 8 digits and a unit (PROTOCOL-HTTP2.md, "Timeout").
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let parse = |text: &[u8]| {
        let (unit, digits) = text.split_last()?;
        if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number: u64 = str::from_utf8(digits).ok()?.parse().ok()?;
        Some(match unit {
            b'H' => Duration::from_secs(number * 3600),
            b'M' => Duration::from_secs(number * 60),
            b'S' => Duration::from_secs(number),
            b'm' => Duration::from_millis(number),
            b'u' => Duration::from_micros(number),
            b'n' => Duration::from_nanos(number),
            _ => return None,
        })
    };
    parse(value.as_bytes()).map(Some).ok_or_else(|| {
        Status::invalid_argument("grpc-timeout is not 1 to 8 digits and one of H M S m u n")
    })
}

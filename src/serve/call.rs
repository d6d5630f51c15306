//! One gRPC call: runs its handler until the deadline, and catches its panics.

use std::{
    convert::Infallible,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Response};
use tokio::time::{Sleep, sleep_until};
use tonic::{Code, Status, body::Body};

use crate::serve::{
    call_record::CallRecord,
    metered_body::{MeteredBody, status_code},
    services::Reply,
};

/// How long a rejected caller should wait before it retries, in milliseconds (gRFC A6).
const PUSHBACK_MS: HeaderValue = HeaderValue::from_static("1000");

const COMPLETED: &str = "a future is not polled after it has completed";

/// The response to one request.
pub(crate) enum Call {
    /// Rejected before any handler ran.
    Rejected(Option<Response<Body>>),
    Running(Box<RunningCall>),
    /// An HTTP request that is not gRPC.
    Http(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

pub(crate) struct RunningCall {
    reply: Reply,
    record: Option<CallRecord>,
    /// Set once the call is pending: most calls never are.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Call {
    /// A call that `reply` answers.
    pub(crate) fn new(record: CallRecord, reply: Reply) -> Self {
        Self::Running(Box::new(RunningCall {
            reply,
            record: Some(record),
            timer: None,
        }))
    }

    pub(crate) fn reject(mut record: CallRecord, status: Status) -> Self {
        record.code = status.code();
        Self::Rejected(Some(status.into_http()))
    }
}

impl Future for Call {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Rejected(response) => Poll::Ready(response.take().expect(COMPLETED)),
            Self::Running(running) => running.poll(cx),
            Self::Http(response) => response.as_mut().poll(cx),
        }
        .map(Ok)
    }
}

impl RunningCall {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        let record = self.record.as_mut().expect(COMPLETED);
        // Before the handler sees the request: it may start a task and allocate buffers for each stream.
        if record.is_streaming() && !record.acquire_slot() {
            return Poll::Ready(self.conclude(overloaded()));
        }
        // The handler is never polled again after a panic, so nothing sees its broken state.
        let reply = catch_unwind(AssertUnwindSafe(|| self.reply.as_mut().poll(cx)));
        let response = match reply {
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Pending) => {
                let deadline = record.response_deadline;
                let timer = self
                    .timer
                    .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if timer.as_mut().poll(cx).is_ready() {
                    expired().into_http()
                } else if record.acquire_slot() {
                    return Poll::Pending;
                } else {
                    overloaded()
                }
            }
            Err(_) => {
                record.context.server.metrics.count_panic();
                Status::internal("the handler failed; the server has logged the panic").into_http()
            }
        };
        Poll::Ready(self.conclude(response))
    }

    /// Records the status of a response; that of a stream comes with its end.
    fn conclude(&mut self, response: Response<Body>) -> Response<Body> {
        let mut record = self.record.take().expect(COMPLETED);
        let code = status_code(response.headers());
        if code.is_none() && record.is_streaming() {
            return response.map(|body| Body::new(MeteredBody::new(body, record)));
        }
        // Encoding the one message of a unary call cannot fail: the status in its trailers will be OK.
        record.code = code.unwrap_or(Code::Ok);
        response
    }
}

fn overloaded() -> Response<Body> {
    let status = Status::resource_exhausted("the server is answering too many calls");
    let mut response = status.into_http();
    let headers = response.headers_mut();
    headers.insert("grpc-retry-pushback-ms", PUSHBACK_MS);
    response
}

pub(crate) fn expired() -> Status {
    Status::deadline_exceeded("the deadline passed before the whole request had come")
}

/// Parses the caller's timeout: 1 to 8 digits and a unit (PROTOCOL-HTTP2.md, "Timeout").
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

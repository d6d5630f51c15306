//! From what was observed in an attempt to its outcome, and to whether the endpoint is asked again.
//!
//! Pure functions, and the only place of a survey where errors of the operating system, of TLS, of HTTP/2 and of gRPC
//! become outcomes; `connect` calls them for TCP and TLS. A retry needs more than an outcome: of two resets only the one
//! without any effect is retried.

use std::{io, time::Duration};

use h2::Reason;
use tonic::{Code, Status};

use crate::{
    survey::{
        attempt_state::Observations,
        mistakes::{message_error, tls_error},
        outcome::{AttemptPhase, Invalid, OtherProtocol, Outcome},
        sniffed_stream::{ReadEnd, ReadSummary},
    },
    untrusted::Untrusted,
};

/// How long a server asks a client to wait before a retry, in milliseconds. Anything but a number from 0 forbids
/// retries.
const PUSHBACK_HEADER: &str = "grpc-retry-pushback-ms";

/// A CANCELLED this close to our deadline is counted as our timeout.
const DEADLINE_SLACK: Duration = Duration::from_millis(100);

/// More bytes than the headers of an ordinary response have, with the frames around its message.
const OVERSIZED_HEADERS: usize = 4 * 1024;

/// Whether an endpoint is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// No: it answered, or another attempt would not change the outcome.
    No,
    /// The peer stated that it did not begin with the call. The only retry of a call that is not idempotent.
    Unprocessed,
    /// The attempt had no effect as far as is known, and the peer may recover soon; after this time if it gave one.
    Soon(Option<Duration>),
    /// No server is listening yet.
    WhenUp,
    /// Nothing came back: packets were lost, or the machine is off.
    AfterLoss,
    /// This machine was short of resources.
    WhenFree,
}

/// The outcome of an attempt, and whether the endpoint is asked again.
#[derive(Debug)]
pub(crate) struct Conclusion<A> {
    pub(crate) outcome: Outcome<A>,
    pub(crate) retry: Retry,
}

impl<A> From<Outcome<A>> for Conclusion<A> {
    /// Adds the retry that follows from the outcome alone.
    fn from(outcome: Outcome<A>) -> Self {
        let retry = match outcome {
            Outcome::Refused => Retry::WhenUp,
            Outcome::Unreachable | Outcome::Timeout(AttemptPhase::Connect) => Retry::AfterLoss,
            _ => Retry::No,
        };
        Self { outcome, retry }
    }
}

impl<A> Conclusion<A> {
    fn reset(retry: Retry) -> Self {
        Self {
            outcome: Outcome::Reset { json_began: false },
            retry,
        }
    }

    /// The same for a call that is not idempotent and may have been sent: a connection that ended, and even a server
    /// that is unavailable, can have executed it.
    pub(crate) fn not_idempotent(mut self) -> Self {
        if self.retry != Retry::Unprocessed {
            self.retry = Retry::No;
        }
        self
    }
}

/// A failure of `connect(2)`, caused by the peer, the network, or this machine.
pub(crate) fn connect_error<A>(error: &io::Error) -> Conclusion<A> {
    if is_exhausted(error) {
        return Conclusion {
            outcome: Outcome::LocalError {
                reason: Untrusted::new(&error.to_string()),
                exhausted: true,
            },
            retry: Retry::WhenFree,
        };
    }
    Conclusion::from(match error.kind() {
        // NotFound: the path of a Unix socket that does not exist.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Outcome::Refused,
        _ => io_error(error, AttemptPhase::Connect),
    })
}

/// Whether this machine is short of descriptors, ports or memory for sockets.
fn is_exhausted(error: &io::Error) -> bool {
    // These have no stable `ErrorKind`.
    #[cfg(unix)]
    const NUMBERS: [i32; 3] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS];
    // WSAEMFILE and WSAENOBUFS.
    #[cfg(not(unix))]
    const NUMBERS: [i32; 2] = [10024, 10055];
    let by_number = |number| NUMBERS.contains(&number);
    let by_kind = matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory | io::ErrorKind::WouldBlock
    );
    by_kind || error.raw_os_error().is_some_and(by_number)
}

/// An error of an established connection, or of a TLS handshake, while the attempt waited for `phase`.
pub(crate) fn io_error<A>(error: &io::Error, phase: AttemptPhase) -> Outcome<A> {
    use io::ErrorKind as Kind;
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some::<&rustls::Error>(tls) = tls {
        return Outcome::Tls(Untrusted::new(&tls_error(tls)));
    }
    match error.kind() {
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::NotConnected
        | Kind::UnexpectedEof => Outcome::Reset { json_began: false },
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
            Outcome::Unreachable
        }
        Kind::TimedOut => Outcome::Timeout(phase),
        _ => Outcome::LocalError {
            reason: Untrusted::new(&error.to_string()),
            exhausted: false,
        },
    }
}

/// A connection that ended before the answer did.
pub(crate) fn early_end<A>(summary: &ReadSummary, phase: AttemptPhase) -> Conclusion<A> {
    let outcome = match &summary.end {
        Some(ReadEnd::LimitReached) => Outcome::TooLarge(None),
        Some(ReadEnd::Failed(error)) => io_error(error, phase),
        // None: HTTP/2 failed without an error code while the connection could still be read.
        Some(ReadEnd::Closed) | None => Outcome::Reset { json_began: false },
    };
    match outcome {
        Outcome::Reset { .. } if summary.received == 0 => Conclusion::reset(Retry::Soon(None)),
        outcome => outcome.into(),
    }
}

/// An HTTP/2 call that returned no message. Four sources can know why, in this order: the response head, the peer's
/// status, the counted stream, and h2. Only if none of them does, tonic's own status is used.
pub(crate) fn failed_call<A>(
    status: &Status,
    observed: &mut Observations,
    summary: &ReadSummary,
    time_left: Duration,
) -> Conclusion<A> {
    if observed.paused {
        return Outcome::Timeout(observed.phase).into();
    }
    // A server's timer for the deadline that it was sent may expire before ours.
    let near_deadline = time_left < DEADLINE_SLACK;
    if near_deadline && observed.lacks_memory {
        return memory_timeout();
    }
    if let Some(response) = observed.not_grpc.take() {
        return Outcome::NotGrpc(OtherProtocol::Other, response).into();
    }
    if observed.has_status {
        let expired = matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded);
        return match near_deadline && expired {
            true => Outcome::Timeout(AttemptPhase::Headers).into(),
            false => grpc_status(status),
        };
    }
    if let Some(ReadEnd::LimitReached) = summary.end {
        return Outcome::TooLarge(None).into();
    }
    match observed.transport_error.take() {
        Some(error)
            if near_deadline && error.is_remote() && error.reason() == Some(Reason::CANCEL) =>
        {
            Outcome::Timeout(observed.phase).into()
        }
        Some(error) => h2_error(&error, observed, summary),
        // tonic's code for a message above the limit.
        None if status.code() == Code::OutOfRange => Outcome::TooLarge(None).into(),
        None => {
            let mistake = message_error(status.message());
            Outcome::Invalid(Invalid::Message(Untrusted::new(mistake))).into()
        }
    }
}

/// An attempt whose deadline has passed.
pub(crate) fn timeout<A>(observed: &Observations) -> Conclusion<A> {
    match observed.lacks_memory {
        true => memory_timeout(),
        false => Outcome::Timeout(observed.phase).into(),
    }
}

/// The peer began with a large message, and this machine did not take it in time.
fn memory_timeout<A>() -> Conclusion<A> {
    let reason = "the large answers under way fill the memory that they may take";
    Conclusion {
        outcome: Outcome::LocalError {
            reason: Untrusted::new(reason),
            exhausted: true,
        },
        retry: Retry::WhenFree,
    }
}

/// A status that the peer sent.
fn grpc_status<A>(status: &Status) -> Conclusion<A> {
    let pushback = status.metadata().get(PUSHBACK_HEADER).map(|value| {
        let text = value.to_str().unwrap_or_default();
        text.parse().map(Duration::from_millis)
    });
    let retry = match (status.code(), pushback) {
        // The one code which means that the call had no effect.
        (Code::Unavailable, None) => Retry::Soon(None),
        // A server that sheds load and gives a time allows a retry.
        (Code::Unavailable | Code::ResourceExhausted, Some(Ok(after))) => Retry::Soon(Some(after)),
        _ => Retry::No,
    };
    let outcome = Outcome::Status {
        code: status.code(),
        message: Untrusted::new(status.message()),
    };
    Conclusion { outcome, retry }
}

/// An HTTP/2 stream or connection that failed.
fn h2_error<A>(error: &h2::Error, observed: &Observations, summary: &ReadSummary) -> Conclusion<A> {
    let Some(reason) = error.reason() else {
        return early_end(summary, observed.phase);
    };
    let remote = error.is_remote();
    let outcome = match reason {
        // With these the server states that it did not begin with the call.
        Reason::REFUSED_STREAM if remote && observed.phase != AttemptPhase::Body => {
            return Conclusion::reset(Retry::Unprocessed);
        }
        Reason::NO_ERROR
            if remote && error.is_go_away() && observed.phase != AttemptPhase::Body =>
        {
            return Conclusion::reset(Retry::Unprocessed);
        }
        _ if remote => Outcome::Reset { json_began: false },
        // h2's codes for a header list, or a flood, above its limits.
        Reason::REFUSED_STREAM | Reason::ENHANCE_YOUR_CALM if error.is_library() => {
            Outcome::TooLarge(None)
        }
        // h2 uses one code for a header list above the limit and for a malformed one; the size decides.
        Reason::PROTOCOL_ERROR
            if error.is_reset() && summary.received - observed.message > OVERSIZED_HEADERS =>
        {
            Outcome::TooLarge(None)
        }
        reason => {
            let reason = Untrusted::new(&format!("HTTP/2 with a {reason:?}"));
            Outcome::NotGrpc(OtherProtocol::Other, reason)
        }
    };
    outcome.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::survey::{attempt_state::AttemptState, message_memory::MessageMemory};
    use Retry::{AfterLoss, No, Soon, WhenFree, WhenUp};

    fn assert_concludes(conclusion: &Conclusion<()>, outcome: &str, retry: Retry) {
        assert_eq!(conclusion.outcome.name(), outcome, "{conclusion:?}");
        assert_eq!(conclusion.retry, retry, "{conclusion:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn connect_errors_are_classified_by_kind_and_number() {
        #[rustfmt::skip]
        let cases = [
            (libc::ECONNREFUSED, "refused", WhenUp),
            (libc::EHOSTUNREACH, "unreachable", AfterLoss),
            (libc::ENETUNREACH, "unreachable", AfterLoss),
            (libc::ENETDOWN, "unreachable", AfterLoss),
            (libc::ETIMEDOUT, "timeout", AfterLoss),
            (libc::ECONNRESET, "reset", No),
            (libc::EMFILE, "local", WhenFree),
            (libc::ENFILE, "local", WhenFree),
            (libc::ENOBUFS, "local", WhenFree),
            (libc::EADDRNOTAVAIL, "local", WhenFree),
            (libc::ENOMEM, "local", WhenFree),
            (libc::EAGAIN, "local", WhenFree),
            (libc::EACCES, "local", No),
        ];
        for (number, outcome, retry) in cases {
            let error = io::Error::from_raw_os_error(number);
            assert_concludes(&connect_error(&error), outcome, retry);
        }
    }

    fn summary(end: Option<ReadEnd>, received: usize) -> ReadSummary {
        ReadSummary {
            detected: None,
            excerpt: Untrusted::new(""),
            received,
            end,
        }
    }

    #[test]
    fn early_ends_are_classified_by_reason_and_bytes_received() {
        let failed = |kind: io::ErrorKind| Some(ReadEnd::Failed(kind.into()));
        let tls = rustls::Error::HandshakeNotComplete;
        let tls = io::Error::new(io::ErrorKind::InvalidData, tls);
        #[rustfmt::skip]
        let cases = [
            (Some(ReadEnd::Closed), 0, "reset", Soon(None)),
            (Some(ReadEnd::Closed), 1, "reset", No),
            (failed(io::ErrorKind::ConnectionReset), 0, "reset", Soon(None)),
            (failed(io::ErrorKind::TimedOut), 0, "timeout", No),
            (Some(ReadEnd::Failed(tls)), 0, "tls", No),
            (Some(ReadEnd::LimitReached), 99, "too_large", No),
            (None, 99, "reset", No),
        ];
        for (end, received, outcome, retry) in cases {
            let summary = summary(end, received);
            assert_concludes(&early_end(&summary, AttemptPhase::Body), outcome, retry);
        }
    }

    #[test]
    fn failed_calls_are_classified_by_status_and_transport_error() {
        let status = |code| Some(Status::new(code, ""));
        let pushback = |code, value: &'static str| {
            let mut status = Status::new(code, "");
            let value = value.parse().unwrap();
            status.metadata_mut().insert(PUSHBACK_HEADER, value);
            Some(status)
        };
        let after = |ms| Soon(Some(Duration::from_millis(ms)));
        // The peer's status, h2's error and the milliseconds left until the deadline; outcome and retry.
        #[rustfmt::skip]
        let cases = [
            (status(Code::Unavailable), None, 999, "status", Soon(None)),
            (pushback(Code::Unavailable, "7"), None, 999, "status", after(7)),
            (pushback(Code::ResourceExhausted, "7"), None, 999, "status", after(7)),
            (pushback(Code::Unavailable, "-1"), None, 999, "status", No),
            (status(Code::ResourceExhausted), None, 999, "status", No),
            (status(Code::Cancelled), None, 999, "status", No),
            (status(Code::Cancelled), None, 99, "timeout", No),
            (status(Code::Internal), None, 99, "status", No),
            (None, Some(Reason::PROTOCOL_ERROR), 999, "not_grpc", No),
            (None, None, 999, "invalid", No),
        ];
        for (status, reason, left, outcome, retry) in cases {
            let left = Duration::from_millis(left);
            let state = AttemptState::new(Arc::new(MessageMemory::new(left)));
            let mut observed = state.lock();
            observed.has_status = status.is_some();
            observed.transport_error = reason.map(h2::Error::from);
            let status = status.unwrap_or_else(|| Status::new(Code::Unknown, ""));
            let conclusion = failed_call(&status, &mut observed, &summary(None, 99), left);
            assert_concludes(&conclusion, outcome, retry);
        }
    }
}

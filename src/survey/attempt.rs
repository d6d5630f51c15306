//! One attempt on one endpoint: one connection, one deadline, one outcome.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use h2::Reason;
use http::{Uri, uri::Authority};
use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;
use tonic::{Code, Status};

use crate::{
    profile::Profile,
    survey::{
        call,
        config::{Config, Tls},
        connect::{self, Stream, during},
        endpoint::{Address, Endpoint},
        outcome::{AttemptPhase, Invalid, OtherProtocol, Outcome, PhaseTimes, Protocol},
        raw,
        trace::Trace,
        wire::{self, End, Opening, Seen, Wire},
    },
    untrusted::Untrusted,
};

/// A server's word on when to ask again, in milliseconds; anything but a number from 0 means never.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// How near to the deadline a server's "cancelled" is the deadline's doing.
const LATE: Duration = Duration::from_millis(100);

/// Bytes that no answer with a profile has, whatever else it carries.
const LARGE: usize = 4 * 1024;

/// What all attempts of a run share.
pub(crate) struct Client {
    connect_timeout: Duration,
    max_time: Duration,
    tls: Option<Tls>,
}

/// One of the lookups that the schedule hands out. Dropped when the resolver has returned, it is reported back.
pub(crate) struct Lookup(pub(crate) UnboundedSender<()>);

impl Drop for Lookup {
    fn drop(&mut self) {
        // The run may be over before its last lookup is.
        let _ = self.0.send(());
    }
}

/// What an attempt came to.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) outcome: Outcome,
    pub(crate) again: Again,
    pub(crate) phases: PhaseTimes,
}

impl Attempt {
    /// An attempt that panicked: a defect of this program or of a library, which costs one endpoint its answer
    /// and no other one anything.
    pub(crate) fn failed() -> Self {
        Self {
            outcome: Outcome::LocalError {
                reason: Untrusted::new("labrpc failed here; please report it"),
                exhausted: false,
            },
            again: Again::No,
            phases: PhaseTimes::default(),
        }
    }
}

/// Whether it makes sense to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// No: it was answered, or asking again would not change the answer.
    No,
    /// The attempt had no effect, and the peer may recover soon; after so long if it said so.
    Soon(Option<Duration>),
    /// No server is there yet.
    WhenUp,
    /// Nothing came back: packets were lost, or no machine is there.
    Lost,
    /// The attempt never left this machine.
    WhenFree,
}

impl Client {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            connect_timeout: config.connect_timeout,
            max_time: config.max_time,
            tls: config.tls.clone(),
        }
    }

    /// Asks an endpoint once. One with a name comes with the right to look it up.
    pub(crate) async fn attempt(&self, endpoint: &Endpoint, lookup: Option<Lookup>) -> Attempt {
        let trace = Arc::new(Trace::new());
        let (outcome, again) = self.resolve_and_ask(endpoint, lookup, &trace).await;
        let phases = trace.notes().phases;
        Attempt {
            outcome,
            again,
            phases,
        }
    }

    async fn resolve_and_ask(
        &self,
        endpoint: &Endpoint,
        lookup: Option<Lookup>,
        trace: &Arc<Trace>,
    ) -> (Outcome, Again) {
        let start = Instant::now();
        let deadline = start + self.max_time;
        let mut addresses = Vec::new();
        if let Address::Name(name, port) = &endpoint.address {
            match connect::resolve(name, *port, self.max_time, lookup).await {
                Ok(found) => addresses = found,
                Err(reason) => return conclude(Outcome::Dns(reason)),
            }
            trace.notes().phases.dns = Some(start.elapsed());
        }
        timeout_at(deadline, self.ask(endpoint, &addresses, deadline, trace))
            .await
            .unwrap_or_else(|_| conclude(Outcome::Timeout(trace.notes().phase)))
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        resolved: &[SocketAddr],
        deadline: Instant,
        trace: &Arc<Trace>,
    ) -> (Outcome, Again) {
        let stream = match self.connect(endpoint, resolved, trace).await {
            Ok(stream) => stream,
            Err(concluded) => return concluded,
        };
        let tls = self.tls.as_ref().filter(|_| !endpoint.raw);
        let start = Instant::now();
        trace.notes().phase = AttemptPhase::Headers;
        let wire = Wire::new(stream);
        let concluded = if endpoint.raw {
            read_raw(&wire, trace).await
        } else {
            let origin = origin(&endpoint.address, tls);
            call_or_raw(&wire, origin, deadline, trace).await
        };
        if let Outcome::Ok { .. } | Outcome::Status { .. } | Outcome::Invalid(_) = concluded.0 {
            trace.notes().phases.call = Some(start.elapsed());
        }
        concluded
    }

    /// Connects, with TLS where that is spoken.
    async fn connect(
        &self,
        endpoint: &Endpoint,
        resolved: &[SocketAddr],
        trace: &Trace,
    ) -> Result<Stream, (Outcome, Again)> {
        let start = Instant::now();
        let connecting = connect::connect(&endpoint.address, resolved, self.connect_timeout);
        let mut stream = match connecting.await {
            Ok(stream) => stream,
            Err(connect::Failure::Outcome(outcome)) => return Err(conclude(outcome)),
            Err(connect::Failure::Exhausted(error)) => {
                let outcome = Outcome::LocalError {
                    reason: Untrusted::new(&error.to_string()),
                    exhausted: true,
                };
                return Err((outcome, Again::WhenFree));
            }
        };
        trace.notes().phases.connect = Some(start.elapsed());

        if let Some(tls) = self.tls.as_ref().filter(|_| !endpoint.raw) {
            let start = Instant::now();
            trace.notes().phase = AttemptPhase::Tls;
            stream = match encrypt(stream, tls, &endpoint.address).await {
                Ok(stream) => stream,
                Err(outcome) => return Err(conclude(outcome)),
            };
            trace.notes().phases.tls = Some(start.elapsed());
        }
        Ok(stream)
    }

    /// Connects for a caller that makes calls of its own. Returns the scheme and authority of their URIs too.
    pub(crate) async fn connect_only(&self, endpoint: &Endpoint) -> Result<(Stream, Uri), Outcome> {
        let trace = Trace::new();
        let connecting = async {
            let mut resolved = Vec::new();
            if let Address::Name(name, port) = &endpoint.address {
                resolved = connect::resolve(name, *port, self.max_time, ())
                    .await
                    .map_err(Outcome::Dns)?;
            }
            self.connect(endpoint, &resolved, &trace)
                .await
                .map_err(|(outcome, _)| outcome)
        };
        let stream = match timeout(self.max_time, connecting).await {
            Ok(connected) => connected?,
            Err(_) => return Err(Outcome::Timeout(trace.notes().phase)),
        };
        Ok((stream, origin(&endpoint.address, self.tls.as_ref())))
    }
}

/// An outcome with the repetition that follows from it alone.
fn conclude(outcome: Outcome) -> (Outcome, Again) {
    let again = match outcome {
        Outcome::Refused => Again::WhenUp,
        Outcome::Unreachable | Outcome::Timeout(AttemptPhase::Connect) => Again::Lost,
        _ => Again::No,
    };
    (outcome, again)
}

fn ok(protocol: Protocol, profile: Profile) -> Outcome {
    Outcome::Ok { protocol, profile }
}

async fn encrypt(stream: Stream, tls: &Tls, address: &Address) -> Result<Stream, Outcome> {
    let host = match (&tls.authority, address) {
        (Some(authority), _) => authority.host().trim_matches(['[', ']']).to_owned(),
        (None, Address::Ip(ip, _)) => ip.to_string(),
        (None, Address::Name(name, _)) => name.to_string(),
        (None, Address::Unix(_)) => "localhost".to_owned(),
    };
    let refused = |text: &str| Outcome::Tls(Untrusted::new(text));
    let name = rustls::pki_types::ServerName::try_from(host)
        .map_err(|_| refused("the host is no name that a certificate can have"))?;
    match TlsConnector::from(Arc::clone(&tls.config))
        .connect(name, stream)
        .await
    {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(during(&error, AttemptPhase::Tls)),
    }
}

/// The scheme and authority of the call's URI.
fn origin(address: &Address, tls: Option<&Tls>) -> Uri {
    let authority = match (tls.and_then(|tls| tls.authority.clone()), address) {
        (Some(authority), _) => Some(authority),
        (None, Address::Ip(..) | Address::Name(..)) => address.to_string().parse().ok(),
        (None, Address::Unix(_)) => None,
    };
    Uri::builder()
        .scheme(if tls.is_some() { "https" } else { "http" })
        // A name that no URI can carry still has an address.
        .authority(authority.unwrap_or_else(|| Authority::from_static("localhost")))
        .path_and_query("/")
        .build()
        .unwrap_or_default()
}

async fn read_raw(wire: &Wire, trace: &Trace) -> (Outcome, Again) {
    let mut bytes = Vec::new();
    let outcome = match raw::read(wire, &mut bytes, trace).await {
        Ok(profile) => ok(Protocol::Raw, profile),
        Err(raw::Failure::Invalid(invalid)) => Outcome::Invalid(invalid),
        Err(raw::Failure::TooLarge) => Outcome::TooLarge,
        Err(raw::Failure::NotJson) => {
            Outcome::NotGrpc(wire::speaks(&bytes), Untrusted::from_bytes(&bytes))
        }
        Err(raw::Failure::Cut) => return ended(&wire.seen(), AttemptPhase::Body),
    };
    conclude(outcome)
}

async fn call_or_raw(
    wire: &Wire,
    origin: Uri,
    deadline: Instant,
    trace: &Arc<Trace>,
) -> (Outcome, Again) {
    let status = match call::get_profile(wire, origin, deadline, trace).await {
        Ok(response) => {
            return conclude(match Profile::try_from(response) {
                Ok(profile) => ok(Protocol::Grpc, profile),
                Err(error) => Outcome::Invalid(Invalid::Field(error)),
            });
        }
        Err(status) => status,
    };
    let seen = wire.seen();
    match &seen.opening {
        Some(Opening::Json) => return read_raw(wire, trace).await,
        Some(Opening::Other(speaks)) => {
            return conclude(Outcome::NotGrpc(*speaks, seen.excerpt));
        }
        Some(Opening::Http2) | None => {}
    }
    let late = || {
        let left = deadline.saturating_duration_since(Instant::now());
        left < LATE
    };
    let notes = &mut *trace.notes();
    let outcome = if let Some(other) = notes.not_grpc.take() {
        Outcome::NotGrpc(OtherProtocol::Other, other)
    } else if notes.status {
        // A server's own timer for the deadline that it was told may run out before this end's.
        if late() && matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) {
            Outcome::Timeout(AttemptPhase::Headers)
        } else {
            return refused(&status);
        }
    } else if let Some(End::Full) = seen.end {
        Outcome::TooLarge
    } else if let Some(broken) = notes.broken.take() {
        if broken.is_remote() && broken.reason() == Some(Reason::CANCEL) && late() {
            Outcome::Timeout(notes.phase)
        } else {
            return http2(&broken, &seen, notes.phase);
        }
    } else if status.code() == Code::OutOfRange {
        // tonic's word for a message above the limit.
        Outcome::TooLarge
    } else {
        Outcome::Invalid(Invalid::Message(Untrusted::new(status.message())))
    };
    conclude(outcome)
}

/// The outcome of a status that the peer sent.
fn refused(status: &Status) -> (Outcome, Again) {
    let pushback = status.metadata().get(PUSHBACK).map(|value| {
        let text = value.to_str().unwrap_or_default();
        text.parse().map(Duration::from_millis)
    });
    let again = match (status.code(), pushback) {
        // The one code that says that the call had no effect.
        (Code::Unavailable, None) => Again::Soon(None),
        // A server that sheds load and names a time wants to be asked again.
        (Code::Unavailable | Code::ResourceExhausted, Some(Ok(after))) => Again::Soon(Some(after)),
        _ => Again::No,
    };
    let outcome = Outcome::Status {
        code: status.code(),
        message: Untrusted::new(status.message()),
    };
    (outcome, again)
}

/// The outcome of an HTTP/2 stream or connection that failed.
fn http2(broken: &h2::Error, seen: &Seen, phase: AttemptPhase) -> (Outcome, Again) {
    match broken.reason() {
        // The server says that it did not begin with the call.
        Some(Reason::REFUSED_STREAM) if broken.is_remote() => (Outcome::Reset, Again::Soon(None)),
        Some(Reason::NO_ERROR) if broken.is_remote() && broken.is_go_away() => {
            (Outcome::Reset, Again::Soon(None))
        }
        Some(_) if broken.is_remote() => conclude(Outcome::Reset),
        // What h2 says of a header list, or of a flood, above the limits.
        Some(Reason::REFUSED_STREAM | Reason::ENHANCE_YOUR_CALM) if broken.is_library() => {
            conclude(Outcome::TooLarge)
        }
        // h2 has one word for a header list above the limit and for a malformed one; the size tells.
        Some(Reason::PROTOCOL_ERROR) if broken.is_reset() && seen.received > LARGE => {
            conclude(Outcome::TooLarge)
        }
        Some(reason) => {
            let reason = Untrusted::new(&format!("HTTP/2 with {reason}"));
            conclude(Outcome::NotGrpc(OtherProtocol::Other, reason))
        }
        None => ended(seen, phase),
    }
}

/// The outcome of a connection that ended before the answer did.
fn ended(seen: &Seen, phase: AttemptPhase) -> (Outcome, Again) {
    let outcome = match &seen.end {
        Some(End::Full) => Outcome::TooLarge,
        Some(End::Failed(error)) => during(error, phase),
        Some(End::Closed) | None => Outcome::Reset,
    };
    match outcome {
        Outcome::Reset if seen.received == 0 => (Outcome::Reset, Again::Soon(None)),
        outcome => conclude(outcome),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::*;

    /// A peer that has spoken and closed before it was asked: every write fails, and what it said is there.
    struct Deaf {
        said: Vec<u8>,
        /// Whether the request has had its chance to come first.
        waited: bool,
    }

    impl AsyncRead for Deaf {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if !std::mem::replace(&mut self.waited, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let count = self.said.len().min(buf.remaining());
            buf.put_slice(&self.said[..count]);
            self.said.drain(..count);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Deaf {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush(cx)
        }
    }

    async fn heard_from(said: Vec<u8>) -> Outcome {
        let wire = Wire::new(Box::new(Deaf {
            said,
            waited: false,
        }));
        let trace = Arc::new(Trace::new());
        let deadline = Instant::now() + Duration::from_secs(3600);
        let uri = Uri::from_static("http://localhost/");
        call_or_raw(&wire, uri, deadline, &trace).await.0
    }

    #[tokio::test]
    async fn what_a_peer_said_before_it_closed_is_heard() {
        let text = br#"{"id":"a","height":178,"weight":60,"size":"M"}"#;
        let marked = [b"\xef\xbb\xbf", &text[..]].concat();
        for (said, expected) in [
            (&text[..], "ok"),
            (&marked, "ok"),
            (b"SSH-2.0-x", "not_grpc"),
            (b"", "reset"),
        ] {
            assert_eq!(heard_from(said.to_vec()).await.name(), expected);
        }
    }

    /// Of a response with a body, gRPC takes the status from the trailers.
    #[tokio::test]
    async fn status_in_trailers_overrides_ok_in_headers() {
        const RESPONSE: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80\
            \0\0\x23\x01\x04\0\0\0\x01\x88\x0f\x10\x10application/grpc\
            \0\x0bgrpc-status\x010\
            \0\0\x1e\0\0\0\0\0\x01\0\0\0\0\x19\x0a\x03abc\x11\0\0\0\0\0\x40\x66\x40\
            \x19\0\0\0\0\0\0\x4e\x40\x20\x04\
            \0\0\x1f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x0214\0\x0cgrpc-message\0";
        let outcome = heard_from(RESPONSE.to_vec()).await;
        let Outcome::Status { code, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(code, Code::Unavailable);
    }

    /// Answers with bytes changed, lost and repeated: each comes to an outcome, and none to a panic.
    #[tokio::test]
    async fn no_damaged_answer_is_too_much() {
        const RESPONSE: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80\
            \0\0\x14\x01\x04\0\0\0\x01\x88\x0f\x10\x10application/grpc\
            \0\0\x1e\0\0\0\0\0\x01\0\0\0\0\x19\x0a\x03abc\x11\0\0\0\0\0\x40\x66\x40\
            \x19\0\0\0\0\0\0\x4e\x40\x20\x04\
            \0\0\x1e\x01\x05\0\0\0\x01\0\x0bgrpc-status\x010\0\x0cgrpc-message\0";
        const JSON: &[u8] = br#"{"id":"a","height":178,"weight":60.5,"size":"M"}"#;
        let mut rng = fastrand::Rng::with_seed(7);
        for sample in [RESPONSE, JSON] {
            assert_eq!(heard_from(sample.to_vec()).await.name(), "ok");
            for _ in 0..5_000 {
                let mut bytes = sample.to_vec();
                for _ in 0..rng.usize(1..4) {
                    let at = rng.usize(..bytes.len());
                    match rng.u8(..4) {
                        0 => bytes[at] = rng.u8(..),
                        1 => bytes[at] ^= 1 << rng.u8(..8),
                        2 => bytes.truncate(at + 1),
                        _ => bytes.extend_from_within(at..),
                    }
                }
                let outcome = heard_from(bytes).await;
                assert_ne!(outcome.name(), "local", "{outcome:?}");
            }
        }
    }
}

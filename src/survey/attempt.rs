//! One attempt on one endpoint: one connection, one deadline, one conclusion.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{Uri, uri::Authority};
use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    survey::{
        attempt_state::AttemptState,
        call,
        classify::{self, Conclusion, failed_call},
        config::{Config, Tls},
        connect::{self, encrypt},
        detect::Detected,
        endpoint::{Address, Endpoint},
        message_memory::MessageMemory,
        outcome::{AttemptPhase, OtherProtocol, Outcome, PhaseTimes, Protocol},
        question::Question,
        raw::read_raw,
        sniffed_stream::{ReadLimit, SniffedStream, Stream},
    },
    untrusted::Untrusted,
};

/// What all attempts of a run share.
pub(crate) struct Client {
    connect_timeout: Duration,
    max_time: Duration,
    tls: Option<Tls>,
    memory: Arc<MessageMemory>,
}

/// The permission to look up one name. It is returned to the schedule when the resolver has returned.
pub(crate) struct LookupPermit(pub(crate) UnboundedSender<()>);

impl Drop for LookupPermit {
    fn drop(&mut self) {
        // The run may be over before its last lookup is.
        let _ = self.0.send(());
    }
}

/// The result of an attempt.
#[derive(Debug)]
pub(crate) struct Attempt<A> {
    pub(crate) conclusion: Conclusion<A>,
    pub(crate) phases: PhaseTimes,
}

impl<A> Attempt<A> {
    /// An attempt that panicked, because of a defect of this program or of a library. It costs one endpoint its
    /// answer, and no other endpoint anything.
    pub(crate) fn panicked() -> Self {
        let outcome = Outcome::LocalError {
            reason: Untrusted::new("labrpc failed here; please report it"),
            exhausted: false,
        };
        Self {
            conclusion: outcome.into(),
            phases: PhaseTimes::default(),
        }
    }
}

impl Client {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            connect_timeout: config.connect_timeout,
            max_time: config.max_time,
            tls: config.tls.clone(),
            memory: Arc::new(MessageMemory::new(config.max_time)),
        }
    }

    /// Asks an endpoint once. One with a name comes with the permission to look it up.
    pub(crate) async fn attempt<Q: Question>(
        &self,
        question: &Q,
        endpoint: &Endpoint,
        permit: Option<LookupPermit>,
    ) -> Attempt<Q::Answer> {
        let state = Arc::new(AttemptState::new(Arc::clone(&self.memory)));
        let start = Instant::now();
        let deadline = start + self.max_time;
        let conclusion = match self.resolve(endpoint, permit).await {
            Err(outcome) => outcome.into(),
            Ok(resolved) => {
                if endpoint.address.is_name() {
                    state.lock().phases.dns = Some(start.elapsed());
                }
                timeout_at(
                    deadline,
                    self.ask(question, endpoint, &resolved, deadline, &state),
                )
                .await
                .unwrap_or_else(|_| late(question, &state))
            }
        };
        let phases = state.lock().phases;
        Attempt { conclusion, phases }
    }

    /// Looks up a name; other addresses need no lookup. The permit is held until the resolver returns.
    async fn resolve<A>(
        &self,
        endpoint: &Endpoint,
        permit: impl Send + 'static,
    ) -> Result<Vec<SocketAddr>, Outcome<A>> {
        match &endpoint.address {
            Address::Name(name, port) | Address::Dns(name, port) => {
                connect::resolve(name, *port, self.max_time, permit)
                    .await
                    .map_err(Outcome::Dns)
            }
            Address::Ip(..) | Address::Resolved(..) | Address::Unix(_) => Ok(Vec::new()),
        }
    }

    async fn ask<Q: Question>(
        &self,
        question: &Q,
        endpoint: &Endpoint,
        resolved: &[SocketAddr],
        deadline: Instant,
        state: &Arc<AttemptState>,
    ) -> Conclusion<Q::Answer> {
        let stream = match self.connect(endpoint, resolved, state).await {
            Ok(stream) => SniffedStream::new(stream, read_limit(question, state)),
            Err(conclusion) => return conclusion,
        };
        let start = Instant::now();
        state.lock().phase = AttemptPhase::Headers;
        let conclusion = if endpoint.raw {
            read_raw(question, &stream, state).await
        } else {
            let origin = origin(&endpoint.address, self.tls.as_ref());
            call_or_read_raw(question, &stream, origin, deadline, state).await
        };
        if let Outcome::Ok { .. } | Outcome::Status { .. } | Outcome::Invalid(_) =
            conclusion.outcome
        {
            state.lock().phases.call = Some(start.elapsed());
        }
        within_rule(question, conclusion)
    }

    /// Connects, with TLS if that is configured and the endpoint is not raw.
    async fn connect<A>(
        &self,
        endpoint: &Endpoint,
        resolved: &[SocketAddr],
        state: &AttemptState,
    ) -> Result<Stream, Conclusion<A>> {
        let start = Instant::now();
        let mut stream =
            connect::connect(&endpoint.address, resolved, self.connect_timeout).await?;
        state.lock().phases.connect = Some(start.elapsed());

        if let Some(tls) = self.tls.as_ref().filter(|_| !endpoint.raw) {
            let start = Instant::now();
            state.lock().phase = AttemptPhase::Tls;
            stream = encrypt(stream, tls, &endpoint.address).await?;
            state.lock().phases.tls = Some(start.elapsed());
        }
        Ok(stream)
    }

    /// Connects for a caller that makes calls of its own. Returns the scheme and authority of their URIs too.
    pub(crate) async fn connect_only<A>(
        &self,
        endpoint: &Endpoint,
    ) -> Result<(Stream, Uri), Outcome<A>> {
        let state = AttemptState::new(Arc::clone(&self.memory));
        let connecting = async {
            let resolved = self.resolve(endpoint, ()).await?;
            let connected = self.connect(endpoint, &resolved, &state).await;
            connected.map_err(|conclusion| conclusion.outcome)
        };
        let stream = match timeout(self.max_time, connecting).await {
            Ok(connected) => connected?,
            Err(_) => return Err(Outcome::Timeout(state.lock().phase)),
        };
        Ok((stream, origin(&endpoint.address, self.tls.as_ref())))
    }
}

/// The conclusion of an attempt whose deadline has passed.
fn late<Q: Question>(question: &Q, state: &AttemptState) -> Conclusion<Q::Answer> {
    let observed = state.lock();
    let conclusion = classify::timeout(&observed);
    match observed.phase {
        AttemptPhase::Connect | AttemptPhase::Tls => conclusion,
        AttemptPhase::Headers | AttemptPhase::Body => within_rule(question, conclusion),
    }
}

/// Applies the question's rule for retries to the conclusion of a call.
fn within_rule<Q: Question>(
    question: &Q,
    conclusion: Conclusion<Q::Answer>,
) -> Conclusion<Q::Answer> {
    match question.is_idempotent() {
        true => conclusion,
        false => conclusion.not_idempotent(),
    }
}

fn read_limit<Q: Question>(question: &Q, state: &Arc<AttemptState>) -> ReadLimit {
    ReadLimit {
        max_message: question.max_message(),
        state: Arc::clone(state),
    }
}

/// The scheme and authority of the call's URI.
fn origin(address: &Address, tls: Option<&Tls>) -> Uri {
    let authority = match (tls.and_then(|tls| tls.authority.clone()), address) {
        (Some(authority), _) => Some(authority),
        (None, Address::Ip(..) | Address::Name(..)) => address.to_string().parse().ok(),
        (None, Address::Resolved(name, _, port) | Address::Dns(name, port)) => {
            format!("{name}:{port}").parse().ok()
        }
        (None, Address::Unix(_)) => None,
    };
    Uri::builder()
        .scheme(if tls.is_some() { "https" } else { "http" })
        // A name that is invalid in a URI still has an address.
        .authority(authority.unwrap_or_else(|| Authority::from_static("localhost")))
        .path_and_query("/")
        .build()
        .unwrap_or_default()
}

/// Calls over gRPC. A peer that sends a JSON object instead is read in the raw protocol.
async fn call_or_read_raw<Q: Question>(
    question: &Q,
    stream: &SniffedStream,
    origin: Uri,
    deadline: Instant,
    state: &Arc<AttemptState>,
) -> Conclusion<Q::Answer> {
    let status = match call::call(question, stream, origin, deadline, state).await {
        Ok(Ok(answer)) => {
            let protocol = Protocol::Grpc;
            return Outcome::Ok { protocol, answer }.into();
        }
        Ok(Err(invalid)) => return Outcome::from(invalid).into(),
        Err(status) => status,
    };
    let summary = stream.summary();
    match summary.detected {
        Some(Detected::Json) if question.has_raw() => read_raw(question, stream, state).await,
        Some(Detected::Json) => Outcome::NotGrpc(OtherProtocol::Text, summary.excerpt).into(),
        Some(Detected::Other(protocol)) => Outcome::NotGrpc(protocol, summary.excerpt).into(),
        Some(Detected::Http2) | None => {
            let time_left = deadline.saturating_duration_since(Instant::now());
            failed_call(&status, &mut state.lock(), &summary, time_left)
        }
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
    use tonic::Code;

    use super::*;
    use crate::{profile::Profile, question::GetProfile};

    /// A peer that has sent its bytes and closed before the request: every write fails, and its bytes can be read.
    struct ClosedPeer {
        sent: Vec<u8>,
        /// Whether the client has had one poll to write its request.
        waited: bool,
    }

    impl AsyncRead for ClosedPeer {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if !std::mem::replace(&mut self.waited, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let count = self.sent.len().min(buf.remaining());
            buf.put_slice(&self.sent[..count]);
            self.sent.drain(..count);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for ClosedPeer {
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

    #[test]
    fn request_to_an_address_of_a_name_is_addressed_to_the_name() {
        for (endpoint, expected) in [
            ("svc.example@10.0.0.7:50051", "http://svc.example:50051/"),
            ("svc.example@[::1]:50051", "http://svc.example:50051/"),
            ("dns+svc.example:5", "http://svc.example:5/"),
            ("[::1]:5", "http://[::1]:5/"),
        ] {
            let address = endpoint.parse().unwrap();
            assert_eq!(origin(&address, None).to_string(), expected);
        }
    }

    async fn outcome_of(sent: Vec<u8>) -> Outcome<Profile> {
        let peer = ClosedPeer {
            sent,
            waited: false,
        };
        let memory = Arc::new(MessageMemory::new(Duration::from_secs(3600)));
        let state = Arc::new(AttemptState::new(memory));
        let stream = SniffedStream::new(Box::new(peer), read_limit(&GetProfile, &state));
        let deadline = Instant::now() + Duration::from_secs(3600);
        let uri = Uri::from_static("http://localhost/");
        let conclusion = call_or_read_raw(&GetProfile, &stream, uri, deadline, &state).await;
        conclusion.outcome
    }

    #[tokio::test]
    async fn bytes_sent_before_close_are_classified() {
        let text = br#"{"id":"a","height":178,"weight":60,"size":"M"}"#;
        let with_bom = [b"\xef\xbb\xbf", &text[..]].concat();
        for (sent, expected) in [
            (&text[..], "ok"),
            (&with_bom, "ok"),
            (b"SSH-2.0-x", "not_grpc"),
            (b"", "reset"),
        ] {
            assert_eq!(outcome_of(sent.to_vec()).await.name(), expected);
        }
    }

    /// The status of a response with a body is in its trailers.
    #[tokio::test]
    async fn status_in_trailers_overrides_ok_in_headers() {
        const RESPONSE: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80\
            \0\0\x23\x01\x04\0\0\0\x01\x88\x0f\x10\x10application/grpc\
            \0\x0bgrpc-status\x010\
            \0\0\x1e\0\0\0\0\0\x01\0\0\0\0\x19\x0a\x03abc\x11\0\0\0\0\0\x40\x66\x40\
            \x19\0\0\0\0\0\0\x4e\x40\x20\x04\
            \0\0\x1f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x0214\0\x0cgrpc-message\0";
        let outcome = outcome_of(RESPONSE.to_vec()).await;
        let Outcome::Status { code, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(code, Code::Unavailable);
    }

    /// Answers with bytes changed, lost and repeated: each has an outcome, none a panic.
    #[tokio::test]
    async fn damaged_answers_are_classified_without_a_panic() {
        const RESPONSE: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80\
            \0\0\x14\x01\x04\0\0\0\x01\x88\x0f\x10\x10application/grpc\
            \0\0\x1e\0\0\0\0\0\x01\0\0\0\0\x19\x0a\x03abc\x11\0\0\0\0\0\x40\x66\x40\
            \x19\0\0\0\0\0\0\x4e\x40\x20\x04\
            \0\0\x1e\x01\x05\0\0\0\x01\0\x0bgrpc-status\x010\0\x0cgrpc-message\0";
        const JSON: &[u8] = br#"{"id":"a","height":178,"weight":60.5,"size":"M"}"#;
        let mut rng = fastrand::Rng::with_seed(7);
        for sample in [RESPONSE, JSON] {
            assert_eq!(outcome_of(sample.to_vec()).await.name(), "ok");
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
                let outcome = outcome_of(bytes).await;
                assert_ne!(outcome.name(), "local", "{outcome:?}");
            }
        }
    }
}

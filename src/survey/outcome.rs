//! The closed set of outcomes of one endpoint, each with a detail and a hint.
//!
//! These types are made by the survey and read by every report. They hold what was observed. The hint gives the
//! usual cause and what to do, and is worded so that it is true in every case that it is shown for, whatever was asked.

use std::{borrow::Cow, time::Duration};

use serde::Deserialize;

use crate::{
    named::named,
    survey::status::{code_name, status_hint},
    untrusted::Untrusted,
};

/// The outcome of one input line, and how long it took.
#[derive(Clone, Debug)]
pub struct EndpointResult<A> {
    /// Its outcome.
    pub outcome: Outcome<A>,
    /// Connections tried; 0 for an endpoint that was not asked.
    pub attempts: u32,
    /// From the start of the first attempt to the end of the last.
    pub elapsed: Duration,
    /// The phases of the last attempt.
    pub phases: PhaseTimes,
}

impl<A> EndpointResult<A> {
    /// The result of an endpoint to which no connection was tried.
    #[must_use]
    pub fn without_attempt(outcome: Outcome<A>) -> Self {
        Self {
            outcome,
            attempts: 0,
            elapsed: Duration::ZERO,
            phases: PhaseTimes::default(),
        }
    }

    /// The same result with its answer converted.
    #[must_use]
    pub fn map<B>(self, convert: impl FnOnce(A) -> B) -> EndpointResult<B> {
        EndpointResult {
            outcome: self.outcome.map(convert),
            attempts: self.attempts,
            elapsed: self.elapsed,
            phases: self.phases,
        }
    }
}

/// How long each phase of an attempt took; `None` for one that was not entered or not completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseTimes {
    /// Name resolution.
    pub dns: Option<Duration>,
    /// The TCP handshake.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the first byte of the call to the last of its answer.
    pub call: Option<Duration>,
}

impl PhaseTimes {
    /// From the lookup of the name to the last byte of the answer; `None` if none came. Each phase counts to a
    /// microsecond, as saved runs have it.
    #[must_use]
    pub fn answer(&self) -> Option<Duration> {
        let before = [self.dns, self.connect, self.tls].into_iter().flatten();
        let phases = before.chain([self.call?]);
        let micros: f64 = phases
            .map(|phase| (phase.as_secs_f64() * 1e6).round())
            .sum();
        Some(Duration::from_micros(micros as u64))
    }
}

named! {
    /// In which protocol an answer came.
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Protocol {
        /// A gRPC response.
        Grpc => "grpc",
        /// One bare JSON object, as the original exercise's servers send.
        Raw => "raw",
    }
}

named! {
    /// What an attempt was waiting for when its timeout expired.
    #[expect(missing_docs, reason = "the names are the phases")]
    pub enum AttemptPhase {
        Connect => "connect",
        Tls => "tls",
        Headers => "headers",
        Body => "body",
    }
}

named! {
    /// What a peer speaks that is not gRPC.
    pub enum OtherProtocol {
        /// HTTP/1, by its status line.
        Http1 => "http1",
        /// TLS, by an alert or handshake record, where plaintext was asked.
        Tls => "tls",
        /// Printable text, such as a banner.
        Text => "text",
        /// Bytes that are none of these, or HTTP/2 that is not gRPC.
        Other => "other",
    }
}

/// Why an answer is not a valid one.
#[derive(Clone, Debug, PartialEq)]
pub enum Invalid {
    /// Fields are missing, of another type or out of range.
    Fields {
        /// What is wrong with each; a text that is printable.
        text: Box<str>,
        /// Whether one is missing.
        any_missing: bool,
    },
    /// The text of the raw protocol is not JSON.
    Json(Untrusted),
    /// The bytes are not a message of the expected type.
    Message(Untrusted),
}

/// The outcome of one endpoint. Every input line gets exactly one.
///
/// A new one is decided in `classify.rs` and needs a `detail`; `schema/run.schema.json` and docs/survey.md list them all.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<A> {
    /// A valid answer.
    Ok {
        /// The protocol it came in.
        protocol: Protocol,
        /// The answer itself.
        answer: A,
    },
    /// The name did not resolve; the resolver's reason.
    Dns(Untrusted),
    /// The machine answered that nothing listens on the port.
    Refused,
    /// The network reported that there is no route to the machine.
    Unreachable,
    /// The timeout of one attempt expired.
    Timeout(AttemptPhase),
    /// The peer ended the connection or the call before it had answered.
    Reset {
        /// Whether the beginning of a JSON object had come.
        json_began: bool,
    },
    /// The TLS handshake failed; the reason.
    Tls(Untrusted),
    /// The peer speaks another protocol; an excerpt of what it sent.
    NotGrpc(OtherProtocol, Untrusted),
    /// A gRPC status other than OK.
    Status {
        /// Its code.
        code: tonic::Code,
        /// Its message, from the peer.
        message: Untrusted,
    },
    /// The answer was larger than the question allows, or exceeds the limit that is named.
    TooLarge(Option<Cow<'static, str>>),
    /// An answer came in time and is not valid.
    Invalid(Invalid),
    /// The same endpoint stands on an earlier line and is asked there.
    DuplicateLine {
        /// That line, counted from 1.
        first: usize,
    },
    /// A valid answer with an id that another endpoint claims too. Only a report, which has all ids, finds it.
    DuplicateId {
        /// The protocol it came in.
        protocol: Protocol,
        /// The answer itself.
        answer: A,
        /// The id; a text that is printable.
        id: Box<str>,
    },
    /// The attempt failed on this machine, and the peer had no part in it.
    LocalError {
        /// The error of the operating system.
        reason: Untrusted,
        /// Whether the machine was short of descriptors, ports or memory.
        exhausted: bool,
    },
    /// The run ended before this endpoint had been asked to the end.
    Cancelled,
}

named! {
    /// An [`Outcome`] without its particulars, in the order in which reports list them.
    #[expect(missing_docs, reason = "they are explained at the outcomes")]
    pub enum OutcomeKind {
        Ok => "ok",
        DuplicateId => "duplicate_id",
        Invalid => "invalid",
        Status => "status",
        NotGrpc => "not_grpc",
        TooLarge => "too_large",
        Tls => "tls",
        Reset => "reset",
        Timeout => "timeout",
        Refused => "refused",
        Unreachable => "unreachable",
        Dns => "dns",
        LocalError => "local",
        Cancelled => "cancelled",
        DuplicateLine => "duplicate_line",
    }
}

impl OutcomeKind {
    /// Whether the endpoint answered, with data that can be used or not.
    #[must_use]
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Ok | Self::DuplicateId | Self::Invalid)
    }
}

impl<A> Outcome<A> {
    /// Which outcome it is.
    #[must_use]
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Ok { .. } => OutcomeKind::Ok,
            Self::Dns(_) => OutcomeKind::Dns,
            Self::Refused => OutcomeKind::Refused,
            Self::Unreachable => OutcomeKind::Unreachable,
            Self::Timeout(_) => OutcomeKind::Timeout,
            Self::Reset { .. } => OutcomeKind::Reset,
            Self::Tls(_) => OutcomeKind::Tls,
            Self::NotGrpc(..) => OutcomeKind::NotGrpc,
            Self::Status { .. } => OutcomeKind::Status,
            Self::TooLarge(_) => OutcomeKind::TooLarge,
            Self::Invalid(_) => OutcomeKind::Invalid,
            Self::DuplicateLine { .. } => OutcomeKind::DuplicateLine,
            Self::DuplicateId { .. } => OutcomeKind::DuplicateId,
            Self::LocalError { .. } => OutcomeKind::LocalError,
            Self::Cancelled => OutcomeKind::Cancelled,
        }
    }

    /// The outcome's name in machine-readable reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// The answer that came, whether or not its id is claimed twice.
    #[must_use]
    pub fn answer(&self) -> Option<(&A, Protocol)> {
        match self {
            Self::Ok { protocol, answer }
            | Self::DuplicateId {
                protocol, answer, ..
            } => Some((answer, *protocol)),
            _ => None,
        }
    }

    /// The same outcome with its answer converted.
    #[must_use]
    pub fn map<B>(self, convert: impl FnOnce(A) -> B) -> Outcome<B> {
        match self {
            Self::Ok { protocol, answer } => Outcome::Ok {
                protocol,
                answer: convert(answer),
            },
            Self::DuplicateId {
                protocol,
                answer,
                id,
            } => Outcome::DuplicateId {
                protocol,
                answer: convert(answer),
                id,
            },
            Self::Dns(text) => Outcome::Dns(text),
            Self::Refused => Outcome::Refused,
            Self::Unreachable => Outcome::Unreachable,
            Self::Timeout(phase) => Outcome::Timeout(phase),
            Self::Reset { json_began } => Outcome::Reset { json_began },
            Self::Tls(text) => Outcome::Tls(text),
            Self::NotGrpc(protocol, excerpt) => Outcome::NotGrpc(protocol, excerpt),
            Self::Status { code, message } => Outcome::Status { code, message },
            Self::TooLarge(limit) => Outcome::TooLarge(limit),
            Self::Invalid(invalid) => Outcome::Invalid(invalid),
            Self::DuplicateLine { first } => Outcome::DuplicateLine { first },
            Self::LocalError { reason, exhausted } => Outcome::LocalError { reason, exhausted },
            Self::Cancelled => Outcome::Cancelled,
        }
    }

    /// What exactly was seen, where the name alone is not enough.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Timeout(phase) => Some(phase.to_string()),
            Self::Reset { json_began: true } => Some("the JSON ends too early".to_owned()),
            Self::TooLarge(limit) => limit.as_deref().map(str::to_owned),
            Self::Dns(text) | Self::Tls(text) | Self::LocalError { reason: text, .. } => {
                Some(text.to_string())
            }
            // The bytes of a TLS record are not readable.
            Self::NotGrpc(OtherProtocol::Tls, _) => Some(OtherProtocol::Tls.to_string()),
            Self::NotGrpc(speaks, excerpt) => Some(format!("{speaks}: {excerpt}")),
            Self::Status { code, message } => Some(format!("{}: {message}", code_name(*code))),
            Self::Invalid(Invalid::Fields { text, .. }) => Some(text.to_string()),
            Self::Invalid(Invalid::Json(text) | Invalid::Message(text)) => Some(text.to_string()),
            Self::DuplicateLine { first } => Some(format!("same as line {first}")),
            Self::DuplicateId { id, .. } => Some(format!("id {id}")),
            _ => None,
        }
    }

    /// One line on what to do about it; `None` for an endpoint that is as it should be.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Ok { .. } => return None,
            Self::Dns(_) => "is the name spelled right, and known to this machine's resolver?",
            Self::Refused => {
                "nothing listens there; is the server started, on this port, and not for 127.0.0.1 only?"
            }
            Self::Unreachable => "no route; is the machine switched on, and in this network?",
            Self::Timeout(phase) => timeout_hint(*phase),
            Self::Reset { json_began: true } => {
                "the server must send the whole object before it closes; see its log"
            }
            Self::Reset { json_began: false } => {
                "the peer ended the connection or the call; see the server's log; if it serves TLS only, give --cacert CA.pem"
            }
            Self::Tls(_) => {
                "the TLS settings of both sides must match; see --cacert, --cert and --authority"
            }
            Self::NotGrpc(OtherProtocol::Http1, _) => {
                "a web server, or a proxy, answers on this port"
            }
            Self::NotGrpc(OtherProtocol::Tls, _) => {
                "the server serves TLS only; give --cacert CA.pem"
            }
            Self::NotGrpc(OtherProtocol::Text, _) => {
                "another program, such as a web server, listens on this port"
            }
            Self::NotGrpc(OtherProtocol::Other, _) => {
                "something other than a gRPC server answers on this port"
            }
            Self::Status { code, .. } => status_hint(*code),
            Self::TooLarge(None) => {
                "the answer, or its headers, is larger than is accepted; see --max-msg-size"
            }
            Self::TooLarge(Some(_)) => {
                "a limit of this program; ask for less, or fewer endpoints in one run"
            }
            Self::Invalid(_) => {
                "the answer does not fit the schema; does this server have another version of it?"
            }
            Self::DuplicateLine { .. } => "the endpoint is listed twice and was asked once",
            Self::DuplicateId { .. } => "two machines claim this id; neither is ranked",
            Self::LocalError {
                exhausted: true, ..
            } => "this machine's limit, not the peer's; try a smaller --concurrency",
            Self::LocalError {
                exhausted: false, ..
            } => "this machine could not ask; the peer has no part in it",
            Self::Cancelled => "the run ended before this endpoint had answered",
        };
        Some(Cow::Borrowed(hint))
    }
}

/// One line on what to do about a timeout.
fn timeout_hint(phase: AttemptPhase) -> &'static str {
    match phase {
        AttemptPhase::Connect => {
            "no answer; is the machine off, does a firewall drop the port, or is its server stuck?"
        }
        AttemptPhase::Tls => "the TLS handshake stalled; does this port speak TLS?",
        AttemptPhase::Headers => {
            "connected, then no answer in time (--max-time); is the server slow or stuck, or not gRPC?"
        }
        AttemptPhase::Body => "the answer began and did not end; is the server stuck?",
    }
}

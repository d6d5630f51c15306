//! The outcome that a survey must report for each fault.
//!
//! It is part of the product because the seed is the ground truth of a rehearsal: the table that makes a seat
//! misbehave also names the outcome that is correct for it. `labrpc lab --help` shows it, and the project's tests
//! compare surveys with it.

use std::fmt;

use tonic::Code;

use crate::survey::outcome::{AttemptPhase, Invalid, OtherProtocol, Outcome, Protocol};

/// The outcome of a fault. The names are those of [`Outcome`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ExpectedOutcome {
    Valid(Protocol),
    /// A valid answer. Only a report, which has the ids of all seats, finds the duplicate.
    DuplicateId,
    Refused,
    Timeout(AttemptPhase),
    ConnectionReset,
    TooLarge,
    NotGrpc(OtherProtocol),
    InvalidMessage,
    InvalidField,
    Status(Code),
}

impl ExpectedOutcome {
    /// Whether a survey's outcome is this one.
    pub(crate) fn matches<A>(self, outcome: &Outcome<A>) -> bool {
        match outcome {
            Outcome::Ok { protocol, .. } => {
                self == Self::Valid(*protocol)
                    || self == Self::DuplicateId && *protocol == Protocol::Grpc
            }
            Outcome::Refused => self == Self::Refused,
            Outcome::Timeout(phase) => self == Self::Timeout(*phase),
            Outcome::Reset { .. } => self == Self::ConnectionReset,
            Outcome::TooLarge(_) => self == Self::TooLarge,
            Outcome::NotGrpc(protocol, _) => self == Self::NotGrpc(*protocol),
            Outcome::Invalid(Invalid::Message(_) | Invalid::Json(_)) => {
                self == Self::InvalidMessage
            }
            Outcome::Invalid(Invalid::Fields { .. }) => self == Self::InvalidField,
            Outcome::Status { code, .. } => self == Self::Status(*code),
            Outcome::Dns(_)
            | Outcome::Unreachable
            | Outcome::Tls(_)
            | Outcome::DuplicateLine { .. }
            | Outcome::DuplicateId { .. }
            | Outcome::LocalError { .. }
            | Outcome::Cancelled => false,
        }
    }
}

/// As a survey's table prints it.
impl fmt::Display for ExpectedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid(Protocol::Grpc) => f.write_str("ok"),
            Self::Valid(Protocol::Raw) => f.write_str("ok (raw)"),
            Self::DuplicateId => f.write_str("duplicate_id"),
            Self::Refused => f.write_str("refused"),
            Self::Timeout(phase) => write!(f, "timeout ({phase})"),
            Self::ConnectionReset => f.write_str("reset"),
            Self::TooLarge => f.write_str("too_large"),
            Self::NotGrpc(protocol) => write!(f, "not_grpc ({protocol})"),
            Self::InvalidMessage | Self::InvalidField => f.write_str("invalid"),
            Self::Status(_) => f.write_str("status"),
        }
    }
}

//! What a survey must report for each seat.
//!
//! It is part of the product because the seed is the ground truth of a rehearsal: the table that makes a seat
//! misbehave also names the outcome that is correct for it. `labrpc lab --help` shows it, and the project's tests
//! compare surveys with it.

use std::fmt;

use tonic::Code;

use crate::{
    lab::faults::Fault,
    profile::Profile,
    survey::outcome::{AttemptPhase, Invalid, OtherProtocol, Outcome, Protocol},
};

/// What the seed determines for a seat.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The seat's fault.
    pub fault: &'static Fault,
    /// The profile of a seat that answers.
    pub profile: &'a Profile,
}

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

impl Expected<'_> {
    /// Whether an outcome is correct: that of the fault, and if it has a profile, that of the seat.
    #[must_use]
    pub fn matches(&self, outcome: &Outcome) -> bool {
        let expected = self.fault.expected;
        let kind_matches = match outcome {
            Outcome::Ok { protocol, .. } => {
                expected == ExpectedOutcome::Valid(*protocol)
                    || expected == ExpectedOutcome::DuplicateId && *protocol == Protocol::Grpc
            }
            Outcome::Refused => expected == ExpectedOutcome::Refused,
            Outcome::Timeout(phase) => expected == ExpectedOutcome::Timeout(*phase),
            Outcome::Reset => expected == ExpectedOutcome::ConnectionReset,
            Outcome::TooLarge => expected == ExpectedOutcome::TooLarge,
            Outcome::NotGrpc(protocol, _) => expected == ExpectedOutcome::NotGrpc(*protocol),
            Outcome::Invalid(Invalid::Message(_)) => expected == ExpectedOutcome::InvalidMessage,
            Outcome::Invalid(Invalid::Field(_)) => expected == ExpectedOutcome::InvalidField,
            Outcome::Status { code, .. } => expected == ExpectedOutcome::Status(*code),
            _ => false,
        };
        let profile = outcome.profile().map(|(profile, _)| profile);
        kind_matches && profile.is_none_or(|profile| profile == self.profile)
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

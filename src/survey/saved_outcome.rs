//! Outcomes as a saved run has them, and back.

use std::borrow::Cow;

use crate::{
    named::named,
    survey::{
        outcome::{AttemptPhase, Invalid, OtherProtocol, Outcome, OutcomeKind},
        status::code_of,
    },
    untrusted::{Untrusted, printable},
};

named! {
    /// What decides the hint of an outcome beside its kind and detail.
    pub enum FailureCause {
        /// Fields are invalid.
        Fields => "fields",
        /// Fields are missing.
        MissingFields => "missing_fields",
        /// The text is not JSON.
        Json => "json",
        /// The bytes are not the expected message.
        Message => "message",
        /// The machine was short of descriptors, ports or memory.
        Exhausted => "exhausted",
    }
}

impl<A> Outcome<A> {
    /// The cause, where kind and detail do not decide the hint.
    #[must_use]
    pub fn cause(&self) -> Option<FailureCause> {
        Some(match self {
            Self::Invalid(Invalid::Fields { any_missing, .. }) => match any_missing {
                true => FailureCause::MissingFields,
                false => FailureCause::Fields,
            },
            Self::Invalid(Invalid::Json(_)) => FailureCause::Json,
            Self::Invalid(Invalid::Message(_)) => FailureCause::Message,
            Self::LocalError {
                exhausted: true, ..
            } => FailureCause::Exhausted,
            _ => return None,
        })
    }

    /// A failure by what was saved of it, with the same detail and hint. `None` for other outcomes.
    #[must_use]
    pub fn saved(
        kind: OutcomeKind,
        detail: Option<&str>,
        cause: Option<FailureCause>,
    ) -> Option<Self> {
        let text = Untrusted::whole(detail.unwrap_or_default());
        let split = detail.and_then(|detail| detail.split_once(": "));
        let (head, tail) = split.unwrap_or((detail.unwrap_or_default(), ""));
        Some(match kind {
            OutcomeKind::Ok | OutcomeKind::DuplicateId | OutcomeKind::DuplicateLine => return None,
            OutcomeKind::Invalid => Self::Invalid(match cause {
                Some(FailureCause::Json) => Invalid::Json(text),
                Some(FailureCause::Message) => Invalid::Message(text),
                cause => Invalid::Fields {
                    text: text.to_string().into(),
                    any_missing: cause == Some(FailureCause::MissingFields),
                },
            }),
            OutcomeKind::Status => Self::Status {
                code: code_of(head).unwrap_or(tonic::Code::Unknown),
                message: Untrusted::whole(tail),
            },
            OutcomeKind::NotGrpc => Self::NotGrpc(
                OtherProtocol::from_name(head).unwrap_or(OtherProtocol::Other),
                Untrusted::whole(tail),
            ),
            OutcomeKind::TooLarge => {
                Self::TooLarge(detail.map(|limit| Cow::Owned(printable(limit).into_owned())))
            }
            OutcomeKind::Tls => Self::Tls(text),
            OutcomeKind::Reset => Self::Reset {
                json_began: detail.is_some(),
            },
            OutcomeKind::Timeout => {
                Self::Timeout(AttemptPhase::from_name(head).unwrap_or(AttemptPhase::Connect))
            }
            OutcomeKind::Refused => Self::Refused,
            OutcomeKind::Unreachable => Self::Unreachable,
            OutcomeKind::Dns => Self::Dns(text),
            OutcomeKind::LocalError => Self::LocalError {
                reason: text,
                exhausted: cause == Some(FailureCause::Exhausted),
            },
            OutcomeKind::Cancelled => Self::Cancelled,
        })
    }
}

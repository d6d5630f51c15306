//! What one row of a file holds.

use crate::{
    profile::{Draft, Profile},
    report::read::{counted::Counted, error::Reason},
    survey::outcome::OutcomeKind,
};

/// What a row holds.
pub(crate) enum Row {
    Person(Profile),
    /// A number of people with one build.
    Counted(Counted),
    /// An endpoint of a survey that has no profile.
    WithoutProfile,
    /// A line about the whole run, or about an endpoint that is listed twice.
    Ignored,
}

impl Row {
    /// A row that has to hold a profile.
    #[inline]
    pub(crate) fn person(draft: Draft) -> Result<Self, Reason> {
        draft.finish().map(Self::Person).map_err(Reason::Field)
    }

    /// A row of a survey, which has a profile only with these outcomes.
    pub(crate) fn surveyed(outcome: &[u8], draft: Draft) -> Result<Self, Reason> {
        match str::from_utf8(outcome)
            .ok()
            .and_then(OutcomeKind::from_name)
        {
            Some(OutcomeKind::Ok | OutcomeKind::DuplicateId) => Self::person(draft),
            // The endpoint is listed twice and counted once.
            Some(OutcomeKind::DuplicateLine) => Ok(Self::Ignored),
            Some(
                OutcomeKind::Invalid
                | OutcomeKind::Status
                | OutcomeKind::NotGrpc
                | OutcomeKind::TooLarge
                | OutcomeKind::Tls
                | OutcomeKind::Reset
                | OutcomeKind::Timeout
                | OutcomeKind::Refused
                | OutcomeKind::Unreachable
                | OutcomeKind::Dns
                | OutcomeKind::LocalError
                | OutcomeKind::Cancelled,
            )
            // The outcome of a later version.
            | None => Ok(Self::WithoutProfile),
        }
    }
}

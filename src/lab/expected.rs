//! What a survey must report for each seat.
//!
//! It is part of the product because the seed is the ground truth of a rehearsal: the same table that makes a
//! seat misbehave names the outcome that is correct for it. The project's tests compare surveys with it.

use crate::{lab::faults::Fault, profile::Profile, survey::outcome::Outcome};

/// What the seed determines for a seat.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The seat's fault.
    pub fault: &'static Fault,
    /// The profile of a seat that answers.
    pub profile: &'a Profile,
}

impl Expected<'_> {
    /// Whether an outcome is correct: of the fault's kind, and if with a profile, with that of the seat.
    #[must_use]
    pub fn matches(&self, outcome: &Outcome) -> bool {
        let has_own_profile = outcome
            .profile()
            .is_none_or(|(profile, _)| profile == self.profile);
        has_own_profile && (self.fault.expects)(outcome)
    }
}

//! What an endpoint answered, for any question.

use crate::{
    profile::Profile,
    question::AnswerId,
    survey::outcome::{Outcome, Protocol},
};

/// What an endpoint answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The answer to `lab.Profile/GetProfile`.
    Profile(Profile),
    /// The answer to another method: one of the distinct answers of the run.
    Interned(AnswerId),
}

impl From<Profile> for Answer {
    fn from(profile: Profile) -> Self {
        Self::Profile(profile)
    }
}

impl From<AnswerId> for Answer {
    fn from(id: AnswerId) -> Self {
        Self::Interned(id)
    }
}

impl Outcome<Answer> {
    /// The profile that came, whether or not its id is claimed twice.
    #[must_use]
    pub fn profile(&self) -> Option<(&Profile, Protocol)> {
        match self.answer()? {
            (Answer::Profile(profile), protocol) => Some((profile, protocol)),
            (Answer::Interned(_), _) => None,
        }
    }

    /// The number of the answer among the distinct answers of the run, unless it is a profile.
    #[must_use]
    pub fn answer_number(&self) -> Option<u32> {
        match self.answer()? {
            (Answer::Interned(AnswerId(number)), _) => Some(*number),
            (Answer::Profile(_), _) => None,
        }
    }
}

//! The categories of outcomes, and their names in a report for people.

use crate::{named::named, survey::outcome::OutcomeKind};

named! {
    /// What an outcome means for finding the machines that need a visit. Each category has a shape, and its name is
    /// its class in the style sheet.
    pub(crate) enum Category {
        /// A valid profile.
        Ok => "ok",
        /// Answers, but with unusable data.
        BadData => "data",
        /// Answers, but not with a profile.
        Unexpected => "wrong",
        /// Does not answer in time.
        NoAnswer => "silent",
        /// Cannot be reached.
        Unreachable => "absent",
        /// Was not asked, or not to the end.
        Unasked => "unasked",
    }
}

/// An outcome's category, and its name for people.
pub(crate) fn category(outcome: OutcomeKind) -> (Category, &'static str) {
    match outcome {
        OutcomeKind::Ok => (Category::Ok, "ok"),
        OutcomeKind::DuplicateId => (Category::BadData, "duplicate id"),
        OutcomeKind::Invalid => (Category::BadData, "invalid data"),
        OutcomeKind::Status => (Category::Unexpected, "gRPC error"),
        OutcomeKind::NotGrpc => (Category::Unexpected, "not gRPC"),
        OutcomeKind::TooLarge => (Category::Unexpected, "too large"),
        OutcomeKind::Tls => (Category::Unexpected, "TLS failed"),
        OutcomeKind::Reset => (Category::Unexpected, "connection reset"),
        OutcomeKind::Timeout => (Category::NoAnswer, "timed out"),
        OutcomeKind::Refused => (Category::Unreachable, "refused"),
        OutcomeKind::Unreachable => (Category::Unreachable, "unreachable"),
        OutcomeKind::Dns => (Category::Unreachable, "name not found"),
        OutcomeKind::LocalError => (Category::Unasked, "local limit"),
        OutcomeKind::Cancelled => (Category::Unasked, "not yet"),
        OutcomeKind::DuplicateLine => (Category::Unasked, "listed twice"),
    }
}

//! Failures, folded: one entry for all endpoints that failed alike.
//!
//! A room fails in a few ways, a campus in a few more, and hostile peers in a different way at every address. The
//! number of entries and their length are bounded, and omitted endpoints are counted.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

use crate::{
    report::{answer::Answer, model::Survey, view::View},
    survey::{
        endpoint::Endpoint,
        hosts::fold,
        outcome::{EndpointResult, Outcome, OutcomeKind},
    },
};

/// Groups shown of one outcome; hostile peers may differ in every answer.
const MAX_GROUPS: usize = 8;

/// Characters of a folded list of endpoints; a campus can fail in a thousand ranges.
const MAX_FOLDED: usize = 240;

/// Endpoints that failed alike.
pub struct FailureGroup {
    /// The outcome that they have in common.
    pub outcome: OutcomeKind,
    /// The endpoints, as an expression of the host grammar, cut at a comma where it is long; or how many more there
    /// are of an outcome that has more reasons than are shown.
    pub endpoints: String,
    /// How many endpoints these are, unless it is one or `endpoints` contains the number.
    pub count: Option<usize>,
    /// What to do about it.
    pub hint: Option<Cow<'static, str>>,
    reason: FailureReason,
}

/// Why they failed.
enum FailureReason {
    /// Nothing but the outcome.
    Plain,
    /// The details of the outcome.
    Detail(String),
    /// A different one at each endpoint.
    Various,
}

impl FailureGroup {
    /// The details of the outcome, where all of them have the same.
    pub(crate) fn detail(&self) -> Option<&str> {
        match &self.reason {
            FailureReason::Detail(detail) => Some(detail),
            FailureReason::Plain | FailureReason::Various => None,
        }
    }

    /// The outcome by the name that the format gives it, and the reason.
    #[must_use]
    pub fn text(&self, outcome: &str) -> String {
        match &self.reason {
            FailureReason::Plain => outcome.to_owned(),
            FailureReason::Detail(detail) => format!("{outcome} ({detail})"),
            FailureReason::Various => format!("{outcome}, each for another reason"),
        }
    }
}

/// Every endpoint whose outcome is not `ok`, in the order of [`OutcomeKind::ALL`]; within an outcome the most
/// frequent reason first, equal ones in the order of their text. `hint` gives the hint of
/// an outcome.
pub(crate) fn failures(
    survey: &Survey,
    hint: impl Fn(&Outcome<Answer>) -> Option<Cow<'static, str>>,
    view: &View<'_>,
) -> Vec<FailureGroup> {
    let Survey { hosts, answers } = survey;
    let mut groups: BTreeMap<(OutcomeKind, Option<String>), Vec<usize>> = BTreeMap::new();
    for (index, EndpointResult { outcome, .. }) in answers.iter().enumerate() {
        let kind = outcome.kind();
        if kind != OutcomeKind::Ok {
            let alike = groups.entry((kind, outcome.detail())).or_default();
            alike.push(index);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|((kind, _), members)| (*kind, Reverse(members.len())));

    let mut failures = Vec::new();
    for same in groups.chunk_by(|((a, _), _), ((b, _), _)| a == b) {
        let (shown, rest) = same.split_at(same.len().min(MAX_GROUPS));
        for ((outcome, detail), members) in shown {
            failures.push(FailureGroup {
                outcome: *outcome,
                endpoints: folded(members.iter().map(|&index| hosts.get(index))),
                count: Some(members.len()).filter(|count| *count > 1),
                hint: hint(&answers[members[0]].outcome),
                reason: match detail {
                    Some(detail) if view.shows_personal_data() => {
                        FailureReason::Detail(detail.clone())
                    }
                    _ => FailureReason::Plain,
                },
            });
        }
        if let Some(((outcome, _), _)) = rest.first() {
            let more: usize = rest.iter().map(|(_, members)| members.len()).sum();
            failures.push(FailureGroup {
                outcome: *outcome,
                endpoints: format!("{more} more"),
                count: None,
                hint: None,
                reason: FailureReason::Various,
            });
        }
    }
    failures
}

/// Endpoints as an expression of the host grammar, cut at a comma where it is long.
pub(crate) fn folded(endpoints: impl IntoIterator<Item = Endpoint>) -> String {
    let mut folded = fold(endpoints);
    if folded.len() > MAX_FOLDED {
        // The grammar is ASCII but for the path of a socket.
        let end = (0..=MAX_FOLDED)
            .rev()
            .find(|&at| folded.is_char_boundary(at))
            .unwrap_or(0);
        let end = folded[..end].rfind(',').unwrap_or(end);
        folded.truncate(end);
        folded.push_str(", …");
    }
    folded
}

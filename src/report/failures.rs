//! Failures, folded: one entry for all endpoints that failed alike.
//!
//! A room fails in a few ways, a campus in a few more, and a hostile one in a different way at every address.
//! What is kept is bounded in all three cases, and what is left out is counted.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

use crate::{
    report::{model::Survey, view::View},
    survey::{
        hosts::fold,
        outcome::{EndpointResult, OutcomeKind},
    },
};

/// Groups shown of one outcome; hostile peers may differ in every answer.
const MAX_GROUPS: usize = 8;

/// Characters of a folded list of endpoints; a campus can fail in a thousand ranges.
const MAX_FOLDED: usize = 240;

/// Endpoints that failed alike.
pub struct Failure {
    /// The outcome that they have in common.
    pub outcome: OutcomeKind,
    /// The endpoints, as an expression of the host grammar, cut at a comma where it is long; or how many more there
    /// are of an outcome that has more reasons than are shown.
    pub endpoints: String,
    /// How many endpoints these are, unless it is one or stands in the text above.
    pub count: Option<usize>,
    /// What to do about it.
    pub hint: Option<Cow<'static, str>>,
    reason: Reason,
}

/// Why they failed.
enum Reason {
    /// Nothing but the outcome.
    Plain,
    /// What exactly was seen.
    Detail(String),
    /// Each for another reason.
    Various,
}

impl Failure {
    /// What was seen, with the format's own name of the outcome.
    #[must_use]
    pub fn text(&self, outcome: &str) -> String {
        match &self.reason {
            Reason::Plain => outcome.to_owned(),
            Reason::Detail(detail) => format!("{outcome} ({detail})"),
            Reason::Various => format!("{outcome}, each for another reason"),
        }
    }
}

/// Every endpoint without a profile of its own, in the order of [`OutcomeKind::ALL`]; within an outcome the most
/// frequent reason first, equal ones in the order of their text.
pub(crate) fn failures(survey: &Survey, view: &View<'_>) -> Vec<Failure> {
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
            failures.push(Failure {
                outcome: *outcome,
                endpoints: shortened(fold(members.iter().map(|&index| hosts.get(index)))),
                count: Some(members.len()).filter(|count| *count > 1),
                hint: answers[members[0]].outcome.hint(),
                reason: match detail {
                    Some(detail) if view.shows_personal_data() => Reason::Detail(detail.clone()),
                    _ => Reason::Plain,
                },
            });
        }
        if let Some(((outcome, _), _)) = rest.first() {
            let more: usize = rest.iter().map(|(_, members)| members.len()).sum();
            failures.push(Failure {
                outcome: *outcome,
                endpoints: format!("{more} more"),
                count: None,
                hint: None,
                reason: Reason::Various,
            });
        }
    }
    failures
}

/// Cuts a list of endpoints at a comma.
fn shortened(mut folded: String) -> String {
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

//! What went wrong, folded: one entry for all endpoints that failed alike.
//!
//! A room fails in a few ways, a campus in a few more, and a hostile one in a different way at every address.
//! What is kept is bounded in all three cases, and what is left out is counted.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

use crate::{
    report::model::Survey,
    survey::{
        hosts::fold,
        outcome::{Answer, Outcome, OutcomeKind},
    },
};

/// Groups shown of one outcome; what a hostile room sends may differ in every answer.
const MAX_GROUPS: usize = 8;

/// Characters of a folded list of endpoints; a campus can fail in a thousand ranges.
const MAX_FOLDED: usize = 240;

/// Endpoints that failed alike.
#[derive(Debug)]
pub(crate) struct Failure<'a> {
    /// What they have in common.
    pub(crate) outcome: &'a Outcome,
    /// How many they are.
    pub(crate) count: usize,
    /// Who, and why; `None` for the rest of an outcome that has more reasons than are shown.
    pub(crate) reason: Option<Reason>,
}

/// One reason of failing.
#[derive(Debug)]
pub(crate) struct Reason {
    /// The endpoints, as an expression of the host grammar, cut at a comma where it is long.
    pub(crate) endpoints: String,
    /// What exactly was seen.
    pub(crate) detail: Option<String>,
    /// What to do about it.
    pub(crate) hint: Option<Cow<'static, str>>,
}

/// Every endpoint without a profile of its own, in the order of [`OutcomeKind::ALL`]; within an outcome the most
/// frequent reason first, equal ones in the order of their text.
pub(crate) fn failures(survey: &Survey) -> Vec<Failure<'_>> {
    let Survey { hosts, answers } = survey;
    let mut groups: BTreeMap<(OutcomeKind, Option<String>), Vec<usize>> = BTreeMap::new();
    for (index, Answer { outcome, .. }) in answers.iter().enumerate() {
        let kind = outcome.kind();
        if kind != OutcomeKind::Ok {
            let alike = groups.entry((kind, outcome.detail())).or_default();
            alike.push(index);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|((kind, _), members)| (*kind, Reverse(members.len())));

    let mut failures = Vec::new();
    for kind in groups.chunk_by(|((a, _), _), ((b, _), _)| a == b) {
        let (shown, rest) = kind.split_at(kind.len().min(MAX_GROUPS));
        for ((_, detail), members) in shown {
            let outcome = &answers[members[0]].outcome;
            failures.push(Failure {
                outcome,
                count: members.len(),
                reason: Some(Reason {
                    endpoints: shortened(fold(members.iter().map(|&index| hosts.get(index)))),
                    detail: detail.clone(),
                    hint: outcome.hint(),
                }),
            });
        }
        if let Some((_, members)) = rest.first() {
            failures.push(Failure {
                outcome: &answers[members[0]].outcome,
                count: rest.iter().map(|(_, members)| members.len()).sum(),
                reason: None,
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

//! What every page shows, whatever the report found.

use std::mem;

use crate::{
    report::{
        category::{Category, category},
        failures::FailureGroup,
        format::grouped,
        html::command::Provenance,
        model::{Findings, Input, Report, RunInfo},
        text::{Note, Story},
        view::View,
    },
    survey::outcome::OutcomeKind,
};

/// Failures shown at once; further ones unfold.
const MAX_FAILURES: usize = 12;

/// What every page shows.
pub(super) struct SharedParts {
    pub(super) title: Option<String>,
    pub(super) headline: String,
    /// Whether the report is about endpoints.
    pub(super) survey: bool,
    pub(super) live: bool,
    /// Endpoints of a live page that have not answered yet.
    pub(super) waiting: u64,
    pub(super) notes: Vec<String>,
    pub(super) tally: Vec<OutcomeCount>,
    pub(super) failures: Vec<FailureRow>,
    pub(super) folded_failures: Vec<FailureRow>,
    /// What an endpoint's answer is called where all are valid.
    pub(super) answer: &'static str,
    pub(super) run: Provenance,
}

/// How many came to one category, and its share of a bar that is 100 wide.
pub(super) struct OutcomeCount {
    pub(super) category: Category,
    pub(super) word: &'static str,
    pub(super) count: String,
    pub(super) from: String,
    pub(super) width: String,
}

pub(super) struct FailureRow {
    pub(super) category: Category,
    pub(super) text: String,
    pub(super) failure: FailureGroup,
}

impl SharedParts {
    /// Takes the story apart, but for its findings.
    pub(super) fn new(report: &Report, story: &mut Story<'_>, view: &View<'_>) -> Self {
        // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
        let Report {
            run:
                RunInfo {
                    started,
                    finished: _,
                    arguments,
                    settings: _,
                },
            input,
            findings,
        } = report;
        let mut failures = failed(mem::take(&mut story.failures), view);
        let folded_failures = failures.split_off(failures.len().min(MAX_FAILURES));
        Self {
            title: view.title.map(str::to_owned),
            headline: mem::take(&mut story.headline),
            survey: matches!(input, Input::Survey(_)),
            live: view.live,
            waiting: match view.live {
                true => report.summary().outcomes[OutcomeKind::Cancelled],
                false => 0,
            },
            notes: story.notes.iter().map(sentence).collect(),
            tally: tally(report),
            failures,
            folded_failures,
            answer: match findings {
                Findings::Ranking(_) => "profile",
                Findings::Comparison(_) => "answer",
            },
            run: Provenance::new(*started, view.shows_personal_data().then_some(arguments)),
        }
    }
}

/// A remark as a sentence.
fn sentence(note: &Note) -> String {
    let Note { label, text } = note;
    let sentence = match *label {
        "" => format!("{text}."),
        label => format!("{label}: {text}."),
    };
    let mut rest = sentence.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest.clone()).collect()
}

/// The categories of all endpoints or rows, in the order of the legend.
fn tally(report: &Report) -> Vec<OutcomeCount> {
    let outcomes = report.summary().outcomes;
    let mut counts: Vec<_> = outcomes
        .iter()
        .map(|(outcome, count)| match (&report.input, outcome) {
            (Input::Files { .. }, OutcomeKind::Invalid) => {
                ((Category::BadData, "no valid profile"), count)
            }
            _ => (category(outcome), count),
        })
        .collect();
    counts.sort_unstable();
    let total = counts.iter().map(|(_, count)| count).sum::<u64>().max(1) as f64;
    let mut from = 0.0;
    counts
        .into_iter()
        .map(|((category, word), count)| {
            let width = 100.0 * count as f64 / total;
            from += width;
            OutcomeCount {
                category,
                word,
                count: grouped(count),
                from: format!("{:.3}", from - width),
                width: format!("{width:.3}"),
            }
        })
        .collect()
}

fn failed(failures: Vec<FailureGroup>, view: &View<'_>) -> Vec<FailureRow> {
    failures
        .into_iter()
        // Before the first round of a live page is over, an endpoint without an answer has not failed.
        .filter(|failure| !(view.live && failure.outcome == OutcomeKind::Cancelled))
        .map(|failure| {
            let (category, word) = category(failure.outcome);
            FailureRow {
                category,
                // No brackets inside brackets.
                text: match failure.detail().filter(|detail| detail.contains('(')) {
                    Some(detail) => format!("{word}: {detail}"),
                    None => failure.text(word),
                },
                failure,
            }
        })
        .collect()
}

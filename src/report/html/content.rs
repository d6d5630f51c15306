//! The part of the page that changes when the report does.

use std::{io, mem};

use askama::Template;

use crate::{
    profile::Profile,
    report::{
        category::{Category, category},
        failures::FailureGroup,
        html::{
            command::Provenance,
            method::MethodText,
            plot::{BOTTOM, HEIGHT, LEFT, Plot, RIGHT, TOP, WIDTH},
            seats::SeatMap,
        },
        model::{Input, Report},
        text::{Note, PER_PERSON, Story},
        view::View,
    },
    similarity::{Like, Metric, Ranking},
    survey::outcome::OutcomeKind,
};

/// Rows of a table of people; longer ones are better read by a program.
const MAX_ROWS: usize = 1000;

/// Failures shown at once; further ones unfold.
const MAX_FAILURES: usize = 12;

/// Pairs that are named in the answer.
const MAX_NAMED: usize = 3;

/// Pairs explained; the rest is for a program to read.
const MAX_PAIRS: usize = 30;

/// Groups of identical people listed, and how many of each are named.
const MAX_GROUPS: usize = 100;
const MAX_NAMES: usize = 20;

/// The part of the page that changes when the report does.
///
/// # Errors
/// None in practice: text can always be written to memory.
pub fn main(report: &Report, view: &View<'_>) -> io::Result<String> {
    Main::new(report, view).render().map_err(io::Error::other)
}

#[derive(Template)]
#[template(path = "main.html")]
struct Main<'a> {
    story: Story<'a>,
    /// Whether the report is about endpoints.
    survey: bool,
    live: bool,
    notes: Vec<String>,
    tally: Vec<OutcomeCount>,
    verdict: String,
    /// The heading of the list of pairs.
    heading: String,
    seats: Option<SeatMap>,
    plot: Option<Plot>,
    failures: Vec<FailureRow>,
    folded_failures: Vec<FailureRow>,
    people: &'a [Profile],
    method: MethodText,
    run: Provenance,
}

/// How many came to one category, and its share of a bar that is 100 wide.
struct OutcomeCount {
    category: Category,
    word: &'static str,
    count: u64,
    from: String,
    width: String,
}

struct FailureRow {
    category: Category,
    text: String,
    failure: FailureGroup,
}

impl<'a> Main<'a> {
    fn new(report: &'a Report, view: &View<'a>) -> Self {
        // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
        let Report {
            started,
            arguments,
            options,
            input,
            people,
            seat_of: _,
            ranking:
                Ranking {
                    pairs,
                    smallest: _,
                    tied: _,
                    margin: _,
                    duplicates: _,
                    twins: _,
                    twin_groups: _,
                    per_person: _,
                    like,
                },
        } = report;
        let mut story = Story::new(report, view);
        let mut failures = failed(mem::take(&mut story.failures), view);
        let folded_failures = failures.split_off(failures.len().min(MAX_FAILURES));
        let answer = &story.answer;
        let open = view.shows_personal_data();
        Self {
            survey: matches!(input, Input::Survey(_)),
            live: view.live,
            notes: story.notes.iter().map(sentence).collect(),
            tally: tally(report),
            verdict: match &story.groups {
                Some(groups) if answer.first_place.is_empty() => {
                    format!("{}. {}", answer.verdict.text(), groups.remark)
                }
                _ => answer.verdict.text().to_owned(),
            },
            heading: match like {
                Some(Like::Found { .. }) => answer.title.clone(),
                _ => "Closest pairs".to_owned(),
            },
            seats: match input {
                Input::Survey(survey) => Some(SeatMap::new(report, survey, view)),
                Input::Files { .. } => None,
            },
            plot: open.then(|| Plot::new(report)).flatten(),
            failures,
            folded_failures,
            people: if open { people } else { &[] },
            method: MethodText::new(options, open.then(|| pairs.first()).flatten(), people),
            run: Provenance::new(*started, open.then_some(arguments)),
            story,
        }
    }
}

/// A remark as a sentence.
fn sentence(note: &Note) -> String {
    let Note { label, text } = note;
    match label.split_at_checked(1) {
        Some((first, rest)) => format!("{}{rest}: {text}.", first.to_uppercase()),
        None => format!("{text}."),
    }
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
                count,
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
                text: failure.text(word),
                failure,
            }
        })
        .collect()
}

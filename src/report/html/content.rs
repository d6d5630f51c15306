//! The part of the page that changes when the report does.

use std::io;

use askama::Template;

use crate::{
    profile::Profile,
    report::{
        failures::{Reason, failures},
        format::number,
        html::{
            command::Run,
            method::Method,
            pairs::{ClosestPairs, Twins},
            plot::Plot,
            seats::{Category, Seats, category},
            view::View,
        },
        model::{Input, Report, Summary, Survey},
    },
    similarity::Metric,
    survey::outcome::{Outcome, OutcomeKind},
};

/// Rows of a table of people; a report of more is better read by a program.
const MAX_ROWS: usize = 1000;

/// Failures shown at once; further ones unfold.
const MAX_FAILURES: usize = 12;

/// The part of the page that changes when the report does.
///
/// # Errors
/// None in practice: text can always be written to memory.
pub fn main(report: &Report, view: &View<'_>) -> io::Result<String> {
    Main::new(report, view).render().map_err(io::Error::other)
}

#[derive(Template)]
#[template(path = "main.html")]
struct Main {
    headline: String,
    /// Whether the report is about endpoints.
    survey: bool,
    live: bool,
    notes: Vec<String>,
    tally: Vec<OutcomeCount>,
    closest: ClosestPairs,
    seats: Option<Seats>,
    plot: Option<Plot>,
    twins: Option<Twins>,
    failures: Vec<FailureRow>,
    folded_failures: Vec<FailureRow>,
    people: Option<People>,
    nearest: Option<Nearest>,
    method: Method,
    run: Run,
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
    endpoints: String,
    count: usize,
    what: String,
    hint: String,
}

/// Everybody, as rows.
struct People {
    rows: Vec<Profile>,
    total: usize,
}

/// Everybody's nearest, as rows.
struct Nearest {
    rows: Vec<[String; 3]>,
    total: usize,
}

impl Main {
    fn new(report: &Report, view: &View<'_>) -> Self {
        let summary = report.summary();
        let (mut failures, mut seats) = (Vec::new(), None);
        let survey = matches!(report.input, Input::Survey(_));
        if let Input::Survey(survey) = &report.input {
            failures = failed(survey, view);
            seats = Some(Seats::new(report, survey, view));
        }
        let folded_failures = failures.split_off(failures.len().min(MAX_FAILURES));
        Self {
            headline: headline(report, &summary),
            survey,
            live: view.live,
            notes: notes(report, &summary, view),
            tally: tally(report),
            closest: ClosestPairs::new(report, view),
            seats,
            plot: view
                .shows_personal_data()
                .then(|| Plot::new(report))
                .flatten(),
            twins: Twins::new(report, view),
            failures,
            folded_failures,
            people: (view.shows_personal_data() && !report.people.is_empty()).then(|| People {
                rows: report.people.iter().take(MAX_ROWS).cloned().collect(),
                total: report.people.len(),
            }),
            nearest: nearest(report, view),
            method: Method::new(report, view),
            run: Run::new(report, view),
        }
    }
}

pub(super) fn headline(report: &Report, summary: &Summary) -> String {
    let (ok, asked) = (summary.ok(), summary.asked());
    match report.input {
        Input::Survey(_) => format!("{ok} of {asked} answered"),
        Input::Files { .. } if ok == asked => format!("{ok} people"),
        Input::Files { .. } => format!("{ok} people in {asked} rows"),
    }
}

/// What the headline leaves out.
fn notes(report: &Report, summary: &Summary, view: &View<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Input::Survey(_), unusable @ 1..) = (&report.input, summary.unusable()) {
        notes.push(format!(
            "{unusable} answered with data that cannot be used."
        ));
    }
    let ids = &summary.duplicate_ids;
    if !ids.is_empty() {
        let names: Vec<_> = ids.iter().take(20).map(|id| view.name(id)).collect();
        let more = if ids.len() > names.len() { ", …" } else { "" };
        notes.push(format!(
            "Duplicate id: {}{more}; claimed more than once, and not ranked.",
            names.join(", ")
        ));
    }
    notes
}

/// The states of all endpoints or rows, in the order of the legend.
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

fn failed(survey: &Survey, view: &View<'_>) -> Vec<FailureRow> {
    let shown = failures(survey).into_iter().filter(|failure| {
        // Before the first round of a live page is over, whoever has not answered is no failure.
        !(view.live && *failure.outcome == Outcome::Cancelled)
    });
    shown
        .map(|failure| {
            let (category, word) = category(failure.outcome.kind());
            let count = failure.count;
            match failure.reason {
                Some(Reason {
                    endpoints,
                    detail,
                    hint,
                }) => FailureRow {
                    category,
                    endpoints,
                    count,
                    what: match detail.filter(|_| view.shows_personal_data()) {
                        Some(detail) => format!("{word} ({detail})"),
                        None => word.to_owned(),
                    },
                    hint: hint.unwrap_or_default().into_owned(),
                },
                None => FailureRow {
                    category,
                    endpoints: format!("{count} more"),
                    count: 1,
                    what: format!("{word}, each for another reason"),
                    hint: String::new(),
                },
            }
        })
        .collect()
}

fn nearest(report: &Report, view: &View<'_>) -> Option<Nearest> {
    let everybody = report.ranking.per_person.as_ref()?;
    let name = |person: usize| view.name(&report.people[person].id);
    let rows = everybody.iter().take(MAX_ROWS).map(|nearest| {
        let distance = if view.shows_personal_data() {
            number(nearest.distance)
        } else {
            String::new()
        };
        [name(nearest.person), name(nearest.nearest), distance]
    });
    Some(Nearest {
        rows: rows.collect(),
        total: everybody.len(),
    })
}

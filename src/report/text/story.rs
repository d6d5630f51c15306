//! The texts of every report, whatever it found.

use crate::{
    question::profile_hint,
    report::{
        failures::{FailureGroup, failures},
        model::{Findings, Input, Report, Summary},
        text::{
            comparison::{self, ComparisonText},
            comparison_notes,
            note::Note,
            ranking::RankingText,
        },
        view::View,
    },
    survey::outcome::Outcome,
};

/// Duplicate ids that are named.
const MAX_DUPLICATE_IDS: usize = 20;

/// A report as texts.
pub struct Story<'a> {
    /// The result in one line.
    pub headline: String,
    /// Whether every endpoint or row has a valid answer, and as far as answers are compared, the expected one.
    pub complete: bool,
    /// What the headline leaves out.
    pub notes: Vec<Note>,
    /// What failed, folded.
    pub failures: Vec<FailureGroup>,
    /// What was found.
    pub findings: FindingsText<'a>,
}

/// What was found, as texts.
#[expect(
    clippy::large_enum_variant,
    reason = "a report has one, and it is not moved often"
)]
pub enum FindingsText<'a> {
    /// Which people are most alike.
    Ranking(RankingText<'a>),
    /// Whose answers are alike.
    Comparison(ComparisonText<'a>),
}

/// How many endpoints or rows there were, and how many of them have a valid answer.
pub(crate) fn headline(report: &Report, summary: &Summary) -> String {
    let (ok, asked) = (summary.ok(), summary.asked());
    match (&report.input, &report.findings) {
        (Input::Survey(_), Findings::Ranking(_)) => format!("{ok} of {asked} answered"),
        (Input::Survey(_), Findings::Comparison(compared)) => {
            format!("{ok} of {asked} answered{}", comparison::headline(compared))
        }
        (Input::Files { .. }, _) if ok == asked => format!("{ok} people"),
        (Input::Files { .. }, _) => format!("{ok} people in {asked} rows"),
    }
}

impl<'a> Story<'a> {
    /// The texts of `report`; `view` decides what they may show.
    #[must_use]
    pub fn new(report: &'a Report, view: &View<'a>) -> Self {
        let summary = report.summary();
        Self {
            headline: headline(report, &summary),
            complete: summary.ok() == summary.asked() && is_good(&report.findings),
            notes: notes(report, &summary, view),
            failures: match &report.input {
                Input::Survey(survey) => match &report.findings {
                    Findings::Ranking(_) => failures(survey, profile_hint, view),
                    Findings::Comparison(_) => failures(survey, Outcome::hint, view),
                },
                Input::Files { .. } => Vec::new(),
            },
            findings: match &report.findings {
                Findings::Ranking(ranked) => {
                    let text = RankingText::new(ranked, view);
                    FindingsText::Ranking(match report.part() {
                        Some(_) => text.unranked(),
                        None => text,
                    })
                }
                Findings::Comparison(compared) => {
                    FindingsText::Comparison(ComparisonText::new(compared, view))
                }
            },
        }
    }
}

/// Whether answers that are compared are alike, and services healthy.
fn is_good(findings: &Findings) -> bool {
    match findings {
        Findings::Ranking(_) => true,
        Findings::Comparison(compared) => compared.is_good(),
    }
}

fn notes(report: &Report, summary: &Summary, view: &View<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    if let (Input::Survey(_), unusable @ 1..) = (&report.input, summary.unusable()) {
        notes.push(Note {
            label: "",
            text: format!("{unusable} answered with data that cannot be used"),
        });
    }
    let ids = &summary.duplicate_ids;
    if !ids.is_empty() {
        let shown = ids.iter().take(MAX_DUPLICATE_IDS);
        let names: Vec<_> = shown.map(|id| view.name(id.as_str())).collect();
        let more = if names.len() < ids.len() { ", …" } else { "" };
        let names = names.join(", ");
        notes.push(Note {
            label: "duplicate id",
            text: format!("{names}{more}; claimed more than once, and not ranked"),
        });
    }
    if let Findings::Comparison(compared) = &report.findings {
        notes.extend(comparison_notes::notes(compared, view));
    }
    notes
}

//! The texts of every report, whatever it found.

use crate::report::{
    failures::{FailureGroup, failures},
    model::{Findings, Input, Report, Summary},
    text::ranking::RankingText,
    view::View,
};

/// Duplicate ids that are named.
const MAX_DUPLICATE_IDS: usize = 20;

/// A report as texts.
pub struct Story<'a> {
    /// The result in one line.
    pub headline: String,
    /// Whether every endpoint or row has a valid answer.
    pub complete: bool,
    /// What the headline leaves out.
    pub notes: Vec<Note>,
    /// What failed, folded.
    pub failures: Vec<FailureGroup>,
    /// What was found.
    pub findings: FindingsText<'a>,
}

/// What was found, as texts.
pub enum FindingsText<'a> {
    /// Which people are most alike.
    Ranking(RankingText<'a>),
}

/// A remark below the headline.
pub struct Note {
    /// The subject; empty where the text contains it.
    pub label: &'static str,
    /// The remark.
    pub text: String,
}

/// How many endpoints or rows there were, and how many of them have a valid answer.
pub(crate) fn headline(report: &Report, summary: &Summary) -> String {
    let (ok, asked) = (summary.ok(), summary.asked());
    match report.input {
        Input::Survey(_) => format!("{ok} of {asked} answered"),
        Input::Files { .. } if ok == asked => format!("{ok} people"),
        Input::Files { .. } => format!("{ok} people in {asked} rows"),
    }
}

impl<'a> Story<'a> {
    /// The texts of `report`; `view` decides what they may show.
    #[must_use]
    pub fn new(report: &'a Report, view: &View<'a>) -> Self {
        let summary = report.summary();
        Self {
            headline: headline(report, &summary),
            complete: summary.ok() == summary.asked(),
            notes: notes(report, &summary, view),
            failures: match &report.input {
                Input::Survey(survey) => failures(survey, view),
                Input::Files { .. } => Vec::new(),
            },
            findings: match &report.findings {
                Findings::Ranking(ranked) => FindingsText::Ranking(RankingText::new(ranked, view)),
            },
        }
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
        let names: Vec<_> = shown.map(|id| view.name(id)).collect();
        let more = if names.len() < ids.len() { ", …" } else { "" };
        let names = names.join(", ");
        notes.push(Note {
            label: "duplicate id",
            text: format!("{names}{more}; claimed more than once, and not ranked"),
        });
    }
    notes
}

//! The texts of every report, whatever it found.

use crate::{
    question::profile_hint,
    report::{
        answer_times::AnswerTimes,
        failures::{FailureGroup, failures},
        feature::shown,
        format::time,
        items::{ItemField, ItemTable},
        model::{Findings, Input, Report, Summary},
        ranked::RankedPeople,
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
    /// How often each outcome occurred, where the headline leaves that open.
    pub totals: Option<String>,
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
        (Input::Survey(_), Findings::Ranking(_)) => answered(summary),
        (Input::Survey(_), Findings::Comparison(compared)) => {
            format!("{}{}", answered(summary), comparison::headline(compared))
        }
        // A row may stand for several people.
        (Input::Files { .. }, Findings::Ranking(ranked))
            if ok == asked || !ranked.counts.is_empty() =>
        {
            format!("{ok} {}", ranked.people.noun())
        }
        (Input::Files { .. }, _) => {
            let noun = report.ranked_items().map_or("people", |_| "items");
            format!("{ok} {noun} in {asked} rows")
        }
    }
}

/// How many endpoints answered, which decides the exit status, and how many answers are usable, unless all are.
fn answered(summary: &Summary) -> String {
    let (answered, asked) = (summary.answered(), summary.asked());
    match summary.unusable() {
        0 => format!("{answered} of {asked} answered"),
        _ => format!("{answered} of {asked} answered, {} usable", summary.ok()),
    }
}

/// How often each outcome occurred; `None` if there is one besides `ok` at most, because it is the rest.
fn totals(report: &Report, summary: &Summary) -> Option<String> {
    let Input::Survey(_) = report.input else {
        return None;
    };
    let outcomes = summary.outcomes.iter();
    let totals: Vec<_> = outcomes
        .map(|(outcome, count)| format!("{count} {}", outcome.name()))
        .collect();
    let failed = totals.len() - usize::from(summary.ok() > 0);
    (failed > 1).then(|| totals.join(" · "))
}

impl<'a> Story<'a> {
    /// The texts of `report`; `view` decides what they may show.
    #[must_use]
    pub fn new(report: &'a Report, view: &View<'a>) -> Self {
        let summary = report.summary();
        Self {
            headline: headline(report, &summary),
            totals: totals(report, &summary),
            complete: summary.ok() == summary.asked() && is_good(&report.findings),
            notes: notes(report, &summary, view),
            failures: match &report.input {
                Input::Survey(survey) => match &report.findings {
                    Findings::Ranking(ranked) if ranked.method.is_none() => {
                        failures(survey, profile_hint, view)
                    }
                    _ => failures(survey, Outcome::hint, view),
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
    if let Some((ranked, items)) = report.ranked_items() {
        notes.extend(item_notes(ranked, items));
    }
    if let Findings::Comparison(compared) = &report.findings {
        notes.extend(comparison_notes::notes(compared, view));
    }
    // Of a live page they would be another line in every round.
    notes.extend(answer_times(report).filter(|_| !view.live));
    notes
}

fn answer_times(report: &Report) -> Option<Note> {
    let AnswerTimes { p50, p95, max } = AnswerTimes::of(report)?;
    let [p50, p95, max] = [p50, p95, max].map(time);
    Some(Note {
        label: "",
        text: match p50 == max {
            true => format!("answer time: {max}"),
            false => format!("answer time: p50 {p50}, p95 {p95}, maximum {max}"),
        },
    })
}

/// By which ranges items were compared where none was given, and what is missing.
fn item_notes(ranked: &RankedPeople, items: &ItemTable) -> Vec<Note> {
    let note = |label, text| Note { label, text };
    let mut notes = Vec::new();
    for ItemField {
        name,
        kind,
        range,
        is_observed,
        missing,
    } in &items.fields
    {
        if let Some(ends) = range.filter(|[from, to]| *is_observed && from < to) {
            let [from, to] = ends.map(|end| shown(*kind, end));
            let range = format!("{from}..{to}");
            notes.push(note(
                "range",
                format!("{name} {range} as observed; --feature {name}={range} keeps it"),
            ));
        }
        if *missing > 0 {
            notes.push(note(
                "missing",
                format!("{name} of {missing} of {}", items.len()),
            ));
        }
    }
    if ranked.ranking.incomparable > 0 {
        let text = format!(
            "{} have no field in common with another",
            ranked.ranking.incomparable
        );
        notes.push(note("not ranked", text));
    }
    notes
}

//! A comparison of runs for programs: one JSON document, JSON Lines, or CSV.

use std::{
    collections::HashSet,
    io::{self, Write},
    path::Path,
};

use serde::Serialize;
use serde_json::{
    Value,
    ser::{CompactFormatter, PrettyFormatter},
};

use crate::{
    compare::{Difference, Differences},
    report::{
        csv::{cell, text},
        diff::{
            changes::{Change, ChangeKind, RunDiff},
            side::SavedOutcome,
        },
        model::{Input, Report},
        printable_json::write_value,
        run_format::{RoundTimes, SummaryLine, endpoints},
    },
    survey::{hosts::fold, outcome::OutcomeKind},
};

/// The version of the format, the value of `labrpc_diff`.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct DiffHeader<'a> {
    labrpc_diff: u32,
    version: &'static str,
    method: &'a str,
    a: Side<'a>,
    b: Side<'a>,
}

#[derive(Serialize)]
struct Side<'a> {
    file: &'a Path,
    endpoints: usize,
}

#[derive(Serialize)]
struct ChangeLine<'a> {
    change: ChangeKind,
    count: usize,
    endpoints: String,
    before: Option<&'a SavedOutcome>,
    after: Option<&'a SavedOutcome>,
    differences: Vec<DifferenceLine<'a>>,
    /// How many differences there are beyond those.
    omitted: usize,
}

#[derive(Serialize)]
struct DifferenceLine<'a> {
    path: String,
    /// Left out where there is nothing, because a value may be null.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Value>,
}

#[derive(Serialize)]
struct DiffSummary {
    came: usize,
    went: usize,
    changed: usize,
    same: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum TaggedLine<'a> {
    Change(ChangeLine<'a>),
    Summary(DiffSummary),
}

/// Writes one document.
///
/// # Errors
/// Those of `out`.
pub fn json(diff: &RunDiff, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(flatten)]
        header: DiffHeader<'a>,
        changes: Vec<ChangeLine<'a>>,
        summary: DiffSummary,
    }
    let document = Document {
        header: header(diff),
        changes: diff.changes.iter().map(change_line).collect(),
        summary: summary(diff),
    };
    write_value(&document, PrettyFormatter::new(), out)?;
    writeln!(out)
}

/// Writes lines: a header, the changes, a summary.
///
/// # Errors
/// Those of `out`.
pub fn jsonl(diff: &RunDiff, out: &mut dyn Write) -> io::Result<()> {
    write_line(&header(diff), out)?;
    let changes = diff
        .changes
        .iter()
        .map(|change| TaggedLine::Change(change_line(change)));
    let mut lines = changes.chain([TaggedLine::Summary(summary(diff))]);
    lines.try_for_each(|line| write_line(&line, out))
}

fn write_line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    write_value(value, CompactFormatter, out)?;
    writeln!(out)
}

/// Writes what changed in a later round of a survey: when it was, the endpoints that changed as they are now, in the
/// lines of a saved run, the changes, and the summary.
///
/// # Errors
/// Those of `out`.
pub fn jsonl_round(report: &Report, diff: &RunDiff, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum RoundLine<'a> {
        Round(RoundTimes),
        Change(ChangeLine<'a>),
        Summary(SummaryLine),
    }
    write_line(&RoundLine::Round(RoundTimes::new(report)), out)?;
    let Input::Survey(survey) = &report.input else {
        return Ok(());
    };
    let changes = diff.changes.iter();
    let changed: HashSet<_> = changes.flat_map(|change| &change.endpoints).collect();
    for (endpoint, mut line) in survey.hosts.iter().zip(endpoints(report)) {
        if changed.contains(&endpoint) && line.outcome != OutcomeKind::DuplicateLine.name() {
            // The groups of this round are not written.
            line.group = None;
            write_line(&line, out)?;
        }
    }
    for change in &diff.changes {
        write_line(&RoundLine::Change(change_line(change)), out)?;
    }
    write_line(&RoundLine::Summary(SummaryLine::new(report)), out)
}

/// Writes a row for each endpoint and what changed there.
///
/// # Errors
/// Those of `out`.
pub fn csv(diff: &RunDiff, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    rows.write_record(["endpoint", "change", "path", "before", "after", "omitted"])?;
    for Change {
        kind,
        before,
        after,
        differences,
        endpoints,
    } in &diff.changes
    {
        let Differences { listed, omitted } = &**differences;
        for endpoint in endpoints {
            let endpoint = text(&endpoint.to_string());
            let mut row = |path: &str, before: &str, after: &str| {
                let omitted = omitted.to_string();
                rows.write_record([&endpoint, kind.name(), path, before, after, &omitted])
            };
            if before != after {
                let state = |of: &Option<_>| text(&state_text(of.as_ref()));
                row("", &state(before), &state(after))?;
            }
            for Difference {
                path,
                reference,
                value,
            } in listed
            {
                row(&text(&path.to_string()), &side(reference), &side(value))?;
            }
        }
    }
    rows.flush()
}

/// A value on one side. Nothing, null and an empty text are told apart: what could be taken for another is as in JSON.
fn side(value: &Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(value) if [&Value::Null, &"".into(), &"null".into()].contains(&value) => {
            value.to_string()
        }
        Some(value) => cell(value),
    }
}

/// An outcome and its details.
pub(crate) fn state_text(state: Option<&SavedOutcome>) -> String {
    match state {
        None => String::new(),
        Some(SavedOutcome {
            outcome,
            detail: None,
            ..
        }) => outcome.clone(),
        Some(SavedOutcome {
            outcome,
            detail: Some(detail),
            ..
        }) => format!("{outcome} ({detail})"),
    }
}

fn header(diff: &RunDiff) -> DiffHeader<'_> {
    let side = |at: usize| Side {
        file: &diff.files[at],
        endpoints: diff.counts[at],
    };
    DiffHeader {
        labrpc_diff: VERSION,
        version: env!("CARGO_PKG_VERSION"),
        method: &diff.method,
        a: side(0),
        b: side(1),
    }
}

fn change_line(change: &Change) -> ChangeLine<'_> {
    let differences = change
        .differences
        .listed
        .iter()
        .map(|difference| DifferenceLine {
            path: difference.path.to_string(),
            before: difference.reference.as_ref(),
            after: difference.value.as_ref(),
        });
    ChangeLine {
        change: change.kind,
        count: change.endpoints.len(),
        endpoints: fold(change.endpoints.iter().cloned()),
        before: change.before.as_ref(),
        after: change.after.as_ref(),
        differences: differences.collect(),
        omitted: change.differences.omitted,
    }
}

fn summary(diff: &RunDiff) -> DiffSummary {
    DiffSummary {
        came: diff.count(ChangeKind::Came),
        went: diff.count(ChangeKind::Went),
        changed: diff.count(ChangeKind::Changed),
        same: diff.same(),
    }
}

//! A comparison of runs for programs: one JSON document, JSON Lines, or CSV.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use serde::Serialize;
use serde_json::{
    Value, json,
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

/// Writes one document.
///
/// # Errors
/// Those of `out`.
pub fn json(diff: &RunDiff, out: &mut dyn Write) -> io::Result<()> {
    let mut document = header(diff);
    document["changes"] = diff.changes.iter().map(change_value).collect();
    document["summary"] = summary(diff);
    write_value(&document, PrettyFormatter::new(), out)?;
    writeln!(out)
}

/// Writes lines: a header, the changes, a summary.
///
/// # Errors
/// Those of `out`.
pub fn jsonl(diff: &RunDiff, out: &mut dyn Write) -> io::Result<()> {
    write_line(&header(diff), out)?;
    write_changes(diff, out)?;
    write_line(&json!({"summary": summary(diff)}), out)
}

fn write_changes(diff: &RunDiff, out: &mut dyn Write) -> io::Result<()> {
    let mut changes = diff.changes.iter();
    changes.try_for_each(|change| write_line(&json!({"change": change_value(change)}), out))
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
    write_line(&json!({"round": RoundTimes::new(report)}), out)?;
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
    write_changes(diff, out)?;
    write_line(&json!({"summary": SummaryLine::new(report)}), out)
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
    let Some(SavedOutcome {
        outcome,
        code: _,
        detail,
    }) = state
    else {
        return String::new();
    };
    match detail {
        None => outcome.clone(),
        Some(detail) => format!("{outcome} ({detail})"),
    }
}

fn header(diff: &RunDiff) -> Value {
    let RunDiff {
        files,
        method,
        counts,
        changes: _,
    } = diff;
    let side = |at: usize| json!({"file": files[at].to_string_lossy(), "endpoints": counts[at]});
    json!({
        "labrpc_diff": VERSION,
        "version": env!("CARGO_PKG_VERSION"),
        "method": method,
        "a": side(0),
        "b": side(1),
    })
}

fn change_value(change: &Change) -> Value {
    let Change {
        kind,
        before,
        after,
        differences,
        endpoints,
    } = change;
    let Differences { listed, omitted } = &**differences;
    json!({
        "change": kind,
        "count": endpoints.len(),
        "endpoints": fold(endpoints.iter().cloned()),
        "before": before,
        "after": after,
        "differences": listed.iter().map(difference_value).collect::<Value>(),
        // How many there are beyond those.
        "omitted": omitted,
    })
}

/// A side that has nothing is left out, because a value may be null.
fn difference_value(difference: &Difference) -> Value {
    let Difference {
        path,
        reference,
        value,
    } = difference;
    let path = Some(path.to_string().into());
    let parts = [
        ("path", path),
        ("before", reference.clone()),
        ("after", value.clone()),
    ];
    let parts = parts
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(parts.collect())
}

fn summary(diff: &RunDiff) -> Value {
    json!({
        "came": diff.count(ChangeKind::Came),
        "went": diff.count(ChangeKind::Went),
        "changed": diff.count(ChangeKind::Changed),
        "same": diff.same(),
    })
}

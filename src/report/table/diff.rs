//! A comparison of two runs for a terminal.

use std::io::{self, Write};

use crate::{
    report::{
        diff::{Change, ChangeKind, RunDiff, export::state_text},
        failures::folded,
        format::plural,
        table::{
            differences,
            styles::{BAD, FAINT, GOOD, HEADING},
        },
        text::DifferenceText,
        wrap::LineWriter,
    },
    untrusted::Untrusted,
};

/// Changes listed; longer lists are for the other formats.
pub(super) const MAX_CHANGES: usize = 100;

/// Differences listed of a change.
const MAX_DIFFERENCES: usize = 20;

/// Writes `diff` to `out` for lines of `width` columns; `None` never breaks a line.
///
/// # Errors
/// Those of `out`.
pub fn write_diff(diff: &RunDiff, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let page = &mut LineWriter::new(width, out);
    let counts = ChangeKind::ALL.map(|kind| (diff.count(kind), kind.name()));
    let found = counts.iter().filter(|(count, _)| *count > 0);
    let mut parts: Vec<_> = found
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    parts.push(format!("{} unchanged", diff.same()));
    let style = if diff.changes.is_empty() {
        GOOD
    } else {
        HEADING
    };
    page.line(style, &parts.join(", "))?;
    if !diff.changes.is_empty() {
        page.blank()?;
    }
    for change in diff.changes.iter().take(MAX_CHANGES) {
        write_change("", change, page)?;
    }
    match diff.changes.len().saturating_sub(MAX_CHANGES) {
        0 => Ok(()),
        more => page.line(FAINT, &format!("and {}", plural(more, "more change"))),
    }
}

pub(super) fn write_change(
    before_label: &str,
    change: &Change,
    page: &mut LineWriter<'_>,
) -> io::Result<()> {
    // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
    let Change {
        kind,
        before,
        after,
        differences,
        endpoints,
    } = change;
    let count = match endpoints.len() {
        1 => String::new(),
        count => format!(" ({count})"),
    };
    let endpoints = folded(endpoints.iter().cloned());
    let label = format!("{before_label}{endpoints}{count}: ");
    let [old, new] = [before, after].map(|state| Untrusted::new(&state_text(state.as_ref())));
    let outcome = match kind {
        ChangeKind::Came => format!("came, {new}"),
        ChangeKind::Went => format!("went, was {old}"),
        ChangeKind::Changed if before == after => String::new(),
        ChangeKind::Changed => format!("{old} → {new}"),
    };
    let listed = differences.listed.iter().take(MAX_DIFFERENCES);
    let texts: Vec<_> = listed.map(DifferenceText::new).collect();
    let more = differences.count() - texts.len();
    match &texts[..] {
        [only] if outcome.is_empty() && more == 0 => {
            let DifferenceText {
                path,
                reference,
                value,
            } = only;
            return page.wrap(BAD, &label, 4, &format!("{path} {reference} → {value}"));
        }
        texts => {
            page.wrap(BAD, &label, 4, &outcome)?;
            differences::write(texts, 4, page)?;
        }
    }
    match more {
        0 => Ok(()),
        more => page.line(
            FAINT,
            &format!("    and {}", plural(more, "more difference")),
        ),
    }
}

//! A report for a terminal: the failures, folded, and then what was found, because the last lines of a screen stay
//! visible.
//!
//! Colours only repeat the words. Two runs with the same answers print the same, but for the line of answer times.

mod comparison;
mod diff;
mod differences;
mod ranking;
mod round;
mod styles;

use std::io::{self, Write};

use anstyle::Style;

use self::styles::{BAD, GOOD, HEADING};
pub use self::{diff::write_diff, round::write_round};
use crate::report::{
    failures::FailureGroup,
    model::{Report, RunInfo},
    text::{FindingsText, Note, Story},
    view::View,
    wrap::LineWriter,
};

/// Writes `report` to `out` for lines of `width` columns; `None` never breaks a line.
///
/// # Errors
/// Those of `out`.
pub fn write(
    report: &Report,
    view: &View<'_>,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
    let Report {
        run:
            RunInfo {
                started: _,
                finished: _,
                arguments: _,
                settings: _,
            },
        input: _,
        findings: _,
    } = report;
    let story = Story::new(report, view);
    let page = &mut LineWriter::new(width, out);
    match &story.findings {
        FindingsText::Ranking(text) => {
            outcomes_of(&story, page)?;
            ranking::write(text, page)
        }
        FindingsText::Comparison(text) => {
            summary(&story, page)?;
            comparison::write(text, page)?;
            if !story.failures.is_empty() {
                page.blank()?;
            }
            failed(&story.failures, page)
        }
    }
}

/// Writes the outcomes, and what was found in one line: the beginning of [`write()`].
///
/// # Errors
/// Those of `out`.
pub fn outcomes(
    report: &Report,
    view: &View<'_>,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let story = Story::new(report, view);
    outcomes_of(&story, &mut LineWriter::new(width, out))
}

/// Writes how many have answered, and what was found in one line.
///
/// # Errors
/// Those of `out`.
pub fn headline(
    report: &Report,
    view: &View<'_>,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let story = Story::new(report, view);
    summary(&story, &mut LineWriter::new(width, out))
}

fn outcomes_of(story: &Story<'_>, page: &mut LineWriter<'_>) -> io::Result<()> {
    failed(&story.failures, page)?;
    if !story.failures.is_empty() {
        page.blank()?;
    }
    summary(story, page)
}

/// One line for all endpoints that failed alike.
fn failed(failures: &[FailureGroup], page: &mut LineWriter<'_>) -> io::Result<()> {
    for failure in failures {
        let count = match failure.count {
            Some(count) => format!(" ({count})"),
            None => String::new(),
        };
        let hint = match &failure.hint {
            Some(hint) => format!("; {hint}"),
            None => String::new(),
        };
        let label = format!("{}{count}: ", failure.endpoints);
        let text = failure.text(failure.outcome.name());
        page.wrap(BAD, &label, 4, &format!("{text}{hint}"))?;
    }
    Ok(())
}

fn summary(story: &Story<'_>, page: &mut LineWriter<'_>) -> io::Result<()> {
    page.line(if story.complete { GOOD } else { HEADING }, &story.headline)?;
    if let Some(totals) = &story.totals {
        page.line(Style::new(), totals)?;
    }
    for Note { label, text } in &story.notes {
        match *label {
            "" => page.line(Style::new(), text)?,
            label => page.wrap(BAD, &format!("{label}: "), 4, text)?,
        }
    }
    Ok(())
}

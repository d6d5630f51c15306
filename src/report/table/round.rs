//! What changed in a later round of a survey, for a terminal. Each line begins with the time.

use std::io::{self, Write};

use anstyle::Style;

use crate::report::{
    diff::RunDiff,
    format::plural,
    model::Report,
    table::{
        diff::{MAX_CHANGES, write_change},
        styles::{FAINT, GOOD, HEADING},
    },
    text::{FindingsText, Story},
    view::View,
    wrap::LineWriter,
};

/// Closest pairs that are named.
const MAX_PAIRS: usize = 3;

/// Writes what changed from `before` to `after`, which was seen at `time`: the endpoints, the new headline, and who is
/// most alike, if that changed.
///
/// # Errors
/// Those of `out`.
pub fn write_round(
    time: &str,
    [before, after]: [&Report; 2],
    diff: &RunDiff,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let page = &mut LineWriter::new(width, out);
    let label = format!("{time}  ");
    for change in diff.changes.iter().take(MAX_CHANGES) {
        write_change(&label, change, page)?;
    }
    match diff.changes.len().saturating_sub(MAX_CHANGES) {
        0 => {}
        more => {
            let text = format!("{label}and {}", plural(more, "more change"));
            page.line(FAINT, &text)?;
        }
    }
    let [before, after] = [before, after].map(|report| Story::new(report, &View::default()));
    let style = if after.complete { GOOD } else { HEADING };
    page.line(style, &format!("{label}{}", after.headline))?;
    match closest(&after).filter(|closest| Some(closest) != self::closest(&before).as_ref()) {
        Some(closest) => page.wrap(Style::new(), &label, 4, &closest),
        None => Ok(()),
    }
}

/// Who is most alike, in one line.
fn closest(story: &Story<'_>) -> Option<String> {
    let FindingsText::Ranking(ranking) = &story.findings else {
        return None;
    };
    let pairs = ranking.answer.first_place.iter().take(MAX_PAIRS);
    let names = pairs.map(|pair| ranking.pair(pair).names.join(" and "));
    let mut names: Vec<_> = names.collect();
    if names.len() < ranking.answer.first_place.len() {
        names.push("…".to_owned());
    }
    let (title, verdict) = (&ranking.answer.title, ranking.answer.verdict.text());
    Some(format!("{title}: {verdict}: {}", names.join(", ")))
}

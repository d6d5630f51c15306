//! A report for a terminal: the failures, folded, and then the closest pairs, because the last lines of a screen stay
//! visible.
//!
//! Colours only repeat the words. Two runs with the same answers print the same.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::{
    report::{
        failures::FailureGroup,
        format::plural,
        model::Report,
        text::{
            Comparison, FieldText, GroupText, Groups, Note, PER_PERSON, PairText, Story,
            VerdictText,
        },
        view::View,
        wrap::LineWriter,
    },
    similarity::{Nearest, Ranking},
};

const HEADING: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();

/// Pairs explained unless more are asked for; longer lists are for `--format json` or csv.
const MAX_PAIRS: usize = 100;

/// Ids listed of a group; the other formats list more.
const MAX_NAMED: usize = 8;

/// Writes `report` to `out` for lines of `width` columns; `None` never breaks a line.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
    let Report {
        started: _,
        arguments: _,
        options,
        input: _,
        people: _,
        seat_of: _,
        ranking:
            Ranking {
                pairs: _,
                smallest: _,
                tied: _,
                margin: _,
                duplicates: _,
                twins: _,
                twin_groups: _,
                per_person: _,
                like: _,
            },
    } = report;
    let story = Story::new(report, &View::default());
    let mut page = LineWriter::new(width, out);
    outcomes_of(&story, &mut page)?;
    if let Some(groups) = &story.groups {
        identical(&story, groups, &mut page)?;
    }
    alike(&story, MAX_PAIRS.max(options.top), &mut page)?;
    match story.per_person {
        Some(nearest) => all_nearest(&story, nearest, &mut page),
        None => Ok(()),
    }
}

/// Writes the outcomes without the ranking: the beginning of [`write()`].
///
/// # Errors
/// Those of `out`.
pub fn outcomes(report: &Report, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let story = Story::new(report, &View::default());
    outcomes_of(&story, &mut LineWriter::new(width, out))
}

fn outcomes_of(story: &Story<'_>, page: &mut LineWriter<'_>) -> io::Result<()> {
    failed(&story.failures, page)?;
    summary(&story.headline, story.complete, &story.notes, page)
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
    match failures {
        [] => Ok(()),
        _ => page.blank(),
    }
}

fn summary(
    headline: &str,
    complete: bool,
    notes: &[Note],
    page: &mut LineWriter<'_>,
) -> io::Result<()> {
    page.line(if complete { GOOD } else { HEADING }, headline)?;
    for Note { label, text } in notes {
        match *label {
            "" => page.line(Style::new(), text)?,
            label => page.wrap(BAD, &format!("{label}: "), 4, text)?,
        }
    }
    Ok(())
}

fn identical(story: &Story<'_>, groups: &Groups<'_>, page: &mut LineWriter<'_>) -> io::Result<()> {
    page.blank()?;
    page.line(HEADING, &groups.heading)?;
    for group in groups.listed {
        let GroupText {
            count,
            build,
            names,
        } = story.group(group, MAX_NAMED);
        let label = format!("{count:>4} × {}: ", build.unwrap_or_default());
        page.wrap(Style::new(), &label, 7, &names)?;
    }
    match groups.total - groups.listed.len() {
        0 => Ok(()),
        more => page.line(FAINT, &format!("       and {}", plural(more, "more group"))),
    }
}

fn alike(story: &Story<'_>, max_pairs: usize, page: &mut LineWriter<'_>) -> io::Result<()> {
    let Comparison {
        title,
        build,
        verdict,
        pairs,
        ..
    } = &story.answer;
    page.blank()?;
    if let Some(build) = build {
        page.line(HEADING, &format!("{title}: {build}"))?;
    }
    match verdict {
        VerdictText::Found(_) if build.is_some() => {}
        VerdictText::Found(text) => page.line(HEADING, &format!("{title}: {text}"))?,
        VerdictText::Alone => page.line(Style::new(), verdict.text())?,
        VerdictText::Mistaken(text) => page.line(BAD, text)?,
    }
    for pair in pairs.iter().take(max_pairs) {
        explained(&story.pair(pair), page)?;
    }
    match story.more_pairs(max_pairs) {
        0 => Ok(()),
        1 => page.line(FAINT, "and one more pair"),
        more => page.line(FAINT, &format!("and {more} more pairs")),
    }
}

/// A pair, and what its distance is made of.
fn explained(pair: &PairText, page: &mut LineWriter<'_>) -> io::Result<()> {
    let PairText {
        rank,
        names: [a, b],
        distance,
        similarity,
        fields,
    } = pair;
    let distance = distance.as_deref().unwrap_or_default();
    let text = format!("distance {distance}, similarity {similarity}");
    page.wrap(HEADING, &format!("{rank:>3}. {a} and {b}: "), 7, &text)?;
    let fields = fields.iter().map(|field| {
        let FieldText {
            name,
            values,
            term,
            share,
        } = field;
        match share {
            Some(share) => format!("{name} {values}: {term} ({share} %)"),
            None => format!("{name} {values}: {term}"),
        }
    });
    let fields: Vec<_> = fields.collect();
    page.wrap(Style::new(), "     ", 7, &fields.join(" · "))
}

fn all_nearest(
    story: &Story<'_>,
    nearest: &[Nearest],
    page: &mut LineWriter<'_>,
) -> io::Result<()> {
    page.blank()?;
    page.line(HEADING, PER_PERSON)?;
    let rows = || nearest.iter().map(|nearest| story.nearest(nearest));
    let width = rows().map(|[person, ..]| person.len()).max().unwrap_or(0);
    for [person, other, distance] in rows() {
        writeln!(page.out, "{person:width$}  {other:width$}  {distance}")?;
    }
    Ok(())
}

//! A report for a terminal: the failures, folded, and then the answer, because the last lines of a screen are the
//! ones that stay visible.
//!
//! Colours repeat the words. Nothing that differs between two runs with the same answers is printed.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{
    report::{
        failures::Failure,
        format::plural,
        model::Report,
        text::{Answer, FieldText, GroupText, Groups, Note, PER_PERSON, PairText, Story, Verdict},
        view::View,
    },
    similarity::{Nearest, Ranking},
};

const HEADING: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();

/// Pairs explained unless more are asked for; longer lists are for `--format json` or csv.
const MAX_PAIRS: usize = 100;

/// Ids of a group that are named; the other formats have more.
const MAX_NAMED: usize = 8;

/// Writes `report` to `out` for lines of `width` columns; `None` never breaks a line.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    // Every field is named, so that a new one is not forgotten. The texts hold those that are not used here.
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
    let mut page = Page::new(width, out);
    let Story {
        report: _,
        view: _,
        headline: _,
        complete: _,
        notes: _,
        failures: _,
        answer,
        groups,
        per_person,
    } = &story;
    outcomes_of(&story, &mut page)?;
    if let Some(groups) = groups {
        identical(&story, groups, &mut page)?;
    }
    alike(&story, answer, MAX_PAIRS.max(options.top), &mut page)?;
    match per_person {
        Some(nearest) => all_nearest(&story, nearest, &mut page),
        None => Ok(()),
    }
}

/// Writes what became of the endpoints, without the ranking: how [`write()`] begins.
///
/// # Errors
/// Those of `out`.
pub fn outcomes(report: &Report, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let story = Story::new(report, &View::default());
    outcomes_of(&story, &mut Page::new(width, out))
}

fn outcomes_of(story: &Story<'_>, page: &mut Page<'_>) -> io::Result<()> {
    failed(&story.failures, page)?;
    summary(&story.headline, story.complete, &story.notes, page)
}

/// The output, and the width of its lines.
struct Page<'a> {
    out: &'a mut dyn Write,
    width: usize,
}

impl<'a> Page<'a> {
    fn new(width: Option<usize>, out: &'a mut dyn Write) -> Self {
        Self {
            out,
            width: width.unwrap_or(usize::MAX).max(20),
        }
    }

    fn line(&mut self, style: Style, text: &str) -> io::Result<()> {
        self.wrap(style, "", 0, text)
    }

    /// Writes `label` in `style` and then `text`, broken at spaces; further lines begin at `indent`.
    ///
    /// A word too wide for any line is cut where the line ends: Chinese has no spaces, and a peer's text as few
    /// as it likes.
    fn wrap(&mut self, style: Style, label: &str, indent: usize, text: &str) -> io::Result<()> {
        let (label_style, text_style) = if label.is_empty() {
            (Style::new(), style)
        } else {
            (style, Style::new())
        };
        // Columns used, the spaces owed to what was written last, and whether that was anything.
        let (mut used, mut gap, mut written) = (0, 0, false);
        for (style, part) in [(label_style, label), (text_style, text)] {
            write!(self.out, "{style}")?;
            for word in part.split_inclusive(' ') {
                let (word, after) = match word.strip_suffix(' ') {
                    Some(word) => (word, 1),
                    None => (word, 0),
                };
                if !word.is_empty() {
                    if written && used + gap + word.width() > self.width {
                        self.break_line(style, indent)?;
                        (used, gap) = (indent, 0);
                    }
                    write!(self.out, "{:gap$}", "")?;
                    used += gap;
                    gap = 0;
                    for c in word.chars() {
                        let width = c.width().unwrap_or(0);
                        if used + width > self.width {
                            self.break_line(style, indent)?;
                            used = indent;
                        }
                        write!(self.out, "{c}")?;
                        used += width;
                    }
                    written = true;
                }
                gap += after;
            }
            write!(self.out, "{style:#}")?;
        }
        writeln!(self.out)
    }

    /// Ends a line in the middle of a text. A pager forgets the colour there.
    fn break_line(&mut self, style: Style, indent: usize) -> io::Result<()> {
        write!(self.out, "{style:#}\n{:indent$}{style}", "")
    }

    fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }
}

/// Endpoints without a profile of their own: one line for all that failed alike.
fn failed(failures: &[Failure], page: &mut Page<'_>) -> io::Result<()> {
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

fn summary(headline: &str, complete: bool, notes: &[Note], page: &mut Page<'_>) -> io::Result<()> {
    page.line(if complete { GOOD } else { HEADING }, headline)?;
    for Note { label, text } in notes {
        match *label {
            "" => page.line(Style::new(), text)?,
            label => page.wrap(BAD, &format!("{label}: "), 4, text)?,
        }
    }
    Ok(())
}

fn identical(story: &Story<'_>, groups: &Groups<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let Groups {
        heading,
        remark: _,
        listed,
        total,
    } = groups;
    page.blank()?;
    page.line(HEADING, heading)?;
    for group in *listed {
        let GroupText {
            count,
            build,
            names,
        } = story.group(group, MAX_NAMED);
        let label = format!("{count:>4} × {}: ", build.unwrap_or_default());
        page.wrap(Style::new(), &label, 7, &names)?;
    }
    match total - listed.len() {
        0 => Ok(()),
        more => page.line(FAINT, &format!("       and {}", plural(more, "more group"))),
    }
}

fn alike(
    story: &Story<'_>,
    answer: &Answer<'_>,
    max_pairs: usize,
    page: &mut Page<'_>,
) -> io::Result<()> {
    let Answer {
        title,
        build,
        verdict,
        first_place: _,
        pairs,
        omitted: _,
    } = answer;
    page.blank()?;
    if let Some(build) = build {
        page.line(HEADING, &format!("{title}: {build}"))?;
    }
    match verdict {
        Verdict::Found(_) if build.is_some() => {}
        Verdict::Found(text) => page.line(HEADING, &format!("{title}: {text}"))?,
        Verdict::Alone => page.line(Style::new(), verdict.text())?,
        Verdict::Mistaken(text) => page.line(BAD, text)?,
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
fn explained(pair: &PairText, page: &mut Page<'_>) -> io::Result<()> {
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

fn all_nearest(story: &Story<'_>, nearest: &[Nearest], page: &mut Page<'_>) -> io::Result<()> {
    page.blank()?;
    page.line(HEADING, PER_PERSON)?;
    let rows = || nearest.iter().map(|nearest| story.nearest(nearest));
    let width = rows().map(|[person, ..]| person.len()).max().unwrap_or(0);
    for [person, other, distance] in rows() {
        writeln!(page.out, "{person:width$}  {other:width$}  {distance}")?;
    }
    Ok(())
}

//! A report for people: what failed, folded, and then the answer, which is what the last lines of a screen are
//! for.
//!
//! Colours repeat what the words say. Nothing that differs between two runs with the same answers is printed.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{
    profile::Profile,
    report::{
        failures::{Failure, Reason, failures},
        format::{self, number, plural},
        model::{Input, Report, Summary, Survey},
    },
    similarity::{Like, Pair, Terms},
};

const HEADING: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();

/// Pairs explained unless more are asked for; beyond that the list is for `--format json` or csv.
const MAX_PAIRS: usize = 100;

/// Pairs of identical people up to which each is listed; beyond that they come in groups.
const MAX_TWIN_PAIRS: u64 = 10;

/// Ids of a group that are named; the other forms have more.
const MAX_NAMED: usize = 8;

/// Writes `report` to `out` for lines of `width` columns; `None` never breaks a line.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let summary = report.summary();
    let mut page = Page {
        out,
        width: width.unwrap_or(usize::MAX).max(20),
    };
    if let Input::Survey(survey) = &report.input {
        failed(survey, &mut page)?;
    }
    headline(report, &summary, &mut page)?;
    twins(report, &mut page)?;
    if let Some(like) = &report.ranking.like {
        nearest_to(report, like, &mut page)?;
    } else {
        closest(report, &mut page)?;
    }
    all_nearest(report, &mut page)
}

/// Where the text goes, and how wide it may be.
struct Page<'a> {
    out: &'a mut dyn Write,
    width: usize,
}

impl Page<'_> {
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

/// Endpoints without a profile, and those with somebody else's id: one line for all that failed alike.
fn failed(survey: &Survey, page: &mut Page<'_>) -> io::Result<()> {
    let failures = failures(survey);
    for Failure {
        outcome,
        count,
        reason,
    } in &failures
    {
        let name = outcome.name();
        let Some(Reason {
            endpoints,
            detail,
            hint,
        }) = reason
        else {
            let label = format!("{count} more: ");
            page.wrap(BAD, &label, 4, &format!("{name}, each for another reason"))?;
            continue;
        };
        let count = match count {
            1 => String::new(),
            count => format!(" ({count})"),
        };
        let detail = match detail {
            Some(detail) => format!(" ({detail})"),
            None => String::new(),
        };
        let hint = match hint {
            Some(hint) => format!("; {hint}"),
            None => String::new(),
        };
        page.wrap(
            BAD,
            &format!("{endpoints}{count}: "),
            4,
            &format!("{name}{detail}{hint}"),
        )?;
    }
    if failures.is_empty() {
        Ok(())
    } else {
        page.blank()
    }
}

fn headline(report: &Report, summary: &Summary, page: &mut Page<'_>) -> io::Result<()> {
    let (ok, asked, duplicate_ids) = (summary.ok(), summary.asked(), &summary.duplicate_ids);
    let style = if ok == asked { GOOD } else { HEADING };
    let text = match report.input {
        Input::Survey(_) => format!("{ok} of {asked} answered"),
        Input::Files { .. } if ok == asked => format!("{ok} people"),
        Input::Files { .. } => format!("{ok} people in {asked} rows"),
    };
    page.line(style, &text)?;
    if let Input::Survey(_) = report.input
        && summary.unusable() > 0
    {
        page.line(
            Style::new(),
            &format!(
                "{} answered with data that cannot be used",
                summary.unusable()
            ),
        )?;
    }
    if !duplicate_ids.is_empty() {
        let ids: Vec<_> = duplicate_ids
            .iter()
            .take(20)
            .map(|id| id.as_str())
            .collect();
        let more = if duplicate_ids.len() > 20 {
            ", …"
        } else {
            ""
        };
        page.wrap(
            BAD,
            "duplicate id: ",
            4,
            &format!(
                "{}{more}; claimed more than once, and not ranked",
                ids.join(", ")
            ),
        )?;
    }
    Ok(())
}

/// Whether identical people are listed in groups, because a list of their pairs would say less.
fn groups_identical(report: &Report) -> bool {
    let ranking = &report.ranking;
    let large = ranking.twins.iter().any(|twins| twins.count > 2);
    let many = !ranking.twins.is_empty() && ranking.tied > MAX_TWIN_PAIRS;
    report.options.twins || large || many
}

fn twins(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let ranking = &report.ranking;
    if !groups_identical(report) {
        return Ok(());
    }
    page.blank()?;
    page.line(
        HEADING,
        &format!("Identical people: {}", plural(ranking.twin_groups, "group")),
    )?;
    for twins in &ranking.twins {
        let ids: Vec<_> = twins
            .people
            .iter()
            .take(MAX_NAMED)
            .map(|&person| report.people[person].id.as_str())
            .collect();
        let more = if ids.len() < twins.count { ", …" } else { "" };
        let label = format!(
            "{:>4} × {} cm, {} kg, {}: ",
            twins.count, twins.height, twins.weight, twins.size
        );
        page.wrap(
            Style::new(),
            &label,
            7,
            &format!("{}{more}", ids.join(", ")),
        )?;
    }
    match ranking.twin_groups - ranking.twins.len() {
        0 => Ok(()),
        more => page.line(FAINT, &format!("       and {}", plural(more, "more group"))),
    }
}

fn closest(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let ranking = &report.ranking;
    let Some(smallest) = ranking.smallest else {
        page.blank()?;
        return page.line(Style::new(), "It takes two people to be alike.");
    };
    page.blank()?;
    let tied = if ranking.tied == 1 {
        "one pair".to_owned()
    } else {
        format!("{} pairs", ranking.tied)
    };
    let margin = match ranking.margin {
        Some(margin) => format!("; the next is {} further apart", number(margin)),
        None => String::new(),
    };
    page.line(
        HEADING,
        &format!(
            "Most alike: {tied} at distance {}{margin}",
            number(smallest)
        ),
    )?;
    let grouped = groups_identical(report);
    let listed = ranking
        .pairs
        .iter()
        .filter(|pair| !(grouped && report.are_identical(pair)));
    let left_out = pairs(report, listed, page)?;
    // Pairs of identical people stand in their groups, whether they are in the list or too many for it.
    let omitted = match grouped && report.closest_are_identical() {
        true => 0,
        false => report.omitted_ties(),
    };
    more_pairs(left_out + omitted, page)
}

/// What a list leaves out.
fn more_pairs(more: u64, page: &mut Page<'_>) -> io::Result<()> {
    match more {
        0 => Ok(()),
        1 => page.line(FAINT, "and one more pair"),
        more => page.line(FAINT, &format!("and {more} more pairs")),
    }
}

fn nearest_to(report: &Report, like: &Like, page: &mut Page<'_>) -> io::Result<()> {
    page.blank()?;
    match like {
        Like::Unknown(id) => page.line(BAD, &format!("Nobody with the id {id} has answered.")),
        Like::Duplicate(id) => page.line(
            BAD,
            &format!("The id {id} is claimed more than once, so nobody is compared with it."),
        ),
        Like::Found { person, nearest } => {
            page.line(HEADING, &format!("Most like {}", report.people[*person]))?;
            let left_out = pairs(report, nearest, page)?;
            more_pairs(left_out, page)
        }
    }
}

fn all_nearest(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let Some(nearest_of_all) = &report.ranking.per_person else {
        return Ok(());
    };
    page.blank()?;
    page.line(HEADING, "Everybody's nearest")?;
    let id = |person: usize| report.people[person].id;
    let width = nearest_of_all
        .iter()
        .map(|nearest| id(nearest.person).as_str().len())
        .max()
        .unwrap_or(0);
    for nearest in nearest_of_all {
        let (person, other) = (id(nearest.person), id(nearest.nearest));
        writeln!(
            page.out,
            "{person:width$}  {other:width$}  {}",
            number(nearest.distance)
        )?;
    }
    Ok(())
}

/// Explains pairs, and returns how many it left out.
fn pairs<'a>(
    report: &Report,
    pairs: impl IntoIterator<Item = &'a Pair>,
    page: &mut Page<'_>,
) -> io::Result<u64> {
    let mut pairs = pairs.into_iter();
    for pair in pairs.by_ref().take(MAX_PAIRS.max(report.options.top)) {
        let Pair {
            rank,
            a,
            b,
            distance,
            similarity,
            terms,
        } = pair;
        let (a, b) = (&report.people[*a], &report.people[*b]);
        let label = format!("{rank:>3}. {} and {}: ", a.id, b.id);
        let text = format!("distance {}, similarity {similarity:.3}", number(*distance));
        page.wrap(HEADING, &label, 7, &text)?;
        let explanation = explanation(report, a, b, *distance, terms);
        page.wrap(Style::new(), "     ", 7, &explanation)?;
    }
    Ok(pairs.count() as u64)
}

/// What each field contributes, so that the distance can be checked by hand.
fn explanation(report: &Report, a: &Profile, b: &Profile, distance: f64, terms: &Terms) -> String {
    let Terms {
        height,
        weight,
        size,
    } = *terms;
    let share = |term: f64| match format::share(report.options.metric, distance, term) {
        Some(share) => format!("{} ({share:.0} %)", number(term)),
        None => number(term),
    };
    let field = |name, a: String, b: String, unit, term| {
        let values = if a == b {
            format!("both {a}{unit}")
        } else {
            format!("{a} and {b}{unit}")
        };
        format!("{name} {values}: {}", share(term))
    };
    [
        field(
            "height",
            a.height.to_string(),
            b.height.to_string(),
            " cm",
            height,
        ),
        field(
            "weight",
            a.weight.to_string(),
            b.weight.to_string(),
            " kg",
            weight,
        ),
        field("size", a.size.to_string(), b.size.to_string(), "", size),
    ]
    .join(" · ")
}

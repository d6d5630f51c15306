//! A ranking for a terminal.

use std::io;

use anstyle::Style;

use crate::{
    report::{
        format::plural,
        ranked::RankedPeople,
        table::styles::{BAD, FAINT, HEADING},
        text::{
            ALONE, ClosestText, FieldText, IdenticalGroups, IdenticalText, OUTLIERS, PER_PERSON,
            PairText, RankingText, VerdictText,
        },
        wrap::LineWriter,
    },
    similarity::{Nearest, Ranking},
};

/// Pairs explained unless more are asked for: more would push the headline off the screen.
const MAX_PAIRS: usize = 10;

/// Ids listed of a group; the other formats list more.
const MAX_NAMED: usize = 8;

pub(super) fn write(text: &RankingText<'_>, page: &mut LineWriter<'_>) -> io::Result<()> {
    // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
    let RankedPeople {
        options,
        people: _,
        counts: _,
        method: _,
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
                outliers: _,
                incomparable: _,
            },
    } = text.ranked;
    if let Some(groups) = &text.groups {
        identical(text, groups, page)?;
    }
    alike(text, MAX_PAIRS.max(options.top), page)?;
    if let Some(nearest) = text.per_person {
        all_nearest(text, nearest, page)?;
    }
    if !text.outliers.is_empty() {
        page.blank()?;
        page.line(HEADING, OUTLIERS)?;
    }
    let mut outliers = text.outliers.iter();
    outliers.try_for_each(|pair| explained(&text.outlier(pair), "nearest", page))
}

fn identical(
    text: &RankingText<'_>,
    groups: &IdenticalGroups<'_>,
    page: &mut LineWriter<'_>,
) -> io::Result<()> {
    page.blank()?;
    page.line(HEADING, &groups.heading)?;
    for group in groups.listed {
        let IdenticalText {
            count,
            build,
            names,
        } = text.group(group, MAX_NAMED);
        let label = match build {
            Some(build) => format!("{count:>4} × {build}: "),
            None => format!("{count:>4} × "),
        };
        page.wrap(Style::new(), &label, 7, &names)?;
    }
    match groups.total - groups.listed.len() {
        0 => Ok(()),
        more => page.line(FAINT, &format!("       and {}", plural(more, "more group"))),
    }
}

fn alike(text: &RankingText<'_>, max_pairs: usize, page: &mut LineWriter<'_>) -> io::Result<()> {
    let ClosestText {
        title,
        build,
        verdict,
        pairs,
        ..
    } = &text.answer;
    if text.ranked.people.is_empty() && matches!(verdict, VerdictText::NotRanked(ALONE)) {
        return Ok(());
    }
    page.blank()?;
    if let Some(build) = build {
        page.line(HEADING, &format!("{title}: {build}"))?;
    }
    match verdict {
        VerdictText::Found(_) if build.is_some() => {}
        VerdictText::Found(text) => page.line(HEADING, &format!("{title}: {text}"))?,
        VerdictText::NotRanked(_) => page.line(Style::new(), verdict.text())?,
        VerdictText::Mistaken(text) => page.line(BAD, text)?,
    }
    for pair in pairs.iter().take(max_pairs) {
        let words = if build.is_some() { "" } else { "and" };
        explained(&text.pair(pair), words, page)?;
    }
    let all = text.ranked.ranking.pairs.len() as u64 + text.answer.omitted;
    match text.more_pairs(max_pairs) {
        0 => Ok(()),
        1 => page.line(FAINT, &format!("and one more pair; --top {all} shows it")),
        more => {
            let text = format!("and {more} more pairs; --top {all} shows them");
            page.line(FAINT, &text)
        }
    }
}

/// A pair joined by a word, or without one the second of the pair alone, and what the distance is made of.
fn explained(pair: &PairText, word: &str, page: &mut LineWriter<'_>) -> io::Result<()> {
    let PairText {
        rank,
        names: [a, b],
        distance,
        similarity,
        fields,
    } = pair;
    let text = match distance {
        Some(distance) => format!("distance {distance}, similarity {similarity}"),
        None => format!("similarity {similarity}"),
    };
    let label = match word {
        "" => format!("{rank:>3}. {b}: "),
        word => format!("{rank:>3}. {a} {word} {b}: "),
    };
    page.wrap(HEADING, &label, 7, &text)?;
    let fields = fields.iter().map(|field| {
        let FieldText {
            name,
            values,
            term,
            amount: _,
            share,
            differs: _,
        } = field;
        match share {
            Some(share) => format!("{name} {values}: {term} ({share} %)"),
            None => format!("{name} {values}: {term}"),
        }
    });
    let fields: Vec<_> = fields.collect();
    match fields.is_empty() {
        true => Ok(()),
        false => page.wrap(Style::new(), "     ", 7, &fields.join(" · ")),
    }
}

fn all_nearest(
    text: &RankingText<'_>,
    nearest: &[Nearest],
    page: &mut LineWriter<'_>,
) -> io::Result<()> {
    page.blank()?;
    page.line(HEADING, PER_PERSON)?;
    let rows = || nearest.iter().map(|nearest| text.nearest(nearest));
    let width = rows().map(|[person, ..]| person.len()).max().unwrap_or(0);
    for [person, other, distance] in rows() {
        writeln!(page.out, "{person:width$}  {other:width$}  {distance}")?;
    }
    Ok(())
}

//! A report as CSV after RFC 4180, safe to open in a spreadsheet.
//!
//! CSV holds one table, so the report's main one is written: of a survey the endpoints, of a ranking one person's
//! nearest, everybody's nearest or the twins where these were asked for, and the closest pairs otherwise.

use std::io::{self, Write};

use crate::{
    report::{
        document::{
            EndpointLine, LikeLine, NearestLine, PairLine, TwinsLine, endpoints, pairs, per_person,
            twins,
        },
        model::{Input, Report},
    },
    similarity::Ranking,
};

/// Writes `report` to `out`.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    // Every field is named, so that a new one is not forgotten. The lines hold those that are not used here.
    let Report {
        started: _,
        arguments: _,
        options,
        input,
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
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    match input {
        Input::Survey(_) => {
            csv.write_record([
                "line",
                "endpoint",
                "outcome",
                "detail",
                "dialect",
                "id",
                "height",
                "weight",
                "size",
                "attempts",
                "elapsed_ms",
            ])?;
            endpoints(report).try_for_each(|line| csv.write_record(endpoint(&line)))?;
        }
        Input::Files { .. } if options.like.is_some() => {
            let nearest = LikeLine::new(report).and_then(|like| like.nearest);
            pair_lines(&mut csv, nearest.into_iter().flatten())?;
        }
        Input::Files { .. } if options.per_person => {
            csv.write_record(["id", "nearest", "distance"])?;
            for NearestLine {
                id,
                nearest,
                distance,
            } in per_person(report)
            {
                csv.write_record([text(id.as_str()), text(nearest.as_str()), number(distance)])?;
            }
        }
        Input::Files { .. } if options.twins => {
            csv.write_record(["count", "height", "weight", "size", "ids"])?;
            for TwinsLine {
                count,
                profile,
                ids,
            } in twins(report)
            {
                let ids: Vec<_> = ids.iter().map(|id| id.as_str()).collect();
                csv.write_record([
                    number(count),
                    number(profile.height),
                    number(profile.weight),
                    text(profile.size.name()),
                    text(&ids.join(" ")),
                ])?;
            }
        }
        Input::Files { .. } => pair_lines(&mut csv, pairs(report))?,
    }
    csv.flush()
}

fn pair_lines<W: Write>(
    csv: &mut csv::Writer<W>,
    pairs: impl Iterator<Item = PairLine>,
) -> io::Result<()> {
    csv.write_record([
        "rank",
        "a",
        "b",
        "distance",
        "similarity",
        "height",
        "weight",
        "size",
    ])?;
    for PairLine {
        rank,
        a,
        b,
        distance,
        similarity,
        terms,
    } in pairs
    {
        csv.write_record([
            number(rank),
            text(a.as_str()),
            text(b.as_str()),
            number(distance),
            number(similarity),
            number(terms.height),
            number(terms.weight),
            number(terms.size),
        ])?;
    }
    Ok(())
}

fn endpoint(line: &EndpointLine<'_>) -> [String; 11] {
    let EndpointLine {
        line,
        endpoint,
        outcome,
        dialect,
        profile,
        detail,
        attempts,
        elapsed_ms,
        phases_ms: _,
    } = line;
    let profile = profile.as_deref();
    [
        number(line),
        text(endpoint),
        text(outcome),
        detail.as_deref().map(text).unwrap_or_default(),
        dialect
            .map(|dialect| text(dialect.name()))
            .unwrap_or_default(),
        profile
            .map(|profile| text(profile.id.as_str()))
            .unwrap_or_default(),
        profile
            .map(|profile| number(profile.height))
            .unwrap_or_default(),
        profile
            .map(|profile| number(profile.weight))
            .unwrap_or_default(),
        profile
            .map(|profile| text(profile.size.name()))
            .unwrap_or_default(),
        number(attempts),
        number(elapsed_ms),
    ]
}

/// A number of our own making: a minus sign before it is no formula.
fn number(value: impl ToString) -> String {
    value.to_string()
}

/// A text, with an apostrophe before whatever a spreadsheet would run as a formula.
///
/// A cell can begin inside of a text as well: a spreadsheet that splits at semicolons or bars takes no notice of
/// quotes behind a comma. There the apostrophe stands before spaces and quotes too, because some readers drop them.
fn text(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len() + 1);
    if text.starts_with(FORMULA) {
        guarded.push('\'');
    }
    for (at, c) in text.char_indices() {
        guarded.push(c);
        let cell = text[at + c.len_utf8()..].trim_start_matches([' ', '"', '\'']);
        if SEPARATORS.contains(&c) && cell.starts_with(FORMULA) {
            guarded.push('\'');
        }
    }
    guarded
}

/// What spreadsheets split rows at, beside the comma.
const SEPARATORS: [char; 3] = [';', '|', '\t'];

/// What a formula begins with, in some locale.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

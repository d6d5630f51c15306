//! A report as JSON Lines: the saved run, which `--only-failed` and `rank` read back.
//!
//! A header, one line an endpoint, one line a pair or a group of equal answers, the other lists of the options,
//! and the summary.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::CompactFormatter;

use crate::{
    report::{
        comparison::ComparedAnswers,
        model::{Findings, RankedPeople, Report, RunInfo},
        printable_json::write_value,
        run_format::{
            AnswerLine, Header, LikeLine, NearestLine, SummaryLine, TwinsLine, answers, endpoints,
            pairs, per_person, twins,
        },
    },
    similarity::Ranking,
};

/// A line whose fields do not identify its kind.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Tagged<'a> {
    Answer(AnswerLine<'a>),
    Like(LikeLine),
    Twins(TwinsLine),
    PerPerson(NearestLine),
    Summary(SummaryLine),
}

/// Writes `report` to `out`.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
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
        findings,
    } = report;
    line(out, &Header::new(report))?;
    endpoints(report).try_for_each(|endpoint| line(out, &endpoint))?;
    match findings {
        Findings::Ranking(ranked) => ranking_lines(ranked, out)?,
        Findings::Comparison(compared) => {
            let ComparedAnswers {
                method: _,
                options: _,
                hosts: _,
                comparison: _,
                reference: _,
                group_of: _,
                distinct: _,
            } = compared;
            answers(compared).try_for_each(|answer| line(out, &Tagged::Answer(answer)))?;
        }
    }
    line(out, &Tagged::Summary(SummaryLine::new(report)))
}

fn ranking_lines(ranked: &RankedPeople, out: &mut dyn Write) -> io::Result<()> {
    let RankedPeople {
        options,
        people: _,
        counts: _,
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
    } = ranked;
    pairs(ranked).try_for_each(|pair| line(out, &pair))?;
    if let Some(like) = LikeLine::new(ranked) {
        line(out, &Tagged::Like(like))?;
    }
    if options.twins {
        twins(ranked).try_for_each(|twins| line(out, &Tagged::Twins(twins)))?;
    }
    per_person(ranked).try_for_each(|nearest| line(out, &Tagged::PerPerson(nearest)))
}

fn line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    write_value(value, CompactFormatter, out)?;
    writeln!(out)
}

//! A report as one JSON document.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::ser::PrettyFormatter;

use crate::{
    report::{
        comparison::ComparedAnswers,
        model::{Findings, Report, RunInfo},
        printable_json::write_value,
        ranked::RankedPeople,
        run_format::{
            Header, LikeLine, SummaryLine, answers, endpoints, outliers, pairs, per_person, twins,
        },
    },
    similarity::Ranking,
};

#[derive(Serialize)]
struct RankingDocument<'a, E, P, T, N, O> {
    #[serde(flatten)]
    header: Header<'a>,
    endpoints: E,
    pairs: P,
    like: Option<LikeLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    twins: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_person: Option<N>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outliers: Option<O>,
    summary: SummaryLine,
}

/// It has the keys of a ranking that are always there.
#[derive(Serialize)]
struct ComparisonDocument<'a, E, A> {
    #[serde(flatten)]
    header: Header<'a>,
    endpoints: E,
    pairs: [(); 0],
    like: (),
    answers: A,
    summary: SummaryLine,
}

/// A sequence whose items are made one by one as they are written: 100,000 lines are not held in memory twice.
struct Sequence<F>(F);

impl<F, I> Serialize for Sequence<F>
where
    F: Fn() -> I,
    I: Iterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
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
    match findings {
        Findings::Ranking(ranked) => write_ranking(report, ranked, out)?,
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
            let document = ComparisonDocument {
                header: Header::new(report),
                endpoints: Sequence(|| endpoints(report)),
                pairs: [],
                like: (),
                answers: Sequence(|| answers(compared, &compared.distinct)),
                summary: SummaryLine::new(report),
            };
            write_value(&document, PrettyFormatter::new(), out)?;
        }
    }
    writeln!(out)
}

fn write_ranking(report: &Report, ranked: &RankedPeople, out: &mut dyn Write) -> io::Result<()> {
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
    } = ranked;
    let document = RankingDocument {
        header: Header::new(report),
        endpoints: Sequence(|| endpoints(report)),
        pairs: Sequence(|| pairs(ranked)),
        like: LikeLine::new(ranked),
        twins: options.twins.then_some(Sequence(|| twins(ranked))),
        per_person: (options.per_person).then_some(Sequence(|| per_person(ranked))),
        outliers: (options.outliers > 0).then_some(Sequence(|| outliers(ranked))),
        summary: SummaryLine::new(report),
    };
    write_value(&document, PrettyFormatter::new(), out)
}

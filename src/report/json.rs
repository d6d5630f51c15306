//! A report as one JSON document.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::{
    report::{
        model::{Findings, RankedPeople, Report, RunInfo},
        run_format::{Header, LikeLine, SummaryLine, endpoints, pairs, per_person, twins},
    },
    similarity::Ranking,
};

#[derive(Serialize)]
struct Document<'a, E: Serialize, P: Serialize, T: Serialize, N: Serialize> {
    #[serde(flatten)]
    header: Header<'a>,
    endpoints: E,
    pairs: P,
    like: Option<LikeLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    twins: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_person: Option<N>,
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
    let header = Header::new(report);
    let endpoints = Sequence(|| endpoints(report));
    let summary = SummaryLine::new(report);
    match findings {
        Findings::Ranking(ranked) => {
            let RankedPeople {
                options,
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
            } = ranked;
            let document = Document {
                header,
                endpoints,
                pairs: Sequence(|| pairs(ranked)),
                like: LikeLine::new(ranked),
                twins: options.twins.then_some(Sequence(|| twins(ranked))),
                per_person: (options.per_person).then_some(Sequence(|| per_person(ranked))),
                summary,
            };
            serde_json::to_writer_pretty(&mut *out, &document)?;
        }
    }
    writeln!(out)
}

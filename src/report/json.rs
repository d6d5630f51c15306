//! A report as one JSON document.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::{
    report::{
        model::Report,
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
    let document = Document {
        header: Header::new(report),
        endpoints: Sequence(|| endpoints(report)),
        pairs: Sequence(|| pairs(report)),
        like: LikeLine::new(report),
        twins: options.twins.then_some(Sequence(|| twins(report))),
        per_person: options
            .per_person
            .then_some(Sequence(|| per_person(report))),
        summary: SummaryLine::new(report),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

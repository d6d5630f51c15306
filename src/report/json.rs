//! A report as one JSON document.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::{
    report::{
        document::{Header, LikeLine, SummaryLine, endpoints, pairs, per_person, twins},
        model::Report,
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

/// Lines that are made one by one as they are written: a campus has too many to hold them all twice.
struct Lines<F>(F);

impl<F, I> Serialize for Lines<F>
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
    // Every field is named, so that a new one is not forgotten. The lines hold those that are not used here.
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
        endpoints: Lines(|| endpoints(report)),
        pairs: Lines(|| pairs(report)),
        like: LikeLine::new(report),
        twins: options.twins.then_some(Lines(|| twins(report))),
        per_person: options.per_person.then_some(Lines(|| per_person(report))),
        summary: SummaryLine::new(report),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

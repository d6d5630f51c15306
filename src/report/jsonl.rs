//! A run as JSON Lines: the saved run, which `--only-failed`, `merge`, `rank` and `diff` read back.
//!
//! A header, one line an endpoint, one line a pair or a group of equal answers, the other lists of the options, and the
//! summary. While a survey is under way, [`RunLines`] writes the line of each endpoint when it is decided, so that what a
//! killed process leaves is a valid beginning. Such a run has the endpoints that will be asked behind the header: those
//! without a line are not yet asked.

use std::{
    io::{self, Write},
    time::SystemTime,
};

use serde::Serialize;
use serde_json::{Value, ser::CompactFormatter};

use crate::{
    compare::Rules,
    question::AnswerId,
    report::{
        answer::Answer,
        comparison::ComparedAnswers,
        distinct::{AnswerValues, DistinctAnswers},
        model::{Findings, Report, RunInfo},
        printable_json::write_value,
        ranked::RankedPeople,
        run_format::{
            AnswerLine, EndpointLine, Header, LikeLine, ListedEndpoint, NearestLine, OutlierLine,
            SummaryLine, TwinsLine, answers, outliers, pairs, per_person, twins,
        },
        topic::Topic,
    },
    similarity::Ranking,
    survey::{hosts::Hosts, outcome::EndpointResult},
};

/// Bytes from which on a line of listed endpoints is ended, far below the longest line that is read.
const LIST_LINE: usize = 16 * 1024;

/// A line whose fields do not identify its kind.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Tagged<'a> {
    List(&'a [ListedEndpoint<'a>]),
    Value(ValueLine),
    Answer(AnswerLine<'a>),
    Like(LikeLine<'a>),
    Twins(TwinsLine<'a>),
    PerPerson(NearestLine<'a>),
    Outlier(OutlierLine<'a>),
    Summary(SummaryLine),
}

/// What an endpoint answered, before the line of the first one that did.
#[derive(Serialize)]
struct ValueLine {
    /// Its number among the distinct answers of the run.
    group: u32,
    /// What counts of it.
    value: Value,
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
    let distinct = match findings {
        Findings::Ranking(_) => None,
        Findings::Comparison(compared) => Some(&compared.distinct),
    };
    if let Some(survey) = report.surveyed() {
        let mut written = 0;
        for (index, result) in survey.answers.iter().enumerate() {
            let endpoint = EndpointLine::new(index, &survey.hosts, result, distinct);
            endpoint_line(&endpoint, distinct, &mut written, out)?;
        }
    }
    end(report, distinct, None, out)
}

/// The lines of a run that is under way.
pub struct RunLines {
    distinct: Option<DistinctAnswers>,
    written: u32,
}

impl RunLines {
    /// Writes the header, and which endpoints the run will have.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin(
        topic: &Topic,
        run: &RunInfo,
        hosts: &Hosts,
        out: &mut dyn Write,
    ) -> io::Result<Self> {
        line(out, &Header::begin(run, topic, hosts))?;
        let (mut listed, mut size) = (Vec::new(), 0);
        for index in 0..hosts.len() {
            let endpoint = ListedEndpoint::new(hosts, index);
            size += endpoint.size();
            listed.push(endpoint);
            if size > LIST_LINE {
                line(out, &Tagged::List(&listed))?;
                listed.clear();
                size = 0;
            }
        }
        if !listed.is_empty() {
            line(out, &Tagged::List(&listed))?;
        }
        let distinct = match topic {
            Topic::Answers(question, options) if options.ranking.is_none() => {
                let rules = Rules::new(&options.ignore, &options.only);
                let question = question.clone();
                let values = AnswerValues::new(move |answer| question.value(AnswerId(answer)));
                Some(DistinctAnswers::new(rules, options.fields.clone(), values))
            }
            Topic::Profiles(_) | Topic::Answers(..) => None,
        };
        Ok(Self {
            distinct,
            written: 0,
        })
    }

    /// Writes the line of an endpoint that is decided, at an index that counts from 0.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn endpoint(
        &mut self,
        hosts: &Hosts,
        index: usize,
        result: &EndpointResult<Answer>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if let (Some(distinct), Some(answer)) = (&mut self.distinct, result.outcome.answer_number())
        {
            distinct.add(answer);
        }
        let distinct = self.distinct.as_ref();
        let endpoint = EndpointLine::new(index, hosts, result, distinct);
        endpoint_line(&endpoint, distinct, &mut self.written, out)
    }

    /// Writes what follows from all endpoints.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn end(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let finished = Some(report.run.finished);
        end(report, self.distinct.as_ref(), finished, out)
    }
}

/// Writes the line of an endpoint, and before it the value of an answer that no endpoint had before. `written` counts
/// those values: answers are numbered in the order of the endpoints.
fn endpoint_line(
    endpoint: &EndpointLine<'_>,
    distinct: Option<&DistinctAnswers>,
    written: &mut u32,
    out: &mut dyn Write,
) -> io::Result<()> {
    if let (Some(distinct), Some(group)) = (distinct, endpoint.group)
        && group > *written
    {
        let value = distinct.value(group);
        line(out, &Tagged::Value(ValueLine { group, value }))?;
        *written = group;
    }
    line(out, endpoint)
}

fn end(
    report: &Report,
    distinct: Option<&DistinctAnswers>,
    finished: Option<SystemTime>,
    out: &mut dyn Write,
) -> io::Result<()> {
    // What a part has alone is not a result.
    if report.part().is_none() {
        match (&report.findings, distinct) {
            (Findings::Ranking(ranked), _) => ranking_lines(ranked, out)?,
            (Findings::Comparison(compared), Some(distinct)) => {
                let ComparedAnswers {
                    method: _,
                    options: _,
                    hosts: _,
                    comparison: _,
                    reference: _,
                    group_of: _,
                    distinct: _,
                } = compared;
                answers(compared, distinct)
                    .try_for_each(|answer| line(out, &Tagged::Answer(answer)))?;
            }
            (Findings::Comparison(_), None) => {}
        }
    }
    let mut summary = SummaryLine::new(report);
    summary.finished = finished;
    line(out, &Tagged::Summary(summary))
}

fn ranking_lines(ranked: &RankedPeople, out: &mut dyn Write) -> io::Result<()> {
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
    pairs(ranked).try_for_each(|pair| line(out, &pair))?;
    if let Some(like) = LikeLine::new(ranked) {
        line(out, &Tagged::Like(like))?;
    }
    if options.twins {
        twins(ranked).try_for_each(|twins| line(out, &Tagged::Twins(twins)))?;
    }
    per_person(ranked).try_for_each(|nearest| line(out, &Tagged::PerPerson(nearest)))?;
    outliers(ranked).try_for_each(|outlier| line(out, &Tagged::Outlier(outlier)))
}

fn line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    write_value(value, CompactFormatter, out)?;
    writeln!(out)
}

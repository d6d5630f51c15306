//! What stands around the lines of a saved run: the header before them and the summary behind.

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::{
    path::PathPattern,
    report::{
        answer_times::AnswerTimes,
        comparison::CompareOptions,
        format::millis,
        items::ItemField,
        model::{Findings, OutcomeCounts, Report, RunInfo, Summary},
        settings::Settings,
        topic::Topic,
    },
    similarity::{Options, Weights},
    survey::hosts::{Hosts, Part, Shard},
};

/// The version of the format, the value of `labrpc_run`.
pub const VERSION: u32 = 1;

/// How the run was made.
#[derive(Debug, Serialize)]
pub struct Header<'a> {
    labrpc_run: u32,
    version: &'static str,
    #[serde(serialize_with = "rfc3339")]
    started: SystemTime,
    /// `null` in a run that is written while it is under way, whose summary has it.
    #[serde(serialize_with = "rfc3339_or_null")]
    finished: Option<SystemTime>,
    /// `null` for a ranking of files. Before the arguments, which can be longer than what is read of a line.
    method: Option<&'a str>,
    #[serde(serialize_with = "part")]
    part: Option<&'a Part>,
    /// `null` for a ranking of files.
    settings: Option<&'a Settings>,
    /// The label within whose values answers were compared.
    group_by: Option<&'a str>,
    /// What did not count where answers were compared.
    ignore: Option<&'a [PathPattern]>,
    /// What counted; everything if empty.
    only: Option<&'a [PathPattern]>,
    arguments: &'a [String],
    metric: Option<&'static str>,
    weights: Option<Weights>,
    /// The fields that items were ranked by.
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<&'a [ItemField]>,
}

impl<'a> Header<'a> {
    /// The header of a report.
    #[must_use]
    pub fn new(report: &'a Report) -> Self {
        let (options, compare) = match &report.findings {
            Findings::Ranking(ranked) => (Some(&ranked.options), None),
            Findings::Comparison(compared) => (None, Some(&compared.options)),
        };
        Self {
            finished: Some(report.run.finished),
            features: report.ranked_items().map(|(_, items)| &*items.fields),
            method: report.method(),
            part: report.part(),
            ..Self::of(&report.run, options, compare)
        }
    }

    /// The header of a survey that begins.
    #[must_use]
    pub fn begin(run: &'a RunInfo, topic: &'a Topic, hosts: &'a Hosts) -> Self {
        let (options, compare) = match topic {
            Topic::Profiles(options) => (Some(options), None),
            Topic::Answers(_, options) => match &options.ranking {
                Some((_, ranking)) => (Some(ranking), None),
                None => (None, Some(options)),
            },
        };
        Self {
            method: Some(topic.method()),
            part: hosts.part(),
            ..Self::of(run, options, compare)
        }
    }

    fn of(
        run: &'a RunInfo,
        options: Option<&Options>,
        compare: Option<&'a CompareOptions>,
    ) -> Self {
        let RunInfo {
            started,
            finished: _,
            arguments,
            settings,
        } = run;
        Self {
            labrpc_run: VERSION,
            version: env!("CARGO_PKG_VERSION"),
            started: *started,
            features: None,
            finished: None,
            method: None,
            part: None,
            settings: settings.as_ref(),
            group_by: compare.and_then(|options| options.group_by.as_deref()),
            ignore: compare.map(|options| &*options.ignore),
            only: compare.map(|options| &*options.only),
            arguments,
            metric: options.map(|options| options.metric.name()),
            weights: options.map(|options| options.weights.clone()),
        }
    }
}

/// When a further round of `--watch` was.
#[derive(Debug, Serialize)]
pub struct RoundTimes {
    #[serde(serialize_with = "rfc3339")]
    started: SystemTime,
    #[serde(serialize_with = "rfc3339")]
    finished: SystemTime,
}

impl RoundTimes {
    /// Those of a report.
    #[must_use]
    pub fn new(report: &Report) -> Self {
        Self {
            started: report.run.started,
            finished: report.run.finished,
        }
    }
}

/// The figures of a report.
#[derive(Debug, Serialize)]
pub struct SummaryLine {
    asked: u64,
    answered: u64,
    ok: u64,
    #[serde(serialize_with = "in_order")]
    outcomes: OutcomeCounts,
    smallest: Option<f64>,
    tied: u64,
    margin: Option<f64>,
    duplicate_ids: Vec<String>,
    answer_ms: Option<AnswerMs>,
    /// Where the header could not have it.
    #[serde(
        serialize_with = "rfc3339_or_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) finished: Option<SystemTime>,
    /// How many items have no field in common with another.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomparable: Option<u64>,
}

/// Percentiles of the answer times.
#[derive(Debug, Serialize)]
struct AnswerMs {
    p50: f64,
    p95: f64,
    max: f64,
}

impl SummaryLine {
    /// The summary of a report.
    #[must_use]
    pub fn new(report: &Report) -> Self {
        let summary = report.summary();
        let items = report.ranked_items();
        let (asked, answered, ok) = (summary.asked(), summary.answered(), summary.ok());
        let Summary {
            outcomes,
            duplicate_ids,
        } = summary;
        let ranking = match &report.findings {
            Findings::Ranking(ranked) => Some(&ranked.ranking),
            Findings::Comparison(_) => None,
        };
        Self {
            asked,
            answered,
            ok,
            outcomes,
            smallest: ranking.and_then(|ranking| ranking.smallest),
            tied: ranking.map_or(0, |ranking| ranking.tied),
            margin: ranking.and_then(|ranking| ranking.margin),
            duplicate_ids,
            answer_ms: AnswerTimes::of(report).map(|times| AnswerMs {
                p50: millis(times.p50),
                p95: millis(times.p95),
                max: millis(times.max),
            }),
            finished: None,
            incomparable: items.map(|(ranked, _)| ranked.ranking.incomparable),
        }
    }
}

fn part<S: Serializer>(part: &Option<&Part>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct SavedPart {
        shard: Option<u32>,
        shards: Option<u32>,
        listed: u64,
        /// In hexadecimal digits: not every reader keeps integers of 64 bits.
        list: String,
    }
    let part = part.map(|part| SavedPart {
        shard: part.shard.map(Shard::index),
        shards: part.shard.map(|shard| shard.count().get()),
        listed: part.listed,
        list: format!("{:016x}", part.list),
    });
    part.serialize(serializer)
}

fn in_order<S: Serializer>(counts: &OutcomeCounts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter())
}

fn rfc3339_or_null<S: Serializer>(
    time: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_seconds(*time))
}

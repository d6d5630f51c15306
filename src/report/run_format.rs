//! The machine-readable form of a report: the objects of a saved run.
//!
//! `json` writes them as one document and `jsonl` as lines. Field names are snake_case, times in milliseconds,
//! instants after RFC 3339, and absent values an explicit `null`. Changes only add fields.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize, Serializer};

use crate::{
    profile::{Height, Id, Profile, Size, Weight},
    report::{
        answer::Answer,
        model::{Input, OutcomeCounts, Report, Summary, Survey},
    },
    similarity::{Like, Nearest, Pair, Terms, Twins, Weights},
    survey::{
        endpoint::Endpoint,
        outcome::{EndpointResult, PhaseTimes, Protocol},
    },
};

/// Every endpoint's line, in input order; none for a report over files.
pub fn endpoints(report: &Report) -> impl Iterator<Item = EndpointLine<'_>> {
    let survey = match &report.input {
        Input::Survey(survey) => Some(survey),
        Input::Files { .. } => None,
    };
    survey.into_iter().flat_map(|Survey { hosts, answers }| {
        let lines = hosts.iter().zip(answers).enumerate();
        lines.map(|(index, (endpoint, answer))| EndpointLine::new(index, &endpoint, answer))
    })
}

/// The closest pairs.
pub fn pairs(report: &Report) -> impl Iterator<Item = PairLine> {
    report
        .ranking
        .pairs
        .iter()
        .map(|pair| PairLine::new(report, pair))
}

/// The groups of identical people, largest first.
pub fn twins(report: &Report) -> impl Iterator<Item = TwinsLine> {
    report
        .ranking
        .twins
        .iter()
        .map(|twins| TwinsLine::new(report, twins))
}

/// The nearest neighbour of each person, with `--per-person`.
pub fn per_person(report: &Report) -> impl Iterator<Item = NearestLine> {
    let nearest = report.ranking.per_person.iter().flatten();
    nearest.map(|nearest| NearestLine::new(report, nearest))
}

/// The version of the format, the value of `labrpc_run`.
pub const VERSION: u32 = 1;

/// How the run was made.
#[derive(Debug, Serialize)]
pub struct Header<'a> {
    labrpc_run: u32,
    version: &'static str,
    #[serde(serialize_with = "rfc3339")]
    started: SystemTime,
    arguments: &'a [String],
    metric: &'static str,
    weights: Weights,
}

impl<'a> Header<'a> {
    /// The header of a report.
    #[must_use]
    pub fn new(report: &'a Report) -> Self {
        Self {
            labrpc_run: VERSION,
            version: env!("CARGO_PKG_VERSION"),
            started: report.started,
            arguments: &report.arguments,
            metric: report.options.metric.name(),
            weights: report.options.weights,
        }
    }
}

/// One endpoint and its outcome. `report::read` reads it back.
#[derive(Debug, Serialize)]
pub struct EndpointLine<'a> {
    /// Its place among the expanded endpoints, from 1.
    pub line: usize,
    /// The endpoint in its canonical form.
    pub endpoint: String,
    /// The outcome's name.
    pub outcome: Cow<'a, str>,
    /// The protocol of the answer.
    pub dialect: Option<Protocol>,
    /// The profile, of the outcomes `ok` and `duplicate_id`.
    pub profile: Option<Cow<'a, Profile>>,
    /// The details of the outcome.
    pub detail: Option<String>,
    /// Connections tried.
    pub attempts: u32,
    /// Milliseconds from the start of the first attempt to the end of the last.
    pub elapsed_ms: f64,
    /// The phases of the last attempt.
    pub phases_ms: PhasesMs,
}

/// How long each phase took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct PhasesMs {
    dns: Option<f64>,
    connect: Option<f64>,
    tls: Option<f64>,
    call: Option<f64>,
}

impl<'a> EndpointLine<'a> {
    /// The line at an index that counts from 0.
    #[must_use]
    pub fn new(index: usize, endpoint: &Endpoint, answer: &'a EndpointResult<Answer>) -> Self {
        let EndpointResult {
            outcome,
            attempts,
            elapsed,
            phases,
        } = answer;
        let (profile, protocol) = outcome.profile().unzip();
        Self {
            line: index + 1,
            endpoint: endpoint.to_string(),
            outcome: outcome.name().into(),
            dialect: protocol,
            profile: profile.map(Cow::Borrowed),
            detail: outcome.detail(),
            attempts: *attempts,
            elapsed_ms: millis(*elapsed),
            phases_ms: PhasesMs::from(*phases),
        }
    }
}

impl From<PhaseTimes> for PhasesMs {
    fn from(phases: PhaseTimes) -> Self {
        let PhaseTimes {
            dns,
            connect,
            tls,
            call,
        } = phases;
        Self {
            dns: dns.map(millis),
            connect: connect.map(millis),
            tls: tls.map(millis),
            call: call.map(millis),
        }
    }
}

impl From<PhasesMs> for PhaseTimes {
    fn from(phases: PhasesMs) -> Self {
        let PhasesMs {
            dns,
            connect,
            tls,
            call,
        } = phases;
        Self {
            dns: dns.map(duration),
            connect: connect.map(duration),
            tls: tls.map(duration),
            call: call.map(duration),
        }
    }
}

/// Two people and the distance between them.
#[derive(Debug, Serialize)]
pub struct PairLine {
    pub(super) rank: usize,
    pub(super) a: Id,
    pub(super) b: Id,
    pub(super) distance: f64,
    pub(super) similarity: f64,
    pub(super) terms: Terms,
}

impl PairLine {
    /// A pair of people in a report.
    #[must_use]
    pub fn new(report: &Report, pair: &Pair) -> Self {
        let Pair {
            rank,
            a,
            b,
            distance,
            similarity,
            terms,
        } = *pair;
        let id = |person: usize| report.people[person].id;
        Self {
            rank,
            a: id(a),
            b: id(b),
            distance,
            similarity,
            terms,
        }
    }
}

/// A group of identical people.
#[derive(Debug, Serialize)]
pub struct TwinsLine {
    pub(super) count: usize,
    pub(super) profile: Build,
    pub(super) ids: Vec<Id>,
}

/// The three fields that twins share.
#[derive(Debug, Serialize)]
pub(super) struct Build {
    pub(super) height: Height,
    pub(super) weight: Weight,
    pub(super) size: Size,
}

impl TwinsLine {
    /// A group in a report, with the first of its ids.
    #[must_use]
    pub fn new(report: &Report, twins: &Twins) -> Self {
        let &Twins {
            count,
            height,
            weight,
            size,
            ref people,
        } = twins;
        Self {
            count,
            profile: Build {
                height,
                weight,
                size,
            },
            ids: people
                .iter()
                .map(|&person| report.people[person].id)
                .collect(),
        }
    }
}

/// One person's nearest.
#[derive(Debug, Serialize)]
pub struct NearestLine {
    pub(super) id: Id,
    pub(super) nearest: Id,
    pub(super) distance: f64,
}

impl NearestLine {
    /// A person in a report.
    #[must_use]
    pub fn new(report: &Report, nearest: &Nearest) -> Self {
        let &Nearest {
            person,
            nearest,
            distance,
        } = nearest;
        let id = |person: usize| report.people[person].id;
        Self {
            id: id(person),
            nearest: id(nearest),
            distance,
        }
    }
}

/// The people nearest to one.
#[derive(Debug, Serialize)]
pub struct LikeLine {
    id: Id,
    /// `null` unless exactly one person has the id.
    pub(super) nearest: Option<Vec<PairLine>>,
}

impl LikeLine {
    /// The people nearest to one, with `--like`.
    #[must_use]
    pub fn new(report: &Report) -> Option<Self> {
        report.ranking.like.as_ref().map(|like| match like {
            Like::Unknown(id) | Like::Duplicate(id) => Self {
                id: *id,
                nearest: None,
            },
            Like::Found { person, nearest } => Self {
                id: report.people[*person].id,
                nearest: Some(
                    nearest
                        .iter()
                        .map(|pair| PairLine::new(report, pair))
                        .collect(),
                ),
            },
        })
    }
}

/// The figures of a report.
#[derive(Debug, Serialize)]
pub struct SummaryLine {
    asked: u64,
    ok: u64,
    #[serde(serialize_with = "in_order")]
    outcomes: OutcomeCounts,
    smallest: Option<f64>,
    tied: u64,
    margin: Option<f64>,
    duplicate_ids: Vec<Id>,
}

impl SummaryLine {
    /// The summary of a report.
    #[must_use]
    pub fn new(report: &Report) -> Self {
        let summary = report.summary();
        let (asked, ok) = (summary.asked(), summary.ok());
        let Summary {
            outcomes,
            duplicate_ids,
        } = summary;
        let ranking = &report.ranking;
        Self {
            asked,
            ok,
            outcomes,
            smallest: ranking.smallest,
            tied: ranking.tied,
            margin: ranking.margin,
            duplicate_ids,
        }
    }
}

fn in_order<S: Serializer>(counts: &OutcomeCounts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter())
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_seconds(*time))
}

/// Milliseconds to a microsecond: finer is noise.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The duration of so many milliseconds; zero if a damaged file has an invalid number.
pub(super) fn duration(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default()
}

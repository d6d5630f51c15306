//! The lines of the endpoints.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

use crate::{
    profile::Profile,
    report::{
        answer::Answer,
        distinct::DistinctAnswers,
        format::millis,
        model::{Findings, Report, Survey},
    },
    survey::{
        hosts::{Hosts, Labels},
        outcome::{EndpointResult, Outcome, PhaseTimes, Protocol},
        saved_outcome::FailureCause,
        status::code_name,
    },
};

/// Every endpoint's line, in input order; none for a report over files.
pub fn endpoints(report: &Report) -> impl Iterator<Item = EndpointLine<'_>> {
    let distinct = match &report.findings {
        Findings::Ranking(_) => None,
        Findings::Comparison(compared) => Some(&compared.distinct),
    };
    report
        .surveyed()
        .into_iter()
        .flat_map(move |Survey { hosts, answers }| {
            let lines = answers.iter().enumerate();
            lines.map(move |(index, answer)| EndpointLine::new(index, hosts, answer, distinct))
        })
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
    #[serde(serialize_with = "with_decimals")]
    pub profile: Option<&'a Profile>,
    /// The details of the outcome.
    pub detail: Option<String>,
    /// Connections tried.
    pub attempts: u32,
    /// Milliseconds from the start of the first attempt to the end of the last.
    pub elapsed_ms: f64,
    /// The phases of the last attempt.
    pub phases_ms: PhasesMs,
    /// The gRPC code of the outcome `status`.
    pub code: Option<&'static str>,
    /// What the host list states about the endpoint.
    pub labels: Option<&'a Labels>,
    /// The number of its answer among the distinct answers of the run, where answers are compared.
    pub group: Option<u32>,
    /// The fields that are listed for every endpoint, if any are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Map<String, Value>>,
    /// What decides the hint beside outcome and detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<FailureCause>,
}

/// An endpoint that a run under way will have.
#[derive(Debug, Serialize)]
pub struct ListedEndpoint<'a> {
    line: usize,
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a Labels>,
}

impl<'a> ListedEndpoint<'a> {
    /// The endpoint at an index that counts from 0.
    #[must_use]
    pub fn new(hosts: &'a Hosts, index: usize) -> Self {
        Self {
            line: hosts.line(index),
            endpoint: hosts.get(index).to_string(),
            labels: hosts.labels(index),
        }
    }

    /// About how many bytes it takes as JSON.
    #[must_use]
    pub fn size(&self) -> usize {
        let labels = self.labels.into_iter().flat_map(Labels::iter);
        let labels = labels.map(|(name, value)| name.len() + value.len());
        self.endpoint.len() + 32 + labels.sum::<usize>()
    }
}

fn with_decimals<S: Serializer>(
    profile: &Option<&Profile>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(Profile { id, build }) = profile else {
        return serializer.serialize_none();
    };
    let mut object = serializer.serialize_map(None)?;
    object.serialize_entry("id", id)?;
    for (name, value) in build.decimals() {
        object.serialize_entry(name, &value)?;
    }
    object.end()
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
    pub(crate) fn new(
        index: usize,
        hosts: &'a Hosts,
        answer: &'a EndpointResult<Answer>,
        distinct: Option<&DistinctAnswers>,
    ) -> Self {
        let EndpointResult {
            outcome,
            attempts,
            elapsed,
            phases,
        } = answer;
        let (profile, protocol) = outcome.profile().unzip();
        Self {
            line: hosts.line(index),
            endpoint: hosts.get(index).to_string(),
            outcome: outcome.name().into(),
            dialect: protocol,
            profile,
            detail: outcome.detail(),
            attempts: *attempts,
            elapsed_ms: millis(*elapsed),
            phases_ms: PhasesMs::from(*phases),
            code: match outcome {
                Outcome::Status { code, .. } => Some(code_name(*code)),
                _ => None,
            },
            labels: hosts.labels(index),
            group: distinct.and_then(|distinct| distinct.group(outcome.answer_number()?)),
            fields: distinct.and_then(|distinct| distinct.fields(outcome.answer_number())),
            cause: outcome.cause(),
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

/// The duration of so many milliseconds; zero if a damaged file has an invalid number.
pub(crate) fn duration(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default()
}

//! The lines of the endpoints.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    profile::Profile,
    report::{
        answer::Answer,
        format::millis,
        model::{Input, Report, Survey},
    },
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

/// The duration of so many milliseconds; zero if a damaged file has an invalid number.
pub(crate) fn duration(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default()
}

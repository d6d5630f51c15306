//! The names of the checks, their results, and how both are printed.

use std::fmt;

use tonic::Status;

use crate::{
    profile::Profile,
    question::profile_hint,
    survey::outcome::{Outcome, code_name},
    untrusted::Untrusted,
};

/// What is checked, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckName {
    /// A connection can be made.
    Reachable,
    /// The server speaks HTTP/2: it answers the preface with a SETTINGS frame.
    Preface,
    /// `GetProfile` returns a valid profile.
    Data,
    /// The health service reports server and service as SERVING.
    Health,
    /// Reflection, version 1.
    ReflectionV1,
    /// Reflection, version 1alpha, which older tools use.
    ReflectionV1Alpha,
    /// The reflected description of the service matches `proto/profile.proto`.
    Descriptor,
    /// A method that does not exist is UNIMPLEMENTED.
    UnknownMethod,
    /// A call that cannot be completed ends at its deadline.
    Deadline,
    /// Forty clients at the same time all get an answer.
    Callers,
    /// The server still answers after a client closed its connection within a request.
    Disconnect,
}

/// A check and its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What was checked.
    pub name: CheckName,
    /// The result.
    pub result: CheckResult,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckResult {
    /// As it should be; what was seen.
    Pass(String),
    /// Not as it should be.
    Fail {
        /// What was seen.
        seen: String,
        /// What to do about it.
        advice: String,
    },
    /// Not checked, and why.
    Skip(&'static str),
}

/// How a check ends: with what was seen if it passed, otherwise with its result.
pub(super) type Verdict = Result<String, CheckResult>;

/// What a check needs of earlier ones.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    Connection,
    Http2,
    /// In either version.
    Reflection,
    ValidData,
}

impl Need {
    pub(super) fn is_met(self, done: &[Check]) -> bool {
        let providers: &[CheckName] = match self {
            Self::Connection => &[CheckName::Reachable],
            Self::Http2 => &[CheckName::Preface],
            Self::Reflection => &[CheckName::ReflectionV1, CheckName::ReflectionV1Alpha],
            Self::ValidData => &[CheckName::Data],
        };
        let passed = |check: &Check| matches!(check.result, CheckResult::Pass(_));
        done.iter()
            .any(|check| providers.contains(&check.name) && passed(check))
    }

    /// Why a check is skipped without it.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Connection => "needs a connection",
            Self::Http2 => "needs HTTP/2",
            Self::Reflection => "needs reflection",
            Self::ValidData => "needs valid data",
        }
    }
}

impl CheckResult {
    /// Whether the check failed.
    #[must_use]
    pub fn is_fail(&self) -> bool {
        matches!(self, Self::Fail { .. })
    }
}

pub(super) fn fail(seen: impl Into<String>, advice: impl Into<String>) -> Verdict {
    Err(CheckResult::Fail {
        seen: seen.into(),
        advice: advice.into(),
    })
}

/// A failure that a survey would have reported as this outcome.
impl From<Outcome<Profile>> for CheckResult {
    fn from(outcome: Outcome<Profile>) -> Self {
        Self::Fail {
            seen: describe(&outcome),
            advice: profile_hint(&outcome).unwrap_or_default().to_string(),
        }
    }
}

pub(super) fn describe(outcome: &Outcome<Profile>) -> String {
    let name = outcome.name().replace('_', " ");
    match outcome.detail() {
        Some(detail) => format!("{name} ({detail})"),
        None => name,
    }
}

pub(super) fn describe_status(status: &Status) -> String {
    let code = code_name(status.code());
    match status.message() {
        "" => code.to_owned(),
        message => format!("{code} ({})", Untrusted::new(message)),
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reachable => "reachable",
            Self::Preface => "speaks HTTP/2",
            Self::Data => "data valid",
            Self::Health => "health",
            Self::ReflectionV1 => "reflection v1",
            Self::ReflectionV1Alpha => "reflection v1alpha",
            Self::Descriptor => "descriptor",
            Self::UnknownMethod => "unknown method",
            Self::Deadline => "deadline honoured",
            Self::Callers => "forty callers at once",
            Self::Disconnect => "survives a cut",
        })
    }
}

/// One line: result, check, what was seen, and what to do.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, result } = self;
        match result {
            CheckResult::Pass(seen) => write!(f, "pass  {name:21}  {seen}"),
            CheckResult::Fail { seen, advice } => write!(f, "FAIL  {name:21}  {seen}; {advice}"),
            CheckResult::Skip(reason) => write!(f, "skip  {name:21}  {reason}"),
        }
    }
}

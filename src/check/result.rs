//! The names of the checks, their results, and what they amount to.

use std::{fmt, time::Duration};

use tonic::Status;

use crate::{
    named::named,
    profile::Profile,
    question::profile_hint,
    survey::{endpoint::Endpoint, outcome::Outcome, status::code_name},
    untrusted::Untrusted,
};

named! {
    /// What is checked, in this order.
    pub enum CheckName {
        /// A connection can be made.
        Reachable => "reachable",
        /// The server speaks HTTP/2: it answers the preface with a SETTINGS frame.
        Http2 => "http2",
        /// `GetProfile` returns a valid profile.
        Profile => "profile",
        /// The health service reports server and service as SERVING.
        Health => "health",
        /// Reflection in one of its two versions.
        Reflection => "reflection",
        /// The reflected description of the service matches `proto/profile.proto`.
        Descriptor => "descriptor",
        /// A method that does not exist is UNIMPLEMENTED.
        UnknownMethod => "unknown_method",
        /// A call that cannot be completed ends at its deadline.
        Deadline => "deadline",
        /// Forty clients at the same time all get an answer.
        Callers => "callers",
        /// The server still answers after a client closed its connection within a request.
        Disconnect => "disconnect",
    }
}

impl CheckName {
    /// The name in a text.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Http2 => "speaks HTTP/2",
            Self::Profile => "valid profile",
            Self::Health => "health service",
            Self::Reflection => "reflection",
            Self::Descriptor => "descriptor",
            Self::UnknownMethod => "unknown method",
            Self::Deadline => "deadline honoured",
            Self::Callers => "forty callers at once",
            Self::Disconnect => "survives a cut",
        }
    }
}

/// A check and its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What was checked.
    pub name: CheckName,
    /// The result.
    pub result: CheckResult,
    /// How long it took.
    pub elapsed: Duration,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckResult {
    /// As it should be; what was seen.
    Pass(String),
    /// Not as the contract recommends. A survey works all the same.
    Warn(Finding),
    /// A survey does not get the profile, or may not get it.
    Fail(Finding),
    /// Not applicable, or an earlier check has the reason.
    Skip(&'static str),
}

/// What was seen, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was seen.
    pub seen: String,
    /// What to do about it.
    pub advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.seen, self.advice)
    }
}

/// How a check ends: with what was seen if it passed, otherwise with its result.
pub(super) type Verdict = Result<String, CheckResult>;

/// What a check needs of earlier ones.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    Connection,
    /// HTTP/2, or JSON without it, or an endpoint that is asked for JSON.
    KnownProtocol,
    Http2,
    /// In either version.
    Reflection,
    /// The server has the method, whatever it answers.
    Method,
    ValidProfile,
}

impl Need {
    /// Why a check is skipped without it.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Connection => "needs a connection",
            Self::KnownProtocol | Self::Http2 => "needs HTTP/2",
            Self::Reflection => "needs reflection",
            Self::Method => "needs an answer of lab.Profile/GetProfile",
            Self::ValidProfile => "needs a valid profile",
        }
    }
}

impl CheckResult {
    /// The name of the kind of result.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass(_) => "pass",
            Self::Warn(_) => "warn",
            Self::Fail(_) => "fail",
            Self::Skip(_) => "skip",
        }
    }

    /// Whether the check failed.
    #[must_use]
    pub fn is_fail(&self) -> bool {
        matches!(self, Self::Fail(_))
    }
}

fn finding(seen: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding {
        seen: seen.into(),
        advice: advice.into(),
    }
}

pub(super) fn fail(seen: impl Into<String>, advice: impl Into<String>) -> Verdict {
    Err(CheckResult::Fail(finding(seen, advice)))
}

pub(super) fn warn(seen: impl Into<String>, advice: impl Into<String>) -> Verdict {
    Err(CheckResult::Warn(finding(seen, advice)))
}

/// A failure that a survey would have reported as this outcome.
impl From<Outcome<Profile>> for CheckResult {
    fn from(outcome: Outcome<Profile>) -> Self {
        let advice = profile_hint(&outcome).unwrap_or_default().to_string();
        Self::Fail(finding(describe(&outcome), advice))
    }
}

pub(super) fn describe(outcome: &Outcome<Profile>) -> String {
    let name = outcome.name();
    match outcome.detail() {
        Some(detail) => format!("{name} ({detail})"),
        None => name.to_owned(),
    }
}

pub(super) fn describe_status(status: &Status) -> String {
    let code = code_name(status.code());
    match status.message() {
        "" => code.to_owned(),
        message => format!("{code} ({})", Untrusted::new(message)),
    }
}

/// The checks of one server.
#[derive(Clone, Debug)]
pub struct Examination {
    /// The server.
    pub endpoint: Endpoint,
    /// Every check in its order.
    pub checks: Vec<Check>,
}

impl Examination {
    /// Whether nothing failed that a survey needs.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        !self.checks.iter().any(|check| check.result.is_fail())
    }

    /// The last line of a text: whether a survey will accept the server, and the totals.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |name| {
            let results = self.checks.iter().map(|check| check.result.name());
            results.filter(|result| *result == name).count()
        };
        let has_profile = self.checks.iter().any(|check| {
            check.name == CheckName::Profile
                && matches!(check.result, CheckResult::Pass(_) | CheckResult::Warn(_))
        });
        let verdict = match (self.is_accepted(), has_profile) {
            (true, _) => "The survey will accept this server",
            (false, true) => "The survey may lose this server",
            (false, false) => "The survey will not accept this server",
        };
        let mut totals = vec![format!("{} passed", count("pass"))];
        if count("fail") > 0 {
            totals.push(format!("{} failed", count("fail")));
        }
        match count("warn") {
            0 => {}
            1 => totals.push("1 suggestion".to_owned()),
            more => totals.push(format!("{more} suggestions")),
        }
        format!("{verdict}: {}.", totals.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::hosts::exactly_one;

    #[test]
    fn summary_tells_acceptance_and_totals() {
        let examination = |results: Vec<(CheckName, CheckResult)>| Examination {
            endpoint: exactly_one("127.0.0.1").unwrap(),
            checks: results
                .into_iter()
                .map(|(name, result)| Check {
                    name,
                    result,
                    elapsed: Duration::ZERO,
                })
                .collect(),
        };
        let pass = || CheckResult::Pass("x".into());
        let warn = || CheckResult::Warn(finding("x", "y"));
        let fail = || CheckResult::Fail(finding("x", "y"));
        for (results, expected) in [
            (
                vec![(CheckName::Profile, pass()), (CheckName::Health, warn())],
                "The survey will accept this server: 1 passed, 1 suggestion.",
            ),
            (
                vec![(CheckName::Profile, pass()), (CheckName::Callers, fail())],
                "The survey may lose this server: 1 passed, 1 failed.",
            ),
            (
                vec![(CheckName::Reachable, pass()), (CheckName::Profile, fail())],
                "The survey will not accept this server: 1 passed, 1 failed.",
            ),
        ] {
            assert_eq!(examination(results).summary(), expected);
        }
    }
}

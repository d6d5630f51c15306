//! How long the endpoints of a survey took to answer.

use std::time::Duration;

use crate::report::model::{Input, Report};

/// Percentiles of the answer times, by the nearest rank: each is the time of an endpoint.
///
/// It is the time of the attempt that was answered, from the lookup of the name to the last byte: a survey that waits
/// for servers, or repeats a call, does not count the pause as theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerTimes {
    /// Half of the endpoints took no longer.
    pub p50: Duration,
    /// 95 of 100 took no longer.
    pub p95: Duration,
    /// The longest.
    pub max: Duration,
}

impl AnswerTimes {
    /// Those of the endpoints that answered, with usable data or not; `None` if there are none.
    #[must_use]
    pub fn of(report: &Report) -> Option<Self> {
        let Input::Survey(survey) = &report.input else {
            return None;
        };
        let results = survey.answers.iter();
        let answered = results.filter(|result| result.outcome.kind().is_answer());
        let mut times: Vec<_> = answered
            .filter_map(|result| result.phases.answer())
            .collect();
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100);
            times.get(rank.checked_sub(1)?).copied()
        };
        Some(Self {
            p50: at(50)?,
            p95: at(95)?,
            max: at(100)?,
        })
    }
}

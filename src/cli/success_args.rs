//! `--min-ok` and `--expect-same`: what a run needs for success, and the exit status that follows.

use std::str::FromStr;

use clap::Args;
use labrpc::report::{Findings, Report};

use crate::cli::{exit::Exit, flag_scope};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(crate) struct SuccessArgs {
    /// How many endpoints must answer for success: a number or a percentage [default: 100%; of a part 0]. With 0 neither
    /// missing answers nor bad data change the exit status.
    #[arg(long, value_name = "N|P%", env = "LABRPC_MIN_OK")]
    min_ok: Option<MinOk>,
    /// End with status 5 if two answers that are compared differ.
    #[arg(
        long,
        help_heading = flag_scope::COMPARISON,
        env = "LABRPC_EXPECT_SAME"
    )]
    pub(crate) expect_same: bool,
}

impl SuccessArgs {
    /// The number that was asked for, if so few endpoints cannot meet it.
    pub(crate) fn above(&self, listed: usize) -> Option<u64> {
        match self.min_ok {
            Some(MinOk::Count(count)) if count > listed as u64 => Some(count),
            _ => None,
        }
    }

    /// The exit status of a run that came to its end.
    pub(crate) fn exit_status(&self, report: &Report) -> Exit {
        let (summary, is_part) = (report.summary(), report.part().is_some());
        let min_ok = match self.min_ok {
            None if is_part => MinOk::Count(0),
            None => MinOk::Percent(100.0),
            Some(min_ok) => min_ok,
        };
        let is_expected = match &report.findings {
            Findings::Comparison(compared) if !is_part => match compared.serving() {
                Some(_) => compared.is_good(),
                None => !(self.expect_same && compared.differ()),
            },
            _ => true,
        };
        match summary.answered() {
            0 if !min_ok.is_zero() => Exit::NoAnswers,
            answered if !min_ok.holds(answered, summary.asked()) => Exit::BelowThreshold,
            _ if !is_part && !min_ok.is_zero() && summary.unusable() > 0 => Exit::BadData,
            _ if !is_expected => Exit::Unexpected,
            _ => Exit::Success,
        }
    }
}

/// How many endpoints must answer for success.
#[derive(Clone, Copy, Debug, PartialEq)]
enum MinOk {
    Count(u64),
    Percent(f64),
}

impl FromStr for MinOk {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "a number of endpoints, or a percentage from 0% to 100%".to_owned();
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
                _ => Err(bad()),
            },
            None => text.parse().map(Self::Count).map_err(|_| bad()),
        }
    }
}

impl MinOk {
    fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Percent(0.0))
    }

    /// Whether so many answers are enough.
    fn holds(self, answered: u64, asked: u64) -> bool {
        match self {
            Self::Count(count) => answered >= count,
            // Exact up to 2^53 endpoints: 35 of 40 are 87.5 %.
            Self::Percent(percent) => answered as f64 * 100.0 >= percent * asked as f64,
        }
    }
}

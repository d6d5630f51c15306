//! `--min-ok`: how many endpoints must answer for success.

use std::str::FromStr;

/// How many endpoints must answer for success.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MinOk {
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
    /// Whether so many answers are enough.
    pub(crate) fn holds(self, answered: u64, asked: u64) -> bool {
        match self {
            Self::Count(count) => answered >= count,
            // Exact up to 2^53 endpoints: 35 of 40 are 87.5 %.
            Self::Percent(percent) => answered as f64 * 100.0 >= percent * asked as f64,
        }
    }
}

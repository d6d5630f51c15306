//! The effective settings of a survey, as a saved run keeps them: defaults and the environment included.

use serde::Serialize;

use crate::{report::format::millis, survey::Config};

/// How the endpoints were asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    concurrency: usize,
    connect_timeout_ms: f64,
    max_time_ms: f64,
    deadline_ms: Option<f64>,
    retries: u32,
    wait_ms: Option<f64>,
    rate: Option<u32>,
    tls: bool,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let Config {
            concurrency,
            connect_timeout,
            max_time,
            deadline,
            retries,
            wait,
            rate,
            tls,
            // It decides an order that no report shows.
            seed: _,
        } = config;
        Self {
            concurrency: concurrency.get(),
            connect_timeout_ms: millis(*connect_timeout),
            max_time_ms: millis(*max_time),
            deadline_ms: deadline.map(millis),
            retries: *retries,
            wait_ms: wait.map(millis),
            rate: rate.map(Into::into),
            tls: tls.is_some(),
        }
    }
}

//! Numbers and counts as text, the same in every report for people.

use std::time::Duration;

use crate::{
    profile::{Height, Size, Weight},
    similarity::Metric,
};

/// A distance or term with at most three decimals, without trailing zeros.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    if trimmed == "-0" {
        "0".to_owned()
    } else {
        trimmed.to_owned()
    }
}

/// Milliseconds to a microsecond: finer is noise.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A count and its noun.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What a person measures.
pub(crate) fn build(height: Height, weight: Weight, size: Size) -> String {
    format!("{height} cm, {weight} kg, {size}")
}

/// How many per cent of a distance one field makes up; `None` where that has no meaning: of a distance of 0, or
/// of a sum that has negative parts.
pub(crate) fn share(metric: Metric, distance: f64, term: f64) -> Option<f64> {
    let parts = matches!(metric, Metric::Gower | Metric::Euclidean);
    (parts && distance > 0.0 && term > 0.0).then(|| 100.0 * term / distance)
}

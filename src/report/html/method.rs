//! How the distance is computed.

use crate::{
    profile::Size,
    report::{format::number, html::view::View, model::Report},
    similarity::{FIELDS, MAX_TERM, Metric, Weights},
};

/// How the distance is computed.
pub(super) struct Method {
    pub(super) metric: Metric,
    pub(super) formula: String,
    pub(super) full_term: u32,
    pub(super) sizes: String,
    pub(super) weights: Option<String>,
    /// The closest pair's distance by hand.
    pub(super) example: Option<String>,
}

impl Method {
    pub(super) fn new(report: &Report, view: &View<'_>) -> Self {
        let weights = report.options.weights;
        let plain = weights == Weights::default();
        let metric = report.options.metric;
        let closest = report.ranking.pairs.first();
        let example = closest
            .filter(|_| view.shows_personal_data() && plain)
            .and_then(|pair| {
                let (a, b) = (&report.people[pair.a], &report.people[pair.b]);
                let sum = metric.explain(a, b)?;
                Some(format!("{} and {}: {sum}", a.id, b.id))
            });
        Self {
            metric,
            formula: metric.formula().unwrap_or_default(),
            full_term: MAX_TERM,
            sizes: Size::ALL.map(Size::name).join(", "),
            weights: (!plain).then(|| {
                let pairs = FIELDS.iter().zip(weights.values());
                let words: Vec<_> = pairs
                    .map(|(field, weight)| format!("{field} {}", number(weight)))
                    .collect();
                words.join(", ")
            }),
            example,
        }
    }
}

//! How the distance is computed.

use crate::{
    profile::{Profile, Size},
    report::format::number,
    similarity::{FIELDS, MAX_TERM, Metric, Options, Pair, Weights},
};

/// How the distance is computed.
pub(super) struct MethodText {
    pub(super) metric: Metric,
    pub(super) formula: String,
    pub(super) full_term: u32,
    pub(super) sizes: String,
    pub(super) weights: Option<String>,
    /// A pair's distance by hand.
    pub(super) example: Option<String>,
}

impl MethodText {
    /// The method of a ranking, with one of its pairs as an example.
    pub(super) fn new(options: &Options, example: Option<&Pair>, people: &[Profile]) -> Self {
        let (metric, weights) = (options.metric, options.weights);
        let plain = weights == Weights::default();
        let example = example.filter(|_| plain).and_then(|pair| {
            let (a, b) = (&people[pair.a], &people[pair.b]);
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

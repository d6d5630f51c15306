//! How the distance is computed.

use std::borrow::Cow;

use crate::{
    profile::{FIELD_COUNT, FIELDS, Profile, in_words, phrase},
    report::format::number,
    similarity::{MAX_TERM, Metric, Options, Pair, Weights},
};

/// How the distance is computed.
pub(super) struct MethodText {
    pub(super) metric: Metric,
    pub(super) formula: String,
    pub(super) full_term: u32,
    /// How many terms it has.
    pub(super) terms: &'static str,
    /// The scales of the fields without a unit.
    pub(super) scales: String,
    pub(super) fields: Cow<'static, str>,
    pub(super) weights: Option<String>,
    /// A pair's distance by hand.
    pub(super) example: Option<String>,
}

impl MethodText {
    /// The method of a ranking, with one of its pairs as an example.
    pub(super) fn new(options: &Options, example: Option<&Pair>, people: &[Profile]) -> Self {
        let (metric, weights) = (options.metric, &options.weights);
        let plain = *weights == Weights::default();
        let example = example.filter(|_| plain).and_then(|pair| {
            let (a, b) = (&people[pair.a], &people[pair.b]);
            let sum = metric.explain(a, b)?;
            Some(format!("{} and {}: {sum}", a.id, b.id))
        });
        let scales = FIELDS.iter().filter(|field| field.unit.is_none());
        let scales = scales.map(|field| {
            let names = field.names.join(", ");
            format!(", and {}s are steps on the scale {names}", field.name)
        });
        Self {
            metric,
            formula: metric.formula().unwrap_or_default(),
            full_term: MAX_TERM,
            terms: in_words(FIELD_COUNT),
            scales: scales.collect(),
            fields: phrase(&FIELDS.each_ref().map(|field| field.name)),
            weights: (!plain).then(|| {
                let words: Vec<_> = weights
                    .values()
                    .map(|(field, weight)| format!("{field} {}", number(weight)))
                    .collect();
                words.join(", ")
            }),
            example,
        }
    }
}

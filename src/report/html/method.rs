//! How the distance is computed.

use std::borrow::Cow;

use crate::{
    profile::{FIELD_COUNT, FIELDS, in_words, phrase},
    report::{format::number, subjects::Subjects},
    similarity::{MAX_TERM, Metric, Options, Pair},
};

const ITEMS: &str = "The distance is the mean of the terms of the fields that both have (Gower’s coefficient). A \
    number’s term is the difference over the range, at most 1; that of a text is 0 if the two are equal and 1 if not. \
    The similarity is 1 − distance.";

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
    /// How anything but people is compared.
    pub(super) items: Option<&'static str>,
    pub(super) weights: Option<String>,
    /// A pair's distance by hand.
    pub(super) example: Option<String>,
}

impl MethodText {
    /// The method of a ranking, with one of its pairs as an example.
    pub(super) fn new(options: &Options, example: Option<&Pair>, people: &Subjects) -> Self {
        let (metric, weights) = (options.metric, &options.weights);
        let plain = weights.values().all(|(_, weight)| weight == 1.0);
        let example = example.filter(|_| plain).and_then(|pair| {
            let profile = |index| people.people().get(index);
            let (a, b) = profile(pair.a).zip(profile(pair.b))?;
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
            items: matches!(people, Subjects::Items(_)).then_some(ITEMS),
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

//! The input of the ranker, beside the people.

use std::num::NonZeroUsize;

use crate::{
    profile::Id,
    similarity::{metric::Metric, weights::Weights},
};

/// What to rank by and what to list.
#[derive(Clone, Debug)]
pub struct Options {
    /// The distance that people are compared by.
    pub metric: Metric,
    /// How much each field counts.
    pub weights: Weights,
    /// How many closest pairs to list at least, and how many of the people nearest to [`Options::like`]. May be 0.
    pub top: usize,
    /// The id of a person whose nearest to list.
    pub like: Option<Id>,
    /// Whether to find the nearest other person of everyone.
    pub per_person: bool,
    /// Whether to list all groups of identical people, not only the largest [`Ranking::MAX_TWIN_GROUPS`](crate::similarity::Ranking::MAX_TWIN_GROUPS).
    pub twins: bool,
    /// How many threads may work at once. The result is the same for any number.
    pub threads: NonZeroUsize,
}

impl Default for Options {
    /// The ten closest pairs by the unweighted body distance, on one thread.
    fn default() -> Self {
        Self {
            metric: Metric::default(),
            weights: Weights::default(),
            top: 10,
            like: None,
            per_person: false,
            twins: false,
            threads: NonZeroUsize::MIN,
        }
    }
}

//! The input of the ranker, beside the items.

use std::num::NonZeroUsize;

use crate::similarity::{metric::Metric, weights::Weights};

/// What to rank by and what to list.
#[derive(Clone, Debug)]
pub struct Options {
    /// The distance that people are compared by. Items with features of their own are compared by the weighted mean.
    pub metric: Metric,
    /// How much each field counts.
    pub weights: Weights,
    /// How many closest pairs to list at least, and how many of those nearest to [`Options::like`]. May be 0.
    pub top: usize,
    /// The id of a person or an item whose nearest to list.
    pub like: Option<String>,
    /// Whether to find the nearest other one of each.
    pub per_person: bool,
    /// Whether to list all groups of identical people, not only the largest [`Ranking::MAX_TWIN_GROUPS`](crate::similarity::Ranking::MAX_TWIN_GROUPS).
    pub twins: bool,
    /// How many to list of those whose nearest is farthest.
    pub outliers: usize,
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
            outliers: 0,
            threads: NonZeroUsize::MIN,
        }
    }
}

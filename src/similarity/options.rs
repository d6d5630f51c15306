//! What to rank by and what to list.

use std::num::NonZeroUsize;

use crate::{
    profile::Id,
    similarity::{metric::Metric, weights::Weights},
};

/// What to rank by and what to list.
#[derive(Clone, Debug)]
pub struct Options {
    /// The distance.
    pub metric: Metric,
    /// How much each field counts.
    pub weights: Weights,
    /// How many closest pairs to list at least, and how many people nearest to [`Options::like`].
    pub top: usize,
    /// Whose nearest to list.
    pub like: Option<Id>,
    /// Whether to find everybody's nearest.
    pub per_person: bool,
    /// Whether to list every group of identical people, not only the largest [`Ranking::MAX_TWIN_GROUPS`].
    pub twins: bool,
    /// How many threads may work at once. The answer is the same with any number.
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

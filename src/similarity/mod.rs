//! Ranks people by how alike they are: the closest pairs, everyone's nearest, one person's nearest, twins.
//!
//! Everything is exact: all ties are found or counted, and the result depends neither on the order of the people
//! nor on the number of threads. Order is always by distance, then by the smaller id, then by the larger. Given up
//! for this: approximate results, and any distance for which boxes cannot be bounded.
//!
//! ```text
//! rank ── ranker ─┬─ id_order              profiles to items, in the order of their ids
//!                 ├─ pairs, neighbours     the searches
//!                 │      └─ tree           their index
//!                 │          └─ metric     keys of distances, and lower bounds for boxes
//!                 ├─ twins                 groups of identical people
//!                 └─ options, ranking      what is asked for, and what is returned
//! ```

mod id_order;
mod metric;
mod neighbours;
mod options;
mod pairs;
mod ranker;
mod ranking;
mod tree;
mod twins;
mod weights;

pub use crate::similarity::{
    metric::{MAX_TERM, Metric, UnknownMetric},
    options::Options,
    ranking::{Like, Nearest, Pair, Ranking, Terms},
    twins::Twins,
    weights::{FIELDS, Weights, WeightsError},
};
use crate::{
    profile::Profile,
    similarity::{
        metric::{Euclidean, Gower, Mahalanobis},
        ranker::Ranker,
    },
};

/// Parts of the ranker for this crate's tests and benchmarks. They are not part of the library's interface.
#[doc(hidden)]
pub mod internals {
    pub use crate::similarity::{
        metric::{Distance, Euclidean, Gower, Mahalanobis, Point, point},
        tree::Tree,
    };
}

/// Ranks `people` by the metric in `options`.
///
/// People who share an id are set apart as [`Ranking::duplicates`]; all others are ranked. It cannot fail: any
/// number of people gives a ranking, of no pairs if there are fewer than two. It takes O(n log n) time on the data
/// that the benchmarks measure, and uses [`Options::threads`] threads for 5,000 people or more.
///
/// ```
/// use labrpc::{profile::Profile, similarity::{Options, rank}};
///
/// let people: Vec<Profile> = serde_json::from_str(r#"[
///     {"id": "1001", "height": 178, "weight": 60, "size": "L"},
///     {"id": "1002", "height": 165, "weight": 52.5, "size": "S"},
///     {"id": "1007", "height": 177, "weight": 61.1, "size": "L"}]"#)?;
/// let ranking = rank(&people, &Options::default());
/// let closest = &ranking.pairs[0];
/// assert_eq!((closest.a, closest.b, closest.distance), (0, 2, 12.5)); // 7 · 1 cm + 5 · 1.1 kg
/// assert_eq!(ranking.tied, 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn rank(people: &[Profile], options: &Options) -> Ranking {
    let ranker = Ranker::new(people, options);
    let weights = &options.weights;
    match options.metric {
        Metric::Gower => ranker.rank(Gower::new(weights)),
        Metric::Euclidean => {
            let metric = Euclidean::new(ranker.points(), weights);
            ranker.rank(metric)
        }
        Metric::Mahalanobis => {
            let metric = Mahalanobis::new(ranker.points(), weights);
            ranker.rank(metric)
        }
    }
}

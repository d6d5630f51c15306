//! Ranks people by how alike they are: the closest pairs, everybody's nearest, one person's nearest, twins.
//!
//! Everything is exact: all ties are found or counted, and the answer depends neither on the order of the people
//! nor on the number of threads. Order is always by distance, then by the smaller id, then by the larger.
//! Given up for it: approximate answers, and any distance that is not a `Distance`.

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
    metric::{Metric, UnknownMetric},
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

/// The parts of the ranker, for this crate's tests and benchmarks. Not a part of the library's interface.
#[doc(hidden)]
pub mod internals {
    pub use crate::similarity::{
        metric::{Distance, Euclidean, Gower, Mahalanobis, Point, point},
        tree::Tree,
    };
}

/// Ranks `people`.
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

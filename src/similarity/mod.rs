//! Ranks people, or items of any kind, by how alike they are: the closest pairs, the nearest of each, those nearest to
//! one, groups of identical ones, and outliers.
//!
//! Everything is exact: all ties are found or counted, and the result depends neither on the order of the people
//! nor on the number of threads. Order is always by distance, then by the smaller id, then by the larger. Given up
//! for this: approximate results, and any distance for which boxes cannot be bounded.
//!
//! Everything is compiled for each number of axes, from 1 to [`MAX_AXES`].
//!
//! ```text
//! rank ── ranker ─┬─ people ── profiles, features   the input: ids, points, counts, missing fields
//!                 ├─ items ── id_order, patterns       people in the order of their ids, and by their fields
//!                 ├─ pairs, neighbours      the searches
//!                 │      └─ tree            their index
//!                 │          └─ build, nodes   how it is built, of what
//!                 │              └─ metric  keys of distances, and lower bounds for boxes
//!                 ├─ twins                  groups of identical people
//!                 └─ options, ranking       what is asked for, and what is returned
//! ```

mod body;
mod build;
mod features;
mod id_order;
mod items;
mod metric;
mod neighbours;
mod nodes;
mod options;
mod pairs;
mod patterns;
mod people;
mod profiles;
mod ranker;
mod ranking;
mod tree;
mod twins;
mod weights;

pub use crate::similarity::{
    features::{Feature, Item, MAX_AXES},
    metric::{MAX_TERM, Metric, UnknownMetric},
    options::Options,
    ranking::{Like, Nearest, Outlier, Pair, Ranking, Terms},
    twins::Twins,
    weights::{Weights, WeightsError},
};
use crate::{
    profile::Profile,
    similarity::{
        body::ranges,
        features::Features,
        items::Items,
        metric::{Euclidean, Gower, Mahalanobis, Means},
        profiles::Profiles,
        ranker::Ranker,
    },
};

/// The largest number of people that can be counted.
pub const MAX_PEOPLE: u64 = 1 << 32;

/// Parts of the ranker for this crate's tests and benchmarks. They are not part of the library's interface.
#[doc(hidden)]
pub mod internals {
    pub use crate::similarity::{
        body::{point, ranges},
        metric::{Coordinate, Distance, Euclidean, Gower, Mahalanobis, Means, WeightedMean},
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
    rank_counted(people, &[], options)
}

/// Ranks people of whom each stands for a number of people: itself, and others of the same build with larger ids that
/// are not known. `counts` has one number for each, at least 1, or is empty.
///
/// # Panics
/// If there are more than [`MAX_PEOPLE`] in all, whose pairs could not be counted.
///
/// Ties, the margin, groups of identical people and all metrics are those of all these people; so are the nearest of
/// the people in `people`, if the first two of each build are there. Only pairs of these people are listed.
#[must_use]
pub fn rank_counted(people: &[Profile], counts: &[u64], options: &Options) -> Ranking {
    let all = counts
        .iter()
        .fold(0_u64, |all, count| all.saturating_add(*count));
    assert!(all <= MAX_PEOPLE, "too many people to count their pairs");
    let people = Profiles::new(people, counts);
    let items = Items::new(&people, &options.weights);
    let ranker = Ranker { items, options };
    let weights = options.weights.thousandths();
    match options.metric {
        Metric::Gower => {
            let metric = Gower::new(ranges(), weights);
            ranker.rank(|_| metric)
        }
        Metric::Euclidean => {
            let metric = Euclidean::new(ranker.items.points(), weights);
            ranker.rank(|_| metric)
        }
        Metric::Mahalanobis => {
            let metric = Mahalanobis::new(ranker.items.points(), weights);
            ranker.rank(|_| metric)
        }
    }
}

/// Ranks items by features of any kind: the distance of two items is the weighted mean of the terms of the features
/// that both have, from 0 to 1. Items without such a feature are not compared; those that share none with any other
/// are counted as [`Ranking::incomparable`].
///
/// [`Options::weights`] has a weight for each axis; [`Options::metric`] is that of profiles and has no effect.
///
/// # Panics
/// Unless there are 1 to [`MAX_AXES`] axes.
///
/// ```
/// use labrpc::similarity::{Feature, Item, Options, Weights, rank_items};
///
/// struct Machine(&'static str, [Option<f64>; 2]);
///
/// impl Item for Machine {
///     fn id(&self) -> &str {
///         self.0
///     }
///     fn value(&self, axis: usize) -> Option<f64> {
///         self.1[axis]
///     }
/// }
///
/// let machines = [
///     Machine("a", [Some(4.0), Some(0.0)]),
///     Machine("b", [Some(8.0), Some(0.0)]),
///     Machine("c", [None, Some(1.0)]),
/// ];
/// let cpu_and_zone = [Feature::Number { low: 0.0, high: 64.0 }, Feature::Category];
/// let ranking = rank_items(&machines, &cpu_and_zone, &Options {
///     weights: Weights::equal(["cpu", "zone"]),
///     outliers: 1,
///     ..Options::default()
/// });
/// assert_eq!(ranking.pairs[0].distance, (4.0 / 64.0 + 0.0) / 2.0);
/// assert_eq!((ranking.outliers[0].person, ranking.outliers[0].distance), (2, 1.0)); // by the zone alone
/// ```
#[must_use]
pub fn rank_items<I: Item>(items: &[I], axes: &[Feature], options: &Options) -> Ranking {
    fn by<I: Item, const N: usize>(items: &[I], axes: &[Feature], options: &Options) -> Ranking {
        let axes = std::array::from_fn(|axis| axes[axis]);
        rank_features(&Features::<N>::new(items, &axes), options)
    }
    match axes.len() {
        1 => by::<I, 1>(items, axes, options),
        2 => by::<I, 2>(items, axes, options),
        3 => by::<I, 3>(items, axes, options),
        4 => by::<I, 4>(items, axes, options),
        5 => by::<I, 5>(items, axes, options),
        6 => by::<I, 6>(items, axes, options),
        7 => by::<I, 7>(items, axes, options),
        8 => by::<I, 8>(items, axes, options),
        count => panic!("{count} axes, not 1 to {MAX_AXES}"),
    }
}

fn rank_features<const N: usize>(features: &Features<'_, N>, options: &Options) -> Ranking {
    let items = Items::new(features, &options.weights);
    let weights = options.weights.thousandths();
    let means = Means::new(features.ranges(), weights, items.common_fields());
    Ranker { items, options }.rank(|fields| means.over(fields))
}

//! Ranks people by how alike they are: the closest pairs, everybody's nearest, one person's nearest, twins.
//!
//! Everything is exact: all ties are found or counted, and the answer depends neither on the order of the people
//! nor on the number of threads. Order is always by distance, then by the smaller id, then by the larger.
//! Given up for it: approximate answers, and any distance that is not a [`metric::Distance`].

pub mod metric;
pub mod neighbours;
pub mod pairs;
pub mod tree;
pub mod twins;
pub mod weights;

use std::num::NonZeroUsize;

use serde::Serialize;

pub use crate::similarity::{
    metric::{Metric, UnknownMetric},
    twins::Twins,
    weights::{Weights, WeightsError},
};
use crate::{
    profile::{Id, Profile},
    similarity::{
        metric::{Distance, Euclidean, Gower, Mahalanobis, Point, point},
        tree::Tree,
    },
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

/// Who is alike. People are named by their index in the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The closest pairs, ordered by distance, smaller id and larger id: all pairs at the smallest distance and,
    /// while that makes fewer than [`Options::top`], the next ones.
    ///
    /// Where more pairs tie for the smallest distance than the larger of `top` and [`Ranking::MAX_TIED`], only
    /// that many are listed; [`Ranking::tied`] counts them all.
    pub pairs: Vec<Pair>,
    /// The smallest distance; `None` where there is no pair.
    pub smallest: Option<f64>,
    /// How many pairs there are at the smallest distance.
    pub tied: u64,
    /// From the smallest distance to the next larger one; `None` where all pairs are equally far.
    pub margin: Option<f64>,
    /// People who share one id, in the order of these ids: set apart, none of them is ranked.
    pub duplicates: Vec<Vec<usize>>,
    /// Groups of people identical in all three fields, largest first, equal ones by their smallest id.
    pub twins: Vec<Twins>,
    /// How many such groups there are, listed or not.
    pub twin_groups: usize,
    /// Everybody's nearest, in the order of the input, where asked for. Empty when there is no pair.
    pub per_person: Option<Vec<Nearest>>,
    /// The people nearest to [`Options::like`], where asked for.
    pub like: Option<Like>,
}

impl Ranking {
    /// The number of pairs tied at the smallest distance up to which all are listed.
    pub const MAX_TIED: usize = 1000;

    /// How many groups of twins are listed unasked.
    pub const MAX_TWIN_GROUPS: usize = 20;

    /// The listed pairs at the smallest distance.
    pub fn first_place(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().take_while(|pair| pair.rank == 1)
    }
}

/// Two people and what is between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The place in the list, from 1; pairs at equal distance share one.
    pub rank: usize,
    /// The index of the person with the smaller id.
    pub a: usize,
    /// The index of the person with the larger id.
    pub b: usize,
    /// The distance; by the body distance in its units, 7 a centimetre, 5 a kilogram and 60 a size step.
    pub distance: f64,
    /// 1 for identical people, falling with the distance: by the body distance linearly, to 0 where every term
    /// is at its cap; by the other metrics as 1 / (1 + distance).
    pub similarity: f64,
    /// What each field contributes.
    pub terms: Terms,
}

/// A distance by field; the three sum up to it.
///
/// Under Mahalanobis a term is negative where the field pulls against the correlation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names are the fields")]
pub struct Terms {
    pub height: f64,
    pub weight: f64,
    pub size: f64,
}

/// One person's nearest; among equally near ones, the one with the smallest id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The index of the person.
    pub person: usize,
    /// The index of the nearest other person.
    pub nearest: usize,
    /// How far they are apart.
    pub distance: f64,
}

/// The answer to [`Options::like`].
#[derive(Clone, Debug, PartialEq)]
pub enum Like {
    /// Nobody has this id.
    Unknown(Id),
    /// Several people have this id, so none of them is ranked; see [`Ranking::duplicates`].
    Duplicate(Id),
    /// The person was found.
    Found {
        /// The index of the person.
        person: usize,
        /// The [`Options::top`] nearest, ordered by distance and id; each pair is of this person and another.
        nearest: Vec<Pair>,
    },
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
    let (order, duplicates) = order_by_id(people);
    let points = || order.iter().map(|&index| point(&people[index as usize]));
    let weights = &options.weights;
    let ranker = Ranker {
        people,
        order: &order,
        options,
    };
    let mut ranking = match options.metric {
        Metric::Gower => ranker.rank(Gower::new(weights)),
        Metric::Euclidean => ranker.rank(Euclidean::new(points(), weights)),
        Metric::Mahalanobis => ranker.rank(Mahalanobis::new(points(), weights)),
    };
    if let (Some(like), Some(id)) = (&mut ranking.like, options.like)
        && duplicates.iter().any(|same| people[same[0]].id == id)
    {
        *like = Like::Duplicate(id);
    }
    ranking.duplicates = duplicates;
    ranking
}

/// The indices of people with an id of their own, in the order of the ids, and the others by id.
fn order_by_id(people: &[Profile]) -> (Vec<u32>, Vec<Vec<usize>>) {
    let count = u32::try_from(people.len())
        .expect("4,294,967,296 profiles do not fit into a machine's memory");
    // Saved runs and registers are often in order already; the check costs nothing beside a sort.
    if people.is_sorted_by(|a, b| a.id < b.id) {
        return ((0..count).collect(), Vec::new());
    }
    let id = |index: u32| &people[index as usize].id;
    // Whole ids lie far apart in memory. Of most, the few bytes behind what they all begin with decide.
    let mut shared = people
        .first()
        .map_or(&[][..], |person| person.id.as_bytes());
    for person in people {
        while !person.id.as_bytes().starts_with(shared) {
            shared = &shared[..shared.len() - 1];
        }
    }
    let head = |index| id(index).head(shared.len());
    let mut order: Vec<(u64, u32)> = (0..count).map(|index| (head(index), index)).collect();
    // By number alone, which takes no branches; hardly any two are equal.
    order.sort_unstable_by_key(|(head, _)| *head);
    for same in order.chunk_by_mut(|(a, _), (b, _)| a == b) {
        same.sort_unstable_by(|(_, a), (_, b)| id(*a).cmp(id(*b)).then(a.cmp(b)));
    }
    let mut duplicates = Vec::new();
    let mut single = Vec::with_capacity(order.len());
    for same in order.chunk_by(|(a_head, a), (b_head, b)| a_head == b_head && id(*a) == id(*b)) {
        match same {
            [(_, index)] => single.push(*index),
            _ => duplicates.push(same.iter().map(|(_, index)| *index as usize).collect()),
        }
    }
    (single, duplicates)
}

/// Below this many people the search is done before a thread has started.
const MIN_PARALLEL: usize = 5_000;

/// The people to rank. From here on a person is a number: the place in the order of ids.
struct Ranker<'a> {
    people: &'a [Profile],
    order: &'a [u32],
    options: &'a Options,
}

impl Ranker<'_> {
    fn rank<D: Distance>(&self, metric: D) -> Ranking {
        let Options {
            weights,
            top,
            like,
            per_person,
            twins,
            mut threads,
            ..
        } = *self.options;
        if self.order.len() < MIN_PARALLEL {
            threads = NonZeroUsize::MIN;
        }
        // A field that weighs nothing must not keep people apart: with it, boxes at distance 0 would overlap
        // without end.
        let weighted = weights.thousandths().map(|weight| i32::from(weight > 0));
        let all_weighted = weighted == [1; 3];
        let tree = Tree::new(
            metric,
            (0..self.order.len()).map(|item| {
                let point = self.point(item as u32);
                [0, 1, 2].map(|axis| point[axis] * weighted[axis])
            }),
        );
        let limit = if twins {
            usize::MAX
        } else {
            Ranking::MAX_TWIN_GROUPS
        };
        let (twins, twin_groups) = if all_weighted {
            self.twins(tree.groups(), limit)
        } else {
            let points = (0..self.order.len()).map(|item| self.point(item as u32));
            self.twins(
                Tree::new(Gower::new(&Weights::default()), points).groups(),
                limit,
            )
        };
        let closest = tree.closest_pairs(top, Ranking::MAX_TIED, threads);
        let metric = tree.metric();
        let distance = |key| metric.distance(key);
        Ranking {
            smallest: closest.smallest.map(distance),
            tied: closest.tied,
            margin: closest
                .smallest
                .zip(closest.second)
                .map(|(smallest, second)| metric.margin(smallest, second)),
            pairs: self.pairs(
                &tree,
                closest.pairs.iter().map(|pair| (pair.key, pair.a, pair.b)),
            ),
            duplicates: Vec::new(),
            twins,
            twin_groups,
            per_person: per_person.then(|| {
                let mut nearest: Vec<Nearest> = tree
                    .nearest_of_each(threads)
                    .map(|(item, nearest, key)| Nearest {
                        person: self.index(item),
                        nearest: self.index(nearest),
                        distance: distance(key),
                    })
                    .collect();
                nearest.sort_unstable_by_key(|nearest| nearest.person);
                nearest
            }),
            like: like.map(|id| {
                let id_of = |index: &u32| self.people[*index as usize].id;
                match self.order.binary_search_by_key(&id, id_of) {
                    Err(_) => Like::Unknown(id),
                    Ok(item) => {
                        let item = item as u32;
                        let nearest = tree.nearest_to(item, top);
                        let pairs = nearest
                            .iter()
                            .map(|&(key, other)| (key, item.min(other), item.max(other)));
                        Like::Found {
                            person: self.index(item),
                            nearest: self.pairs(&tree, pairs),
                        }
                    }
                }
            }),
        }
    }

    fn index(&self, item: u32) -> usize {
        self.order[item as usize] as usize
    }

    fn person(&self, item: u32) -> &Profile {
        &self.people[self.index(item)]
    }

    fn point(&self, item: u32) -> Point {
        point(self.person(item))
    }

    fn twins<'a>(
        &self,
        groups: impl Iterator<Item = &'a [u32]>,
        limit: usize,
    ) -> (Vec<Twins>, usize) {
        twins::largest_groups(groups, limit, |item| (self.index(item), self.person(item)))
    }

    /// Explains pairs that are in order of their keys.
    fn pairs<D: Distance>(
        &self,
        tree: &Tree<D>,
        pairs: impl Iterator<Item = (u64, u32, u32)>,
    ) -> Vec<Pair> {
        let metric = tree.metric();
        let mut rank = 0;
        let mut previous = None;
        pairs
            .enumerate()
            .map(|(place, (key, a, b))| {
                if previous.replace(key) != Some(key) {
                    rank = place + 1;
                }
                let (p, q) = (self.point(a), self.point(b));
                let [height, weight, size] = metric.terms([0, 1, 2].map(|axis| q[axis] - p[axis]));
                let distance = metric.distance(key);
                Pair {
                    rank,
                    a: self.index(a),
                    b: self.index(b),
                    distance,
                    similarity: metric.similarity(distance),
                    terms: Terms {
                        height,
                        weight,
                        size,
                    },
                }
            })
            .collect()
    }
}

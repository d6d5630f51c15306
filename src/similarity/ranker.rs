//! From profiles to a [`Ranking`]: builds the tree, runs the searches and translates their results.

use std::num::NonZeroUsize;

use crate::{
    profile::{Id, Profile},
    similarity::{
        id_order::order_by_id,
        metric::{Distance, Gower, Point, point},
        options::Options,
        pairs::Close,
        ranking::{Like, Nearest, Pair, Ranking, Terms},
        tree::Tree,
        twins::{self, Twins},
        weights::Weights,
    },
};

/// With fewer people the search ends before a second thread has started.
const MIN_PARALLEL: usize = 5_000;

/// The people to rank, under two numberings.
///
/// An *index* (`usize`) is a position in the caller's slice. An *item* (`u32`) is a position in the order of ids;
/// people with a duplicate id have none. The searches see only items: that is why they break ties by id without
/// ever looking at one.
pub(crate) struct Ranker<'a> {
    people: &'a [Profile],
    options: &'a Options,
    /// The index of each item.
    order: Vec<u32>,
    duplicates: Vec<Vec<usize>>,
}

impl<'a> Ranker<'a> {
    pub(crate) fn new(people: &'a [Profile], options: &'a Options) -> Self {
        let (order, duplicates) = order_by_id(people);
        Self {
            people,
            options,
            order,
            duplicates,
        }
    }

    /// The point of each item.
    pub(crate) fn points(&self) -> impl ExactSizeIterator<Item = Point> {
        (0..self.order.len()).map(|item| point(self.person(item as u32)))
    }

    pub(crate) fn rank<D: Distance>(self, metric: D) -> Ranking {
        let options = self.options;
        let threads = match self.order.len() {
            ..MIN_PARALLEL => NonZeroUsize::MIN,
            _ => options.threads,
        };
        // Coordinates of fields with weight 0 become 0. Otherwise many distinct points would lie at distance 0 of
        // each other, in boxes that no bound can exclude.
        let counts = options
            .weights
            .thousandths()
            .map(|weight| i32::from(weight > 0));
        let project = |point: Point| [0, 1, 2].map(|axis| point[axis] * counts[axis]);
        let tree = Tree::new(metric, self.points().map(project));
        let (twins, twin_groups) = match counts {
            [1, 1, 1] => self.twins(&tree),
            // Twins are equal in all fields, whatever the weights.
            _ => self.twins(&Tree::new(Gower::new(&Weights::default()), self.points())),
        };
        let closest = tree.closest_pairs(options.top, Ranking::MAX_TIED, threads);
        let metric = tree.metric();
        let margin = closest.smallest.zip(closest.second);
        Ranking {
            smallest: closest.smallest.map(|key| metric.distance(key)),
            tied: closest.tied,
            margin: margin.map(|(smallest, second)| metric.margin(smallest, second)),
            pairs: self.pairs(metric, closest.pairs),
            twins,
            twin_groups,
            per_person: options
                .per_person
                .then(|| self.nearest_of_each(&tree, threads)),
            like: options.like.map(|id| self.like(&tree, id)),
            duplicates: self.duplicates,
        }
    }

    fn index(&self, item: u32) -> usize {
        self.order[item as usize] as usize
    }

    fn person(&self, item: u32) -> &'a Profile {
        &self.people[self.index(item)]
    }

    fn twins<D: Distance>(&self, tree: &Tree<D>) -> (Vec<Twins>, usize) {
        let limit = match self.options.twins {
            true => usize::MAX,
            false => Ranking::MAX_TWIN_GROUPS,
        };
        twins::largest_groups(tree.groups(), limit, |item| {
            (self.index(item), self.person(item))
        })
    }

    fn nearest_of_each<D: Distance>(&self, tree: &Tree<D>, threads: NonZeroUsize) -> Vec<Nearest> {
        let mut nearest: Vec<Nearest> = tree
            .nearest_of_each(threads)
            .map(|(item, nearest, key)| Nearest {
                person: self.index(item),
                nearest: self.index(nearest),
                distance: tree.metric().distance(key),
            })
            .collect();
        nearest.sort_unstable_by_key(|nearest| nearest.person);
        nearest
    }

    fn like<D: Distance>(&self, tree: &Tree<D>, id: Id) -> Like {
        let id_of = |index: usize| self.people[index].id;
        let duplicate = self.duplicates.iter().any(|same| id_of(same[0]) == id);
        let found = self
            .order
            .binary_search_by_key(&id, |index| id_of(*index as usize));
        match found {
            Ok(item) => {
                let item = item as u32;
                let nearest = tree.nearest_to(item, self.options.top).into_iter();
                let pairs = nearest.map(|(key, other)| Close::new(key, item, other));
                Like::Found {
                    person: self.index(item),
                    nearest: self.pairs(tree.metric(), pairs),
                }
            }
            Err(_) if duplicate => Like::Duplicate(id),
            Err(_) => Like::Unknown(id),
        }
    }

    /// Numbers and explains pairs that are in the order of their keys.
    fn pairs<D: Distance>(&self, metric: &D, pairs: impl IntoIterator<Item = Close>) -> Vec<Pair> {
        let mut rank = 0;
        let mut previous = None;
        let pairs = pairs.into_iter().enumerate();
        let explain = |(position, Close { key, a, b })| {
            // Pairs at the same distance share the rank of the first of them.
            if previous.replace(key) != Some(key) {
                rank = position + 1;
            }
            let (p, q) = (point(self.person(a)), point(self.person(b)));
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
        };
        pairs.map(explain).collect()
    }
}

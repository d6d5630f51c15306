//! From profiles to a [`Ranking`].

use std::num::NonZeroUsize;

use crate::{
    profile::{Id, Profile},
    similarity::{
        id_order::order_by_id,
        metric::{Distance, Gower, Point, point},
        options::Options,
        ranking::{Like, Nearest, Pair, Ranking, Terms},
        tree::Tree,
        twins::{self, Twins},
        weights::Weights,
    },
};

/// Below this many people the search is done before a thread has started.
const MIN_PARALLEL: usize = 5_000;

/// The people to rank. From here on a person is an item: the place in the order of ids.
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

    /// The points of the items, in order.
    pub(crate) fn points(&self) -> impl ExactSizeIterator<Item = Point> {
        (0..self.order.len()).map(|item| point(self.person(item as u32)))
    }

    pub(crate) fn rank<D: Distance>(self, metric: D) -> Ranking {
        let options = self.options;
        let threads = match self.order.len() {
            ..MIN_PARALLEL => NonZeroUsize::MIN,
            _ => options.threads,
        };
        // A field that weighs nothing must not keep people apart: with it, boxes at distance 0 would overlap
        // without end.
        let weighted = options
            .weights
            .thousandths()
            .map(|weight| i32::from(weight > 0));
        let points = self.points();
        let tree = Tree::new(
            metric,
            points.map(|point| [0, 1, 2].map(|axis| point[axis] * weighted[axis])),
        );
        let (twins, twin_groups) = if weighted == [1; 3] {
            self.twins(&tree)
        } else {
            self.twins(&Tree::new(Gower::new(&Weights::default()), self.points()))
        };
        let closest = tree.closest_pairs(options.top, Ranking::MAX_TIED, threads);
        let metric = tree.metric();
        let margin = closest.smallest.zip(closest.second);
        Ranking {
            smallest: closest.smallest.map(|key| metric.distance(key)),
            tied: closest.tied,
            margin: margin.map(|(smallest, second)| metric.margin(smallest, second)),
            pairs: self.pairs(
                metric,
                closest.pairs.iter().map(|pair| (pair.key, pair.a, pair.b)),
            ),
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
        let found = self
            .order
            .binary_search_by_key(&id, |index| self.people[*index as usize].id);
        let Ok(item) = found else {
            return match self
                .duplicates
                .iter()
                .any(|same| self.people[same[0]].id == id)
            {
                true => Like::Duplicate(id),
                false => Like::Unknown(id),
            };
        };
        let item = item as u32;
        let nearest = tree.nearest_to(item, self.options.top);
        let pairs = nearest
            .iter()
            .map(|&(key, other)| (key, item.min(other), item.max(other)));
        Like::Found {
            person: self.index(item),
            nearest: self.pairs(tree.metric(), pairs),
        }
    }

    /// Explains pairs that are in order of their keys.
    fn pairs<D: Distance>(
        &self,
        metric: &D,
        pairs: impl Iterator<Item = (u64, u32, u32)>,
    ) -> Vec<Pair> {
        let mut rank = 0;
        let mut previous = None;
        pairs
            .enumerate()
            .map(|(place, (key, a, b))| {
                if previous.replace(key) != Some(key) {
                    rank = place + 1;
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
            })
            .collect()
    }
}

//! From people to a [`Ranking`]: builds the trees, runs the searches and translates their results.

use std::{array, cmp::Reverse, collections::BinaryHeap, num::NonZeroUsize};

use crate::similarity::{
    items::Items,
    metric::{Distance, has},
    neighbours::{Candidate, NO_ITEM, NOTHING},
    options::Options,
    pairs::{Close, Collector, PairSearch},
    patterns::SameFields,
    people::{Population, all_fields},
    ranking::{Like, Nearest, Outlier, Pair, Ranking, Terms},
    tree::Tree,
    twins::{self, Twins},
};

/// With fewer people the search ends before a second thread has started.
const MIN_PARALLEL: usize = 5_000;

/// The items, and what is asked of them.
pub(crate) struct Ranker<'a, P, const N: usize> {
    pub(crate) items: Items<'a, P, N>,
    pub(crate) options: &'a Options,
}

/// The trees of all patterns, and what is asked of their pairs.
struct Searched<'s> {
    closest: Option<Collector<'s>>,
    /// The nearest of each item; empty if that is not asked for.
    nearest: Vec<Candidate>,
}

impl<'a, P: Population<N>, const N: usize> Ranker<'a, P, N> {
    /// Ranks by a metric over each set of fields that two people have in common.
    pub(crate) fn rank<D>(self, metric: impl Fn(u8) -> D) -> Ranking
    where
        D: Distance<N, Value = P::Value>,
    {
        let options = self.options;
        let patterns = self.items.patterns(self.items.weighted);
        let trees: Vec<Tree<D, N>> = patterns
            .iter()
            .map(|pattern| self.tree(&metric, pattern, pattern.fields))
            .collect();
        let all = all_fields(N);
        let (twins, twin_groups) = if self.items.weighted == all {
            self.twins(&trees)
        } else {
            // Twins are equal in all fields, whatever the weights. The metric only guides the splits.
            let patterns = self.items.patterns(all);
            let trees = patterns.iter();
            let trees: Vec<_> = trees
                .map(|pattern| self.tree(&metric, pattern, pattern.fields))
                .collect();
            self.twins(&trees)
        };
        let search = PairSearch::new(options.top, Ranking::MAX_TIED, self.threads());
        let Searched { closest, nearest } = self.search(&metric, &patterns, &trees, &search);
        let closest = closest.map(Collector::finish).unwrap_or_default();
        drop(trees);
        let scale = metric(self.items.weighted);
        let margin = closest.smallest.zip(closest.second);
        Ranking {
            smallest: closest.smallest.map(|key| scale.distance(key)),
            tied: closest.tied,
            margin: margin.map(|(smallest, second)| scale.margin(smallest, second)),
            pairs: self.closest_pairs(&metric, closest.pairs, closest.tied),
            twins,
            twin_groups,
            outliers: self.outliers(&metric, &nearest),
            per_person: options
                .per_person
                .then(|| self.per_person(&scale, &nearest)),
            like: options.like.clone().map(|id| self.like(&metric, id)),
            incomparable: self.items.incomparable(&patterns),
            duplicates: self.items.duplicates,
        }
    }

    fn threads(&self) -> NonZeroUsize {
        match self.items.len() {
            ..MIN_PARALLEL => NonZeroUsize::MIN,
            _ => self.options.threads,
        }
    }

    /// The tree of a pattern's items by some of its fields.
    fn tree<D>(&self, metric: &impl Fn(u8) -> D, pattern: &SameFields, fields: u8) -> Tree<D, N>
    where
        D: Distance<N, Value = P::Value>,
    {
        // Coordinates of other fields become 0. Otherwise many distinct points would lie at distance 0 of each other,
        // in boxes that no bound can exclude.
        let is_whole = fields == all_fields(N);
        let project = |point: [P::Value; N]| match is_whole {
            true => point,
            false => array::from_fn(|axis| match has(fields, axis) {
                true => point[axis],
                false => P::Value::default(),
            }),
        };
        let points = pattern
            .items()
            .map(|item| (item, project(self.items.point(item))));
        let tree = Tree::new(metric(fields), points);
        match self.items.people.counts() {
            Some(counts) => tree.with_counts(|item| counts[self.items.index(item)]),
            None => tree,
        }
    }

    /// Searches each tree, and for items with different fields two trees over what these have in common.
    fn search<'s, D>(
        &self,
        metric: &impl Fn(u8) -> D,
        patterns: &[SameFields],
        trees: &[Tree<D, N>],
        search: &'s PairSearch,
    ) -> Searched<'s>
    where
        D: Distance<N, Value = P::Value>,
    {
        let threads = self.threads();
        let closest = trees.iter().map(|tree| tree.join(tree, search));
        let mut closest = closest.reduce(Collector::merged);
        let mut nearest = Vec::new();
        let is_each_searched = self.options.per_person || self.options.outliers > 0;
        if is_each_searched {
            nearest = vec![NOTHING; self.items.len()];
            for tree in trees {
                for (item, other, key) in tree.nearest_of_each(threads) {
                    nearest[item as usize] = (key, other);
                }
            }
        }
        for (a, ours) in patterns.iter().enumerate() {
            for (b, theirs) in patterns[..a].iter().enumerate() {
                let common = ours.fields & theirs.fields;
                if common == 0 {
                    continue;
                }
                // A tree over just these fields may be there already.
                let built = [ours, theirs].map(|pattern| {
                    (pattern.fields != common).then(|| self.tree(metric, pattern, common))
                });
                let [ours, theirs] = &built;
                let (ours, theirs) = (
                    ours.as_ref().unwrap_or(&trees[a]),
                    theirs.as_ref().unwrap_or(&trees[b]),
                );
                let pairs = ours.join(theirs, search);
                closest = closest.map(|closest| closest.merged(pairs));
                if is_each_searched {
                    ours.improve_items(theirs, &mut nearest, threads);
                    theirs.improve_items(ours, &mut nearest, threads);
                }
            }
        }
        Searched { closest, nearest }
    }

    fn twins<D>(&self, trees: &[Tree<D, N>]) -> (Vec<Twins>, usize)
    where
        D: Distance<N, Value = P::Value>,
    {
        let limit = match self.options.twins {
            true => usize::MAX,
            false => Ranking::MAX_TWIN_GROUPS,
        };
        let groups = trees.iter().flat_map(Tree::groups);
        twins::largest_groups(groups, limit, |item| self.items.index(item))
    }

    /// The nearest of each, in the order of the input.
    fn per_person<D: Distance<N>>(&self, scale: &D, nearest: &[Candidate]) -> Vec<Nearest> {
        let found = nearest
            .iter()
            .zip(0..)
            .filter(|((_, other), _)| *other != NO_ITEM);
        let found = found.map(|(&(key, other), item)| Nearest {
            person: self.items.index(item),
            nearest: self.items.index(other),
            distance: scale.distance(key),
        });
        let mut found: Vec<Nearest> = found.collect();
        found.sort_unstable_by_key(|nearest| nearest.person);
        found
    }

    /// Those whose nearest is farthest.
    fn outliers<D>(&self, metric: &impl Fn(u8) -> D, nearest: &[Candidate]) -> Vec<Outlier>
    where
        D: Distance<N, Value = P::Value>,
    {
        let limit = self.options.outliers;
        let found = nearest
            .iter()
            .zip(0_u32..)
            .filter(|((_, other), _)| *other != NO_ITEM && limit > 0);
        let mut farthest: Vec<_> = found
            .map(|(&(key, other), item)| (Reverse(key), item, other))
            .collect();
        if limit < farthest.len() {
            farthest.select_nth_unstable(limit);
            farthest.truncate(limit);
        }
        farthest.sort_unstable();
        let mut rank = 0;
        let mut previous = None;
        let farthest = farthest.into_iter().enumerate();
        let outlier = |(position, (Reverse(key), item, other))| {
            if previous.replace(key) != Some(key) {
                rank = position + 1;
            }
            let (distance, similarity, terms) = self.explain(metric, key, item, other);
            Outlier {
                rank,
                person: self.items.index(item),
                nearest: self.items.index(other),
                distance,
                similarity,
                terms,
            }
        };
        farthest.map(outlier).collect()
    }

    fn like<D>(&self, metric: &impl Fn(u8) -> D, id: String) -> Like
    where
        D: Distance<N, Value = P::Value>,
    {
        let bytes_of = |index: usize| self.items.people.bytes(index);
        let found = self
            .items
            .order
            .binary_search_by_key(&id.as_bytes(), |index| bytes_of(*index as usize));
        match found {
            Ok(item) => Like::Found {
                person: self.items.index(item as u32),
                nearest: self.nearest_to(metric, item as u32),
            },
            Err(_)
                if self
                    .items
                    .duplicates
                    .iter()
                    .any(|same| bytes_of(same[0]) == id.as_bytes()) =>
            {
                Like::Duplicate(id)
            }
            Err(_) => Like::Unknown(id),
        }
    }

    /// The nearest to one item. Its distance to each is computed: a tree would take longer to build.
    fn nearest_to<D>(&self, metric: &impl Fn(u8) -> D, item: u32) -> Vec<Pair>
    where
        D: Distance<N, Value = P::Value>,
    {
        let top = self.options.top;
        let metrics: Vec<_> = self
            .items
            .common_fields()
            .map(|fields| (fields, metric(fields)))
            .collect();
        let mut best = BinaryHeap::new();
        for other in (0..self.items.len() as u32).filter(|other| *other != item) {
            let common = self.items.fields(item) & self.items.fields(other);
            let metric = metrics.iter().find(|(fields, _)| *fields == common);
            let Some((_, metric)) = metric.filter(|(fields, _)| *fields != 0) else {
                continue;
            };
            best.push((metric.key(self.items.delta(item, other)), other));
            if best.len() > top {
                best.pop();
            }
        }
        let mut rank = 0;
        let mut previous = None;
        let nearest = best.into_sorted_vec().into_iter().zip(1..);
        let pair = |((key, other), position)| {
            if previous.replace(key) != Some(key) {
                rank = position;
            }
            self.pair(metric, rank, Close::new(key, item, other))
        };
        nearest.map(pair).collect()
    }

    /// Numbers and explains the closest pairs, as far as [`Options::top`] or a tie for the first place allows.
    ///
    /// Pairs at the same distance share the rank of the first of them, and those of people without an id of their own
    /// count, too: all pairs before the last distance are known.
    fn closest_pairs<D>(&self, metric: &impl Fn(u8) -> D, pairs: Vec<Close>, tied: u64) -> Vec<Pair>
    where
        D: Distance<N, Value = P::Value>,
    {
        let top = self.options.top as u64;
        let mut listed = Vec::with_capacity(pairs.len());
        let mut previous = None;
        // The number of pairs at smaller distances, and of those up to this one.
        let (mut closer, mut known) = (0, 0);
        let mut places = u64::MAX;
        for close in pairs {
            if previous.replace(close.key) != Some(close.key) {
                closer = known;
                if listed.is_empty() {
                    known = tied;
                } else {
                    places = top.saturating_sub(closer);
                }
            }
            if closer > 0 {
                known += self.items.count(close.a) * self.items.count(close.b);
            }
            if places > 0 {
                places -= 1;
                listed.push(self.pair(metric, closer + 1, close));
            }
        }
        listed
    }

    fn pair<D>(&self, metric: &impl Fn(u8) -> D, rank: u64, Close { key, a, b }: Close) -> Pair
    where
        D: Distance<N, Value = P::Value>,
    {
        let (distance, similarity, terms) = self.explain(metric, key, a, b);
        Pair {
            rank,
            a: self.items.index(a),
            b: self.items.index(b),
            distance,
            similarity,
            terms,
        }
    }

    /// The distance, the similarity and the terms of two items whose key is known.
    fn explain<D>(&self, metric: &impl Fn(u8) -> D, key: u64, a: u32, b: u32) -> (f64, f64, Terms)
    where
        D: Distance<N, Value = P::Value>,
    {
        let common = self.items.fields(a) & self.items.fields(b);
        let metric = metric(common);
        let terms = metric.terms(self.items.delta(a, b));
        let distance = metric.distance(key);
        // A field without a weight has a term, too.
        let common = self.items.present(a) & self.items.present(b);
        let terms = Terms::new(terms, common);
        (distance, metric.similarity(distance), terms)
    }
}

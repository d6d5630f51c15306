//! The closest pairs of all, with every tie counted.
//!
//! A depth-first join of the tree with itself: first the pairs within each child, which soon give a tight bound,
//! then the pairs across the two children. [`tree`](crate::similarity::tree) explains when a pair of nodes may be
//! skipped. Each thread joins parts of the tree; the bounds that they reach are shared, their results merged at the
//! end. The result is the same for any number of threads, because a bound only ever excludes pairs that cannot
//! change it.

use std::{
    collections::BinaryHeap,
    num::NonZeroUsize,
    ops::Range,
    ptr,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    thread,
};

use crate::similarity::{
    metric::Distance,
    nodes::Bounds,
    tree::{Content, Tree, task_depth},
};

/// A pair of items, `a < b`, and the key of their distance. Ordered by key, `a`, `b`: by distance, then by ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Close {
    pub key: u64,
    pub a: u32,
    pub b: u32,
}

impl Close {
    pub(crate) fn new(key: u64, a: u32, b: u32) -> Self {
        let (a, b) = (a.min(b), a.max(b));
        Self { key, a, b }
    }
}

/// The result of [`Tree::closest_pairs`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closest {
    /// The closest pairs in order.
    pub pairs: Vec<Close>,
    /// The smallest key of any pair.
    pub smallest: Option<u64>,
    /// The smallest key above that.
    pub second: Option<u64>,
    /// The number of pairs with the smallest key, listed or not.
    pub tied: u64,
}

/// A part of the join: all pairs of points below one node, or between two.
#[derive(Clone, Copy)]
enum Task {
    Within(usize),
    Across(usize, usize),
}

/// What is searched for, and the bound that all threads of all joins share.
pub(crate) struct PairSearch {
    top: usize,
    max_tied: usize,
    threads: NonZeroUsize,
    /// The smallest bound of any thread. Only the value matters, no other memory depends on it: `Relaxed` is enough.
    bound: AtomicU64,
}

impl PairSearch {
    pub(crate) fn new(top: usize, max_tied: usize, threads: NonZeroUsize) -> Self {
        Self {
            top,
            max_tied: max_tied.max(top),
            threads,
            bound: AtomicU64::new(u64::MAX),
        }
    }
}

impl<D: Distance<N>, const N: usize> Tree<D, N> {
    /// The `top` closest pairs; if more than `top` pairs tie for the smallest distance, up to `max_tied` of those.
    #[must_use]
    pub fn closest_pairs(&self, top: usize, max_tied: usize, threads: NonZeroUsize) -> Closest {
        let search = PairSearch::new(top, max_tied, threads);
        self.join(self, &search).finish()
    }

    /// The closest pairs with one item in each tree, or within one tree that is joined with itself.
    pub(crate) fn join<'s>(&self, other: &Self, search: &'s PairSearch) -> Collector<'s> {
        let mut tasks = Vec::new();
        if !self.is_empty() && !other.is_empty() {
            let depth = task_depth(search.threads);
            match ptr::eq(self, other) {
                true => self.split_join(0, depth, &mut tasks),
                false => self.for_each_subtree(0, depth, &mut Vec::new(), &mut |node, _| {
                    tasks.push(Task::Across(node, 0));
                }),
            }
        }
        let next = AtomicUsize::new(0);
        let work = || {
            let mut collector = Collector::new(search);
            while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                match *task {
                    Task::Within(node) => self.within(node, &mut collector),
                    Task::Across(a, b) => self.across(a, other, b, &mut collector),
                }
            }
            collector
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..search.threads.get())
                .map(|_| scope.spawn(work))
                .collect();
            let mut collector = work();
            for other in others {
                // A panic in a worker must not turn into a result with pairs missing.
                match other.join() {
                    Ok(other) => collector = collector.merged(other),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            collector
        })
    }

    /// Splits the join of a node with itself into tasks, those that tighten the bound soonest first.
    fn split_join(&self, node: usize, depth: u32, tasks: &mut Vec<Task>) {
        match self.content(node) {
            Content::Inner(left, right) if depth > 0 => {
                self.split_join(left, depth - 1, tasks);
                self.split_join(right, depth - 1, tasks);
                tasks.push(Task::Across(left, right));
            }
            _ => tasks.push(Task::Within(node)),
        }
    }

    /// Offers all pairs of items below one node.
    fn within(&self, node: usize, collector: &mut Collector<'_>) {
        match self.content(node) {
            Content::Inner(left, right) => {
                self.within(left, collector);
                self.within(right, collector);
                self.across(left, self, right, collector);
            }
            Content::Leaf(points) => {
                for a in points.clone() {
                    let people = self.people_at(a);
                    if people > 1 {
                        let group = self.items_at(a);
                        let rows = group.iter().enumerate();
                        let rows = rows.map(|(i, &a)| (a, &group[i + 1..]));
                        collector.offer(0, people * (people - 1) / 2, rows);
                    }
                    self.scan(a, self, a + 1..points.end, collector);
                }
            }
        }
    }

    /// Offers all pairs with one item below `a` and one below `b`, a node of `other`.
    fn across(&self, a: usize, other: &Self, b: usize, collector: &mut Collector<'_>) {
        let (left, right) = (self.node(a), other.node(b));
        if self.lower_bound(left.bounds, right) > collector.refresh_bound() {
            return;
        }
        match (self.content(a), other.content(b)) {
            (Content::Inner(a, c), Content::Inner(b, d)) => {
                // All four combinations: the lower bound prunes those that lie apart.
                self.across(a, other, b, collector);
                self.across(c, other, b, collector);
                self.across(a, other, d, collector);
                self.across(c, other, d, collector);
            }
            (Content::Inner(a, c), Content::Leaf(_)) => {
                self.across(a, other, b, collector);
                self.across(c, other, b, collector);
            }
            (Content::Leaf(_), Content::Inner(b, d)) => {
                self.across(a, other, b, collector);
                self.across(a, other, d, collector);
            }
            (Content::Leaf(ours), Content::Leaf(theirs)) => {
                for point in ours {
                    let coordinates = self.points()[point].coordinates;
                    if self.lower_bound(Bounds::of_point(coordinates), right) <= collector.bound {
                        self.scan(point, other, theirs.clone(), collector);
                    }
                }
            }
        }
    }

    /// Offers all pairs of one point's items with those of points of `other`.
    fn scan(
        &self,
        point: usize,
        other: &Self,
        theirs: Range<usize>,
        collector: &mut Collector<'_>,
    ) {
        let coordinates = self.points()[point].coordinates;
        for (there, at) in theirs.clone().zip(&other.points()[theirs]) {
            let key = self.key(coordinates, at.coordinates);
            if key <= collector.bound {
                let (ours, theirs) = (self.items_at(point), other.items_at(there));
                let count = match self.stands_for_more() {
                    true => self.people_at(point) * other.people_at(there),
                    false => ours.len() as u64 * theirs.len() as u64,
                };
                collector.offer(key, count, ours.iter().map(|&a| (a, theirs)));
            }
        }
    }
}

/// What one thread has found so far.
///
/// Three questions are answered in one pass: which are the `top` best pairs, how many tie for the smallest key, and
/// which key comes second. `bound` is the largest key that can still change any of the answers.
pub(crate) struct Collector<'a> {
    search: &'a PairSearch,
    /// The `top` best pairs; the worst of them is on top of the heap.
    best: BinaryHeap<Close>,
    /// The `max_tied` first of the pairs at the smallest key.
    tied: BinaryHeap<Close>,
    smallest: Option<u64>,
    second: Option<u64>,
    tied_count: u64,
    bound: u64,
}

impl<'a> Collector<'a> {
    fn new(search: &'a PairSearch) -> Self {
        Self {
            search,
            best: BinaryHeap::new(),
            tied: BinaryHeap::new(),
            smallest: None,
            second: None,
            tied_count: 0,
            bound: u64::MAX,
        }
    }

    /// Adopts a smaller bound of another thread.
    fn refresh_bound(&mut self) -> u64 {
        self.bound = self.bound.min(self.search.bound.load(Ordering::Relaxed));
        self.bound
    }

    /// Takes `count` pairs of one key, as rows of one item and the items that it pairs with.
    ///
    /// Rows ascend, and so do the items within them. The first pair that is not kept ends its row, and a row of
    /// which none is kept ends them all: two groups of 100,000 identical people are counted, not enumerated.
    fn offer<'g>(&mut self, key: u64, count: u64, rows: impl Iterator<Item = (u32, &'g [u32])>) {
        let mut changed = self.count_pairs(key, count);
        for (a, others) in rows {
            let kept = others
                .iter()
                .take_while(|b| self.keep(Close::new(key, a, **b)));
            if kept.count() == 0 {
                break;
            }
            changed = true;
        }
        if changed {
            self.tighten();
        }
    }

    /// Updates the smallest key, its count and the second key. True if one of the two keys has changed.
    fn count_pairs(&mut self, key: u64, pairs: u64) -> bool {
        match self.smallest {
            Some(smallest) if key > smallest => {
                let nearer = self.second.is_none_or(|second| key < second);
                if nearer {
                    self.second = Some(key);
                }
                nearer
            }
            Some(smallest) if key == smallest => {
                self.tied_count += pairs;
                false
            }
            smaller => {
                self.second = smaller;
                self.smallest = Some(key);
                self.tied_count = pairs;
                self.tied.clear();
                true
            }
        }
    }

    /// Keeps the pair if it is among the best so far or among those tied. True if it is.
    fn keep(&mut self, pair: Close) -> bool {
        let best = keep_smallest(&mut self.best, self.search.top, pair);
        let tied = Some(pair.key) == self.smallest
            && keep_smallest(&mut self.tied, self.search.max_tied, pair);
        best || tied
    }

    /// Lowers the bound as far as the pairs found so far allow, for all threads.
    fn tighten(&mut self) {
        // Every pair matters until `top` pairs and a second key are known.
        let Some(second) = self.second.filter(|_| self.best.len() == self.search.top) else {
            return;
        };
        // The second key itself is known, so pairs at that key matter only if they may be among the best.
        let worst = self.best.peek().map_or(0, |worst| worst.key);
        let bound = worst.max(second - 1);
        if bound < self.bound {
            self.bound = bound;
            self.search.bound.fetch_min(bound, Ordering::Relaxed);
        }
    }

    /// Adds what another thread or another join has found.
    pub(crate) fn merged(mut self, other: Self) -> Self {
        if let Some(smallest) = other.smallest {
            self.count_pairs(smallest, other.tied_count);
        }
        if let Some(second) = other.second {
            self.count_pairs(second, 0);
        }
        for pair in other.best {
            keep_smallest(&mut self.best, self.search.top, pair);
        }
        for pair in other.tied {
            if Some(pair.key) == self.smallest {
                keep_smallest(&mut self.tied, self.search.max_tied, pair);
            }
        }
        self
    }

    /// All kept ties if they are at least `top`, otherwise the best.
    pub(crate) fn finish(self) -> Closest {
        let pairs = if self.tied.len() >= self.best.len() {
            self.tied
        } else {
            self.best
        };
        Closest {
            pairs: pairs.into_sorted_vec(),
            smallest: self.smallest,
            second: self.second,
            tied: self.tied_count,
        }
    }
}

/// Keeps the `limit` smallest pairs. True if `pair` is one of them.
fn keep_smallest(heap: &mut BinaryHeap<Close>, limit: usize, pair: Close) -> bool {
    if heap.len() < limit {
        heap.push(pair);
        return true;
    }
    match heap.peek_mut() {
        Some(mut worst) if pair < *worst => {
            *worst = pair;
            true
        }
        _ => false,
    }
}

//! The closest pairs of all, every tie counted.
//!
//! A depth-first join of the tree with itself: first within the children, which soon yields a tight bound, then
//! across them. Two nodes are skipped only where even the nearest corners of their boxes are *further* apart than
//! the bound: at equal distance there may be a pair that ties, and counts, or has smaller ids.

use std::{
    collections::BinaryHeap,
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    thread,
};

use crate::similarity::{
    metric::Distance,
    tree::{Content, Tree, task_depth},
};

/// Two numbers, `a < b`, and the key of their distance. Ordered by key, `a`, `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Close {
    pub key: u64,
    pub a: u32,
    pub b: u32,
}

impl Close {
    fn new(key: u64, a: u32, b: u32) -> Self {
        let (a, b) = (a.min(b), a.max(b));
        Self { key, a, b }
    }
}

/// What [`Tree::closest_pairs`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closest {
    /// The closest pairs in order.
    pub pairs: Vec<Close>,
    /// The smallest key.
    pub smallest: Option<u64>,
    /// The smallest key above that.
    pub second: Option<u64>,
    /// How many pairs have the smallest key.
    pub tied: u64,
}

/// A part of the join.
#[derive(Clone, Copy)]
enum Task {
    Within(usize),
    Across(usize, usize),
}

impl<D: Distance> Tree<D> {
    /// The `top` closest pairs; where more than that tie for the smallest distance, up to `max_tied` of these.
    #[must_use]
    pub fn closest_pairs(&self, top: usize, max_tied: usize, threads: NonZeroUsize) -> Closest {
        let shared = AtomicU64::new(u64::MAX);
        if self.is_empty() {
            return Collector::new(top, max_tied, &shared).finish();
        }
        let mut tasks = Vec::new();
        self.split_join(0, task_depth(threads), &mut tasks);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut collector = Collector::new(top, max_tied, &shared);
            while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                match *task {
                    Task::Within(node) => self.within(node, &mut collector),
                    Task::Across(a, b) => self.across(a, b, &mut collector),
                }
            }
            collector
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads.get()).map(|_| scope.spawn(work)).collect();
            let mut collector = work();
            for other in others {
                // A thread that panicked has nothing to hand over; its panic goes on here.
                match other.join() {
                    Ok(other) => collector.merge(other),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            collector.finish()
        })
    }

    /// Splits the join of a node with itself, what yields a bound soonest first.
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

    fn within(&self, node: usize, collector: &mut Collector<'_>) {
        match self.content(node) {
            Content::Inner(left, right) => {
                self.within(left, collector);
                self.within(right, collector);
                self.across(left, right, collector);
            }
            Content::Leaf(points) => {
                for a in points.clone() {
                    collector.offer_identical(self.items_at(a));
                    self.scan(a, a + 1..points.end, collector);
                }
            }
        }
    }

    fn across(&self, a: usize, b: usize, collector: &mut Collector<'_>) {
        let (left, right) = (self.node(a), self.node(b));
        if self.lower_bound((left.low, left.high), right) > collector.bound() {
            return;
        }
        match (self.content(a), self.content(b)) {
            (Content::Inner(a, c), Content::Inner(b, d)) => {
                // The halves that face each other are among these; the bound sorts out the rest.
                self.across(a, b, collector);
                self.across(c, b, collector);
                self.across(a, d, collector);
                self.across(c, d, collector);
            }
            (Content::Inner(a, c), Content::Leaf(_)) => {
                self.across(a, b, collector);
                self.across(c, b, collector);
            }
            (Content::Leaf(_), Content::Inner(b, d)) => {
                self.across(a, b, collector);
                self.across(a, d, collector);
            }
            (Content::Leaf(ours), Content::Leaf(theirs)) => {
                for point in ours {
                    let coordinates = self.points()[point].coordinates;
                    if self.lower_bound((coordinates, coordinates), right) <= collector.bound {
                        self.scan(point, theirs.clone(), collector);
                    }
                }
            }
        }
    }

    /// Compares a point with others.
    fn scan(&self, point: usize, others: std::ops::Range<usize>, collector: &mut Collector<'_>) {
        let points = self.points();
        let coordinates = points[point].coordinates;
        for (other, there) in others.clone().zip(&points[others]) {
            let key = self.key(coordinates, there.coordinates);
            if key <= collector.bound {
                collector.offer(key, self.items_at(point), self.items_at(other));
            }
        }
    }
}

/// The best pairs so far.
struct Collector<'a> {
    top: usize,
    max_tied: usize,
    /// The `top` best.
    best: BinaryHeap<Close>,
    /// The `max_tied` first of those at the smallest key.
    tied: BinaryHeap<Close>,
    smallest: Option<u64>,
    second: Option<u64>,
    tied_count: u64,
    /// Pairs with larger keys change nothing any more.
    bound: u64,
    /// The smallest bound of any thread: its pairs alone rule out what lies above.
    shared: &'a AtomicU64,
}

impl<'a> Collector<'a> {
    fn new(top: usize, max_tied: usize, shared: &'a AtomicU64) -> Self {
        Self {
            top,
            max_tied: max_tied.max(top),
            best: BinaryHeap::new(),
            tied: BinaryHeap::new(),
            smallest: None,
            second: None,
            tied_count: 0,
            bound: u64::MAX,
            shared,
        }
    }

    fn bound(&mut self) -> u64 {
        self.bound = self.bound.min(self.shared.load(Ordering::Relaxed));
        self.bound
    }

    /// Takes all pairs of two points' people.
    fn offer(&mut self, key: u64, ours: &[u32], theirs: &[u32]) {
        let mut changed = self.count_pairs(key, ours.len() as u64 * theirs.len() as u64);
        // For one of ours, pairs come in ascending order, and so do the first pairs of ours.
        for a in ours {
            let theirs = theirs.iter();
            let kept = theirs.take_while(|b| self.keep(Close::new(key, *a, **b)));
            if kept.count() == 0 {
                break;
            }
            changed = true;
        }
        if changed {
            self.tighten();
        }
    }

    /// Takes all pairs of the people at one point.
    fn offer_identical(&mut self, group: &[u32]) {
        let [_, _, ..] = group else { return };
        let size = group.len() as u64;
        let mut changed = self.count_pairs(0, size * (size - 1) / 2);
        for (i, a) in group.iter().enumerate() {
            let others = group[i + 1..].iter();
            let kept = others.take_while(|b| self.keep(Close::new(0, *a, **b)));
            if kept.count() == 0 {
                break;
            }
            changed = true;
        }
        if changed {
            self.tighten();
        }
    }

    /// Counts pairs at the smallest key, and says whether that or the second one is another now.
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

    /// Whether the pair is among the best so far or those tied.
    fn keep(&mut self, pair: Close) -> bool {
        let best = keep_smallest(&mut self.best, self.top, pair);
        let tied =
            Some(pair.key) == self.smallest && keep_smallest(&mut self.tied, self.max_tied, pair);
        best || tied
    }

    fn tighten(&mut self) {
        // While fewer than `top` pairs, or no second key, are known, every pair matters.
        let Some(second) = self.second.filter(|_| self.best.len() == self.top) else {
            return;
        };
        // A pair at the second key tells nothing new, unless it is among the best.
        let worst = self.best.peek().map_or(0, |worst| worst.key);
        let bound = worst.max(second - 1);
        if bound < self.bound {
            self.bound = bound;
            self.shared.fetch_min(bound, Ordering::Relaxed);
        }
    }

    fn merge(&mut self, other: Self) {
        if let Some(smallest) = other.smallest {
            self.count_pairs(smallest, other.tied_count);
        }
        if let Some(second) = other.second {
            self.count_pairs(second, 0);
        }
        for pair in other.best {
            keep_smallest(&mut self.best, self.top, pair);
        }
        for pair in other.tied {
            if Some(pair.key) == self.smallest {
                keep_smallest(&mut self.tied, self.max_tied, pair);
            }
        }
    }

    fn finish(self) -> Closest {
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

/// Keeps the `limit` smallest, and says whether this is one of them.
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

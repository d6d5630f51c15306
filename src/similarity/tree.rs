//! The index behind every search: a k-d tree over whole ticks, built once.
//!
//! A node is split on the axis on which a sample of its points is widest *by the metric*, and at a value: equal
//! coordinates never end up on both sides. So sibling boxes do not overlap on data with few distinct values, and
//! equal points stay together: each distinct point is stored once, with the list of its items.
//!
//! ```text
//! nodes   0 ────────────┐            depth first: the left child follows its parent,
//!         1 ─────┐      4            the parent stores the index of the right one
//!         2      3      │
//! points  p0 p1  p2 p3  p4 p5 end    the distinct points, leaf by leaf
//! items   7  0 3 5  1   2  4 6       the items of each point, ascending (here p1 has two)
//! ```
//!
//! An *item* is a number that the input of [`Tree::new`] gives to a point. The ranker numbers people in the order of
//! their ids, so a smaller item means a smaller id, and comparing `(key, item)` orders by distance and then by id.
//!
//! *Pruning*, the same in all searches: [`Tree::lower_bound`] is at most the key of any two points in two boxes. A
//! subtree is skipped only if its lower bound is *greater* than the best key so far. If they are equal it is
//! searched, because it may hold a tie, which has to be counted or may have the smaller id.
//!
//! Given up for this: inserting and removing points.

use std::num::NonZeroUsize;

use crate::similarity::{
    build::{MAX_LEAF_POINTS, around, build, group_equal_points},
    metric::{Coordinate as _, Distance},
    nodes::{Bounds, DistinctPoint, Node, delta},
};

/// A k-d tree, and the metric that its points are compared by.
pub struct Tree<D: Distance<N>, const N: usize> {
    metric: D,
    nodes: Vec<Node<D::Value, N>>,
    /// One more than there are distinct points: the last entry marks the end of the last one's items.
    points: Vec<DistinctPoint<D::Value, N>>,
    /// All items, grouped by point, ascending within each group.
    items: Vec<u32>,
    /// How many people the items of the points before each point stand for. Empty if each stands for one.
    people: Vec<u64>,
}

/// What a node contains.
pub(crate) enum Content {
    /// The indices of its points.
    Leaf(std::ops::Range<usize>),
    /// The indices of its left and its right child.
    Inner(usize, usize),
}

impl<D: Distance<N>, const N: usize> Tree<D, N> {
    /// Builds the tree over `input`, items and their points.
    ///
    /// # Panics
    /// If the difference of two coordinates on one axis is not a value of their type, or if there are more than
    /// [`u32::MAX`] points. The values of a [`Profile`](crate::profile::Profile) stay far below the first limit.
    pub fn new(metric: D, input: impl ExactSizeIterator<Item = (u32, [D::Value; N])>) -> Self {
        let mut points = Vec::with_capacity(input.len() + 1);
        points.extend(input.map(|(first_item, coordinates)| DistinctPoint {
            coordinates,
            first_item,
        }));
        assert!(
            u32::try_from(points.len()).is_ok(),
            "too many points to number"
        );
        let Bounds { low, high } = around(&points);
        let fits = |axis: usize| D::Value::can_differ(low[axis], high[axis]);
        assert!(
            points.is_empty() || (0..N).all(fits),
            "points too far apart"
        );
        let mut nodes = Vec::with_capacity(4 * points.len() / MAX_LEAF_POINTS);
        if !points.is_empty() {
            build(&metric, &mut points, 0, &mut nodes);
        }
        let items = group_equal_points(&mut nodes, &mut points);
        Self {
            metric,
            nodes,
            points,
            items,
            people: Vec::new(),
        }
    }

    /// Lets each item stand for a number of people.
    #[must_use]
    pub fn with_counts(mut self, count: impl Fn(u32) -> u64) -> Self {
        let mut before = 0;
        self.people = Vec::with_capacity(self.points.len());
        for point in 0..self.points().len() {
            self.people.push(before);
            before += self
                .items_at(point)
                .iter()
                .map(|&item| count(item))
                .sum::<u64>();
        }
        self.people.push(before);
        self
    }

    /// The metric that the points are compared by.
    #[must_use]
    pub fn metric(&self) -> &D {
        &self.metric
    }

    /// The items of each distinct point, ascending, and the number of people that they stand for.
    pub fn groups(&self) -> impl Iterator<Item = (&[u32], u64)> {
        (0..self.points().len()).map(|point| (self.items_at(point), self.people_at(point)))
    }

    /// The distinct points.
    pub(crate) fn points(&self) -> &[DistinctPoint<D::Value, N>] {
        self.points.split_last().map_or(&[], |(_, points)| points)
    }

    /// The items of a point, ascending; at least one.
    pub(crate) fn items_at(&self, point: usize) -> &[u32] {
        let [start, end] = [point, point + 1].map(|point| self.points[point].first_item as usize);
        &self.items[start..end]
    }

    /// Whether items stand for more people than themselves.
    #[inline]
    pub(crate) fn stands_for_more(&self) -> bool {
        !self.people.is_empty()
    }

    /// The number of people at a point; at least one.
    #[inline]
    pub(crate) fn people_at(&self, point: usize) -> u64 {
        match self.stands_for_more() {
            true => self.people[point + 1] - self.people[point],
            false => self.items_at(point).len() as u64,
        }
    }

    /// Whether there are no points, and so no root, which is node 0.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(crate) fn node(&self, node: usize) -> &Node<D::Value, N> {
        &self.nodes[node]
    }

    pub(crate) fn content(&self, node: usize) -> Content {
        let Node {
            index, point_count, ..
        } = self.nodes[node];
        let index = index as usize;
        match point_count {
            0 => Content::Inner(node + 1, index),
            _ => Content::Leaf(index..index + point_count as usize),
        }
    }

    /// The key of two points.
    #[inline]
    pub(crate) fn key(&self, a: [D::Value; N], b: [D::Value; N]) -> u64 {
        self.metric.key(delta(a, b))
    }

    /// At most the key of any two points of which one lies in `bounds` and one in `node`.
    ///
    /// On each axis the differences of such points fill an interval, from nearest to farthest faces:
    ///
    /// ```text
    ///     low     high        other.low     other.high
    ///      ├───────┤               ├─────────────┤
    ///              └─── smallest ──┘
    ///      └───────────────── largest ───────────┘
    /// ```
    #[inline]
    pub(crate) fn lower_bound(&self, bounds: Bounds<D::Value, N>, node: &Node<D::Value, N>) -> u64 {
        let Bounds { low, high } = node.bounds;
        self.metric
            .lower_bound(delta(bounds.high, low), delta(bounds.low, high))
    }
}

/// How many levels of the tree to divide into tasks: several tasks for each thread, as they differ in length.
pub(crate) fn task_depth(threads: NonZeroUsize) -> u32 {
    match threads.get() {
        1 => 0,
        threads => threads.ilog2() + 4,
    }
}

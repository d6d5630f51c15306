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
//! An *item* is a point's position in the input of [`Tree::new`]. The ranker passes people in the order of their
//! ids, so a smaller item means a smaller id, and comparing `(key, item)` orders by distance and then by id.
//!
//! *Pruning*, the same in all searches: [`Tree::lower_bound`] is at most the key of any two points in two boxes. A
//! subtree is skipped only if its lower bound is *greater* than the best key so far. If they are equal it is
//! searched, because it may hold a tie, which has to be counted or may have the smaller id.
//!
//! Given up for this: inserting and removing points.

use std::num::NonZeroUsize;

use crate::similarity::metric::{Distance, Point};

/// Most distinct points in a leaf. Fewer cost memory and visits of nodes, more cost computed distances.
pub(crate) const MAX_LEAF_POINTS: usize = 12;

/// A k-d tree, and the metric that its points are compared by.
pub struct Tree<D> {
    metric: D,
    nodes: Vec<Node>,
    /// One more than there are distinct points: the last entry marks the end of the last one's items.
    points: Vec<DistinctPoint>,
    /// All items, grouped by point, ascending within each group.
    items: Vec<u32>,
}

/// A distinct point. While the tree is being built there is one for each item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DistinctPoint {
    pub(crate) coordinates: Point,
    /// Where its items begin in [`Tree::items`]. While the tree is being built: the item itself.
    first_item: u32,
}

/// A box that is tight around the points of a leaf or of both children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) bounds: Bounds,
    /// Of a leaf: its first point. Otherwise: its right child.
    index: u32,
    /// The number of points of a leaf, otherwise 0.
    point_count: u32,
}

/// A box with sides parallel to the axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    low: Point,
    high: Point,
}

/// What a node contains.
pub(crate) enum Content {
    /// The indices of its points.
    Leaf(std::ops::Range<usize>),
    /// The indices of its left and its right child.
    Inner(usize, usize),
}

impl Bounds {
    /// The smallest box around `points`; inside out if there are none.
    #[inline]
    fn around(points: impl Iterator<Item = Point>) -> Self {
        let (mut low, mut high) = ([i32::MAX; 3], [i32::MIN; 3]);
        for point in points {
            for axis in 0..3 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        Self { low, high }
    }

    #[inline]
    pub(crate) fn of_point(point: Point) -> Self {
        Self {
            low: point,
            high: point,
        }
    }
}

impl<D: Distance> Tree<D> {
    /// Builds the tree over `input`; a point's item is its position in the input.
    ///
    /// # Panics
    /// If coordinates on one axis differ by more than [`i32::MAX`], or if there are more than [`u32::MAX`] points.
    /// The values of a [`Profile`](crate::profile::Profile) stay far below the first limit.
    pub fn new(metric: D, input: impl ExactSizeIterator<Item = Point>) -> Self {
        let mut points = Vec::with_capacity(input.len() + 1);
        points.extend(
            input
                .zip(0..)
                .map(|(coordinates, first_item)| DistinctPoint {
                    coordinates,
                    first_item,
                }),
        );
        assert!(
            u32::try_from(points.len()).is_ok(),
            "too many points to number"
        );
        let Bounds { low, high } = around(&points);
        let fits = |axis: usize| high[axis].checked_sub(low[axis]).is_some();
        assert!(
            points.is_empty() || (0..3).all(fits),
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
        }
    }

    /// The metric that the points are compared by.
    #[must_use]
    pub fn metric(&self) -> &D {
        &self.metric
    }

    /// The items of each distinct point, ascending.
    pub fn groups(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.points().len()).map(|point| self.items_at(point))
    }

    /// The distinct points.
    pub(crate) fn points(&self) -> &[DistinctPoint] {
        self.points.split_last().map_or(&[], |(_, points)| points)
    }

    /// The items of a point, ascending; at least one.
    pub(crate) fn items_at(&self, point: usize) -> &[u32] {
        let [start, end] = [point, point + 1].map(|point| self.points[point].first_item as usize);
        &self.items[start..end]
    }

    /// The index of an item's point; `None` for an item that is not in the tree.
    pub(crate) fn point_of(&self, item: u32) -> Option<usize> {
        let position = self.items.iter().position(|other| *other == item)?;
        Some(
            self.points
                .partition_point(|point| point.first_item as usize <= position)
                - 1,
        )
    }

    /// Whether there are no points, and so no root, which is node 0.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(crate) fn node(&self, node: usize) -> &Node {
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
    pub(crate) fn key(&self, a: Point, b: Point) -> u64 {
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
    pub(crate) fn lower_bound(&self, bounds: Bounds, node: &Node) -> u64 {
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

/// `b - a` by axis.
#[inline]
fn delta(a: Point, b: Point) -> Point {
    [b[0] - a[0], b[1] - a[1], b[2] - a[2]]
}

fn around(points: &[DistinctPoint]) -> Bounds {
    Bounds::around(points.iter().map(|point| point.coordinates))
}

/// Appends the node of `points`, the first of which has index `offset` in the tree, and all nodes below it.
fn build<D: Distance>(
    metric: &D,
    points: &mut [DistinctPoint],
    offset: usize,
    nodes: &mut Vec<Node>,
) -> Bounds {
    let node = nodes.len();
    nodes.push(Node {
        bounds: Bounds::of_point([0; 3]),
        index: offset as u32,
        point_count: points.len() as u32,
    });
    let bounds = match partition(metric, points) {
        None => around(points),
        Some(middle) => {
            let (left, right) = points.split_at_mut(middle);
            let left = build(metric, left, offset, nodes);
            nodes[node].index = nodes.len() as u32;
            nodes[node].point_count = 0;
            let right = build(metric, right, offset + middle, nodes);
            Bounds::around([left.low, left.high, right.low, right.high].into_iter())
        }
    };
    nodes[node].bounds = bounds;
    bounds
}

/// Moves the points with smaller values on the widest axis to the front and returns their number, about half of
/// all. `None` if the points are to be a leaf: few, or all equal.
fn partition<D: Distance>(metric: &D, points: &mut [DistinctPoint]) -> Option<usize> {
    if points.len() <= MAX_LEAF_POINTS {
        return None;
    }
    // The widest axis and the median of a sample are nearly as good as the exact ones, and much cheaper.
    let mut sample = [[0; 3]; 31];
    let size = if points.len() < 1024 {
        15
    } else {
        sample.len()
    };
    for (i, point) in sample[..size].iter_mut().enumerate() {
        *point = points[(2 * i + 1) * points.len() / (2 * size)].coordinates;
    }
    let bounds = Bounds::around(sample[..size].iter().copied());
    if bounds.low != bounds.high {
        let axis = widest(metric, bounds);
        let mut values = [0; 31];
        for (value, point) in values.iter_mut().zip(&sample[..size]) {
            *value = point[axis];
        }
        values[..size].sort_unstable();
        // If the median is the smallest value, the points with that value alone go to the left.
        let middle = partition_at(points, axis, values[size / 2].max(bounds.low[axis] + 1));
        if middle.min(points.len() - middle) >= points.len() / 8 {
            return Some(middle);
        }
    }
    // The sample was misleading, or most values are equal. The exact median corrects the former; the latter stays
    // uneven, as equal values are not separated, but ends after a few levels.
    let bounds = around(points);
    if bounds.low == bounds.high {
        return None;
    }
    let axis = widest(metric, bounds);
    let half = points.len() / 2;
    let (_, median, _) = points.select_nth_unstable_by_key(half, |point| point.coordinates[axis]);
    let median = median.coordinates[axis];
    Some(partition_at(points, axis, median.max(bounds.low[axis] + 1)))
}

/// The axis on which a box is widest by the metric.
fn widest<D: Distance>(metric: &D, Bounds { low, high }: Bounds) -> usize {
    let width = |axis: usize| {
        let mut width = [0; 3];
        width[axis] = high[axis] - low[axis];
        // Ticks break the tie if the metric does not see any difference, so that distinct points still separate.
        (metric.key(width), width[axis])
    };
    (0..3).max_by_key(|axis| width(*axis)).unwrap_or(0)
}

/// Moves the points below `value` to the front and returns their number.
fn partition_at(points: &mut [DistinctPoint], axis: usize, value: i32) -> usize {
    let mut middle = 0;
    for i in 0..points.len() {
        // Swaps always, because a branch would be mispredicted half of the time. Unless the middle moves on, the
        // next swap takes the same place again.
        let left = points[i].coordinates[axis] < value;
        points.swap(i, middle);
        middle += usize::from(left);
    }
    middle
}

/// Turns the leaves' points, of one item each, into distinct points, and returns all items grouped by point.
///
/// It works in place: `points[..kept]` is done, and never runs ahead of the points that are read.
fn group_equal_points(nodes: &mut [Node], points: &mut Vec<DistinctPoint>) -> Vec<u32> {
    let mut items = Vec::with_capacity(points.len());
    let mut kept = 0;
    for leaf in nodes.iter_mut().filter(|node| node.point_count > 0) {
        let mut start = leaf.index as usize;
        let end = start + leaf.point_count as usize;
        leaf.index = kept as u32;
        // A leaf is either small or all equal, so comparing each point with the rest is cheaper than sorting.
        while start < end {
            let DistinctPoint {
                coordinates,
                first_item,
            } = points[start];
            points[kept] = DistinctPoint {
                coordinates,
                first_item: items.len() as u32,
            };
            kept += 1;
            items.push(first_item);
            start += 1;
            if points[start..end]
                .iter()
                .any(|point| point.coordinates == coordinates)
            {
                let group_start = items.len() - 1;
                // Takes the equal points and moves the others to the end of the leaf.
                let mut rest = end;
                for point in (start..end).rev() {
                    if points[point].coordinates == coordinates {
                        items.push(points[point].first_item);
                    } else {
                        rest -= 1;
                        points[rest] = points[point];
                    }
                }
                start = rest;
                items[group_start..].sort_unstable();
            }
        }
        leaf.point_count = kept as u32 - leaf.index;
    }
    points.truncate(kept);
    points.push(DistinctPoint {
        coordinates: [0; 3],
        first_item: items.len() as u32,
    });
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::metric::Gower;

    #[test]
    fn misleading_sample_falls_back_to_exact_median() {
        let count = 4096;
        // The points that the sample takes are far below all others.
        let mut points: Vec<DistinctPoint> = (0..count)
            .map(|point| DistinctPoint {
                coordinates: [100_000 + point as i32, 0, 0],
                first_item: point as u32,
            })
            .collect();
        for i in 0..31 {
            points[(2 * i + 1) * count / 62].coordinates[0] = i as i32;
        }
        let middle = partition(&Gower::with_resolution(1), &mut points).unwrap();
        assert!(
            (count / 8..=count - count / 8).contains(&middle),
            "{middle}"
        );
        let (left, right) = points.split_at(middle);
        let largest = left.iter().map(|point| point.coordinates[0]).max();
        assert!(largest < right.iter().map(|point| point.coordinates[0]).min());
    }
}

//! The index that every search goes through: a k-d tree over whole ticks, built in one go.
//!
//! A node is split on the axis on which a sample of it is widest *by the metric*, and by value: equal coordinates
//! never end up on both sides. So sibling boxes do not overlap on data with few distinct values, and items with
//! equal points never separate: each distinct point is one point, with any number of items at it. Nodes lie in
//! depth-first order, and points in the order of the leaves. Given up for it: inserting and removing.

use std::num::NonZeroUsize;

use crate::similarity::metric::{Distance, Point};

/// Places in a leaf at most. Fewer cost memory and nodes visited, more cost distances computed.
pub(crate) const MAX_LEAF_POINTS: usize = 12;

/// The tree, with the metric that its boxes are compared by.
pub struct Tree<D> {
    metric: D,
    nodes: Vec<Node>,
    /// Behind the last point stands one more, which says where its items end.
    points: Vec<DistinctPoint>,
    /// The items's numbers by point, ascending within one.
    items: Vec<u32>,
}

/// A distinct point. (While the tree is being built: one person's.)
#[derive(Clone, Copy, Debug)]
pub(crate) struct DistinctPoint {
    pub(crate) coordinates: Point,
    /// Where its items begin in [`Tree::items`]. (While the tree is being built: the person's number.)
    first_item: u32,
}

/// A box that is tight around its points, which are either its own or its two children's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) low: Point,
    pub(crate) high: Point,
    /// In a leaf its first point, else its right child. The left one follows its parent.
    index: u32,
    /// The number of its points in a leaf, else 0.
    point_count: u32,
}

/// What is in a node.
pub(crate) enum Content {
    /// The indices of its points.
    Leaf(std::ops::Range<usize>),
    /// The indices of its children.
    Inner(usize, usize),
}

impl<D: Distance> Tree<D> {
    /// Indexes points; a point's number is its point in the iterator.
    ///
    /// # Panics
    /// When coordinates on one axis are further apart than [`i32::MAX`], or there are more points than
    /// [`u32::MAX`]. Neither can be said in items.
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
        let (low, high) = bounds(&points);
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

    /// The distance that the points are compared by.
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

    /// The items at a point, ascending.
    pub(crate) fn items_at(&self, point: usize) -> &[u32] {
        &self.items
            [self.points[point].first_item as usize..self.points[point + 1].first_item as usize]
    }

    /// The point of a person; `None` for a number that was not given out.
    pub(crate) fn point_of(&self, item: u32) -> Option<usize> {
        let at = self.items.iter().position(|other| *other == item)?;
        Some(
            self.points
                .partition_point(|point| point.first_item as usize <= at)
                - 1,
        )
    }

    /// Whether there is anybody, and so a root, which is node 0.
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

    /// The key of two points' points.
    #[inline]
    pub(crate) fn key(&self, a: Point, b: Point) -> u64 {
        self.metric.key(delta(a, b))
    }

    /// At most the key of any two points of two boxes.
    #[inline]
    pub(crate) fn lower_bound(&self, (low, high): (Point, Point), other: &Node) -> u64 {
        self.metric
            .lower_bound(delta(high, other.low), delta(low, other.high))
    }
}

/// How deep to divide the tree into tasks: some for each thread, as they are not equally long.
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

/// Appends the node of `points`, of which the first is number `offset`, and all below it; says its box.
fn build<D: Distance>(
    metric: &D,
    points: &mut [DistinctPoint],
    offset: usize,
    nodes: &mut Vec<Node>,
) -> (Point, Point) {
    let node = nodes.len();
    nodes.push(Node {
        low: [0; 3],
        high: [0; 3],
        index: offset as u32,
        point_count: points.len() as u32,
    });
    let (low, high) = match partition(metric, points) {
        None => bounds(points),
        Some(middle) => {
            let (left, right) = points.split_at_mut(middle);
            let left = build(metric, left, offset, nodes);
            nodes[node].index = nodes.len() as u32;
            nodes[node].point_count = 0;
            let right = build(metric, right, offset + middle, nodes);
            let axes = [0, 1, 2];
            (
                axes.map(|axis| left.0[axis].min(right.0[axis])),
                axes.map(|axis| left.1[axis].max(right.1[axis])),
            )
        }
    };
    nodes[node].low = low;
    nodes[node].high = high;
    (low, high)
}

/// Moves the smaller values on the widest axis to the front, and says how many they are: about half. `None` for
/// what is to be a leaf.
fn partition<D: Distance>(metric: &D, points: &mut [DistinctPoint]) -> Option<usize> {
    if points.len() <= MAX_LEAF_POINTS {
        return None;
    }
    // A sample's widest axis and its median there are good enough, and cheaper than the exact ones.
    let mut sample = [[0; 3]; 31];
    let size = if points.len() < 1024 {
        15
    } else {
        sample.len()
    };
    let sample = &mut sample[..size];
    for (i, point) in sample.iter_mut().enumerate() {
        *point = points[(2 * i + 1) * points.len() / (2 * size)].coordinates;
    }
    let (low, high) = sample
        .iter()
        .fold(([i32::MAX; 3], [i32::MIN; 3]), |(low, high), point| {
            let axes = [0, 1, 2];
            (
                axes.map(|axis| low[axis].min(point[axis])),
                axes.map(|axis| high[axis].max(point[axis])),
            )
        });
    if low != high {
        let axis = widest(metric, low, high);
        let mut values = [0; 31];
        for (value, point) in values.iter_mut().zip(sample) {
            *value = point[axis];
        }
        let values = &mut values[..size];
        values.sort_unstable();
        // Where the median is the smallest there is, it alone goes to the left.
        let middle = partition_at(points, axis, values[size / 2].max(low[axis] + 1));
        if middle.min(points.len() - middle) >= points.len() / 8 {
            return Some(middle);
        }
    }
    // An unlucky sample, or most values are equal; only the first can be mended.
    let (low, high) = bounds(points);
    if low == high {
        return None;
    }
    let axis = widest(metric, low, high);
    let half = points.len() / 2;
    let (_, median, _) = points.select_nth_unstable_by_key(half, |point| point.coordinates[axis]);
    let median = median.coordinates[axis];
    Some(partition_at(points, axis, median.max(low[axis] + 1)))
}

/// The axis on which a box is widest by the metric.
fn widest<D: Distance>(metric: &D, low: Point, high: Point) -> usize {
    let width = |axis: usize| {
        let mut width = [0; 3];
        width[axis] = high[axis] - low[axis];
        // Where the metric sees no difference at all, the ticks still tell points apart.
        (metric.key(width), width[axis])
    };
    (0..3).max_by_key(|axis| width(*axis)).unwrap_or(0)
}

/// Moves what is below a value to the front, and says how much that is.
fn partition_at(points: &mut [DistinctPoint], axis: usize, value: i32) -> usize {
    let mut middle = 0;
    for i in 0..points.len() {
        // No branch to mispredict: the swap is undone by the next one unless the middle moves.
        let left = points[i].coordinates[axis] < value;
        points.swap(i, middle);
        middle += usize::from(left);
    }
    middle
}

/// The smallest box around points.
fn bounds(points: &[DistinctPoint]) -> (Point, Point) {
    let (mut low, mut high) = ([i32::MAX; 3], [i32::MIN; 3]);
    for point in points {
        for axis in 0..3 {
            low[axis] = low[axis].min(point.coordinates[axis]);
            high[axis] = high[axis].max(point.coordinates[axis]);
        }
    }
    (low, high)
}

/// Turns points of one person each into points with all who stand there, and lists these items.
fn group_equal_points(nodes: &mut [Node], points: &mut Vec<DistinctPoint>) -> Vec<u32> {
    let mut items = Vec::with_capacity(points.len());
    let mut kept = 0;
    for leaf in nodes.iter_mut().filter(|node| node.point_count > 0) {
        let (mut start, end) = (
            leaf.index as usize,
            (leaf.index + leaf.point_count) as usize,
        );
        leaf.index = kept as u32;
        // A leaf is a few points or one: to compare each with the rest takes less than to sort them.
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
                // Whoever stands elsewhere moves up to the end of the leaf.
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
        // The points that the sample is taken from are far below all others.
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

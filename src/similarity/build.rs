//! How the tree is built.

use crate::similarity::{
    metric::{Coordinate, Distance},
    nodes::{Bounds, DistinctPoint, Node},
};

/// Most distinct points in a leaf. Fewer cost memory and visits of nodes, more cost computed distances.
pub(crate) const MAX_LEAF_POINTS: usize = 12;

pub(crate) fn around<V: Coordinate, const N: usize>(
    points: &[DistinctPoint<V, N>],
) -> Bounds<V, N> {
    Bounds::around(points.iter().map(|point| point.coordinates))
}

/// Appends the node of `points`, the first of which has index `offset` in the tree, and all nodes below it.
pub(crate) fn build<D: Distance<N>, const N: usize>(
    metric: &D,
    points: &mut [DistinctPoint<D::Value, N>],
    offset: usize,
    nodes: &mut Vec<Node<D::Value, N>>,
) -> Bounds<D::Value, N> {
    let node = nodes.len();
    nodes.push(Node {
        bounds: Bounds::of_point([D::Value::default(); N]),
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
fn partition<D: Distance<N>, const N: usize>(
    metric: &D,
    points: &mut [DistinctPoint<D::Value, N>],
) -> Option<usize> {
    if points.len() <= MAX_LEAF_POINTS {
        return None;
    }
    // The widest axis and the median of a sample are nearly as good as the exact ones, and much cheaper.
    let mut sample = [[D::Value::default(); N]; 31];
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
        let mut values = [D::Value::default(); 31];
        for (value, point) in values.iter_mut().zip(&sample[..size]) {
            *value = point[axis];
        }
        values[..size].sort_unstable_by(Coordinate::order);
        // If the median is the smallest value, the points with that value alone go to the left.
        let middle = partition_at(points, axis, values[size / 2].most(bounds.low[axis].next()));
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
    let value = |point: &DistinctPoint<D::Value, N>| point.coordinates[axis];
    let (_, median, _) = points.select_nth_unstable_by(half, |a, b| value(a).order(&value(b)));
    let median = value(median);
    Some(partition_at(
        points,
        axis,
        median.most(bounds.low[axis].next()),
    ))
}

/// The axis on which a box is widest by the metric.
fn widest<D: Distance<N>, const N: usize>(
    metric: &D,
    Bounds { low, high }: Bounds<D::Value, N>,
) -> usize {
    let width = |axis: usize| {
        let mut width = [D::Value::default(); N];
        width[axis] = high[axis].minus(low[axis]);
        (metric.key(width), width[axis])
    };
    // Ticks break the tie if the metric does not see any difference, so that distinct points still separate.
    let narrower = |a: &usize, b: &usize| {
        let ((a, a_ticks), (b, b_ticks)) = (width(*a), width(*b));
        a.cmp(&b).then(a_ticks.order(&b_ticks))
    };
    (0..N).max_by(narrower).unwrap_or(0)
}

/// Moves the points below `value` to the front and returns their number.
fn partition_at<V: Coordinate, const N: usize>(
    points: &mut [DistinctPoint<V, N>],
    axis: usize,
    value: V,
) -> usize {
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
pub(crate) fn group_equal_points<V: Coordinate, const N: usize>(
    nodes: &mut [Node<V, N>],
    points: &mut Vec<DistinctPoint<V, N>>,
) -> Vec<u32> {
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
        coordinates: [V::default(); N],
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
        let mut points: Vec<DistinctPoint<i32, 3>> = (0..count)
            .map(|point| DistinctPoint {
                coordinates: [100_000 + point as i32, 0, 0],
                first_item: point as u32,
            })
            .collect();
        for i in 0..31 {
            points[(2 * i + 1) * count / 62].coordinates[0] = i as i32;
        }
        let middle = partition(&Gower::new([600, 840, 7], [1000; 3]), &mut points).unwrap();
        assert!(
            (count / 8..=count - count / 8).contains(&middle),
            "{middle}"
        );
        let (left, right) = points.split_at(middle);
        let largest = left.iter().map(|point| point.coordinates[0]).max();
        assert!(largest < right.iter().map(|point| point.coordinates[0]).min());
    }
}

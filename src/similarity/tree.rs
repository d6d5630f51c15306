//! The index that every search goes through: a k-d tree over whole ticks, built in one go.
//!
//! A node is split on the axis on which a sample of it is widest *by the metric*, and by value: equal coordinates
//! never end up on both sides. So sibling boxes do not overlap on data with few distinct values, and people with
//! equal points never separate: each distinct point is one place, with any number of people at it. Nodes lie in
//! depth-first order, and places in the order of the leaves. Given up for it: inserting and removing.

use crate::similarity::metric::{Measure, Point};

/// Places in a leaf at most. Fewer cost memory and nodes visited, more cost distances computed.
pub(crate) const LEAF: usize = 12;

/// The tree, with the metric that its boxes are compared by.
pub struct Tree<M> {
    measure: M,
    nodes: Vec<Node>,
    /// Behind the last place stands one more, which says where its people end.
    places: Vec<Place>,
    /// The people's numbers by place, ascending within one.
    people: Vec<u32>,
}

/// A distinct point. (While the tree is being built: one person's.)
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) point: Point,
    /// Where its people begin in [`Tree::people`]. (While the tree is being built: the person's number.)
    first: u32,
}

/// A box that is tight around its places, which are either its own or its two children's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) low: Point,
    pub(crate) high: Point,
    /// In a leaf its first place, else its right child. The left one follows its parent.
    index: u32,
    /// The number of its places in a leaf, else 0.
    count: u32,
}

/// What is in a node.
pub(crate) enum Content {
    /// The indices of its places.
    Leaf(std::ops::Range<usize>),
    /// The indices of its children.
    Inner(usize, usize),
}

impl<M: Measure> Tree<M> {
    /// Indexes points; a point's number is its place in the iterator.
    ///
    /// # Panics
    /// When coordinates on one axis are further apart than [`i32::MAX`], or there are more points than
    /// [`u32::MAX`]. Neither can be said in people.
    pub fn new(measure: M, points: impl ExactSizeIterator<Item = Point>) -> Self {
        let mut places = Vec::with_capacity(points.len() + 1);
        places.extend(points.zip(0..).map(|(point, first)| Place { point, first }));
        assert!(
            u32::try_from(places.len()).is_ok(),
            "too many points to number"
        );
        let (low, high) = bounds(&places);
        let fits = |axis: usize| high[axis].checked_sub(low[axis]).is_some();
        assert!(
            places.is_empty() || (0..3).all(fits),
            "points too far apart"
        );
        let mut nodes = Vec::with_capacity(4 * places.len() / LEAF);
        if !places.is_empty() {
            split(&measure, &mut places, 0, &mut nodes);
        }
        let people = gather(&mut nodes, &mut places);
        Self {
            measure,
            nodes,
            places,
            people,
        }
    }

    /// The distance that the points are compared by.
    #[must_use]
    pub fn measure(&self) -> &M {
        &self.measure
    }

    /// The people of each distinct point, ascending.
    pub fn groups(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.places().len()).map(|place| self.group(place))
    }

    /// The distinct points.
    pub(crate) fn places(&self) -> &[Place] {
        self.places.split_last().map_or(&[], |(_, places)| places)
    }

    /// The people at a place, ascending.
    pub(crate) fn group(&self, place: usize) -> &[u32] {
        &self.people[self.places[place].first as usize..self.places[place + 1].first as usize]
    }

    /// The place of a person; `None` for a number that was not given out.
    pub(crate) fn place_of(&self, number: u32) -> Option<usize> {
        let at = self.people.iter().position(|person| *person == number)?;
        Some(
            self.places
                .partition_point(|place| place.first as usize <= at)
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
        let Node { index, count, .. } = self.nodes[node];
        let index = index as usize;
        match count {
            0 => Content::Inner(node + 1, index),
            _ => Content::Leaf(index..index + count as usize),
        }
    }

    /// The key of two places' points.
    #[inline]
    pub(crate) fn key(&self, a: Point, b: Point) -> u64 {
        self.measure.key(delta(a, b))
    }

    /// At most the key of any two points of two boxes.
    #[inline]
    pub(crate) fn bound(&self, (low, high): (Point, Point), other: &Node) -> u64 {
        self.measure
            .bound(delta(high, other.low), delta(low, other.high))
    }
}

/// `b - a` by axis.
#[inline]
fn delta(a: Point, b: Point) -> Point {
    [b[0] - a[0], b[1] - a[1], b[2] - a[2]]
}

/// Appends the node of `places`, of which the first is number `offset`, and all below it; says its box.
fn split<M: Measure>(
    measure: &M,
    places: &mut [Place],
    offset: usize,
    nodes: &mut Vec<Node>,
) -> (Point, Point) {
    let node = nodes.len();
    nodes.push(Node {
        low: [0; 3],
        high: [0; 3],
        index: offset as u32,
        count: places.len() as u32,
    });
    let (low, high) = match divide(measure, places) {
        None => bounds(places),
        Some(middle) => {
            let (left, right) = places.split_at_mut(middle);
            let left = split(measure, left, offset, nodes);
            nodes[node].index = nodes.len() as u32;
            nodes[node].count = 0;
            let right = split(measure, right, offset + middle, nodes);
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
fn divide<M: Measure>(measure: &M, places: &mut [Place]) -> Option<usize> {
    if places.len() <= LEAF {
        return None;
    }
    // A sample's widest axis and its median there are good enough, and cheaper than the exact ones.
    let mut sample = [[0; 3]; 31];
    let size = if places.len() < 1024 {
        15
    } else {
        sample.len()
    };
    let sample = &mut sample[..size];
    for (i, point) in sample.iter_mut().enumerate() {
        *point = places[(2 * i + 1) * places.len() / (2 * size)].point;
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
        let axis = widest(measure, low, high);
        let mut values = [0; 31];
        for (value, point) in values.iter_mut().zip(sample) {
            *value = point[axis];
        }
        let values = &mut values[..size];
        values.sort_unstable();
        // Where the median is the smallest there is, it alone goes to the left.
        let middle = divide_at(places, axis, values[size / 2].max(low[axis] + 1));
        if middle.min(places.len() - middle) >= places.len() / 8 {
            return Some(middle);
        }
    }
    // An unlucky sample, or most values are equal; only the first can be mended.
    let (low, high) = bounds(places);
    if low == high {
        return None;
    }
    let axis = widest(measure, low, high);
    let half = places.len() / 2;
    let (_, median, _) = places.select_nth_unstable_by_key(half, |place| place.point[axis]);
    let median = median.point[axis];
    Some(divide_at(places, axis, median.max(low[axis] + 1)))
}

/// The axis on which a box is widest by the metric.
fn widest<M: Measure>(measure: &M, low: Point, high: Point) -> usize {
    let width = |axis: usize| {
        let mut width = [0; 3];
        width[axis] = high[axis] - low[axis];
        // Where the metric sees no difference at all, the ticks still tell places apart.
        (measure.key(width), width[axis])
    };
    (0..3).max_by_key(|axis| width(*axis)).unwrap_or(0)
}

/// Moves what is below a value to the front, and says how much that is.
fn divide_at(places: &mut [Place], axis: usize, value: i32) -> usize {
    let mut middle = 0;
    for i in 0..places.len() {
        // No branch to mispredict: the swap is undone by the next one unless the middle moves.
        let left = places[i].point[axis] < value;
        places.swap(i, middle);
        middle += usize::from(left);
    }
    middle
}

/// The smallest box around places.
fn bounds(places: &[Place]) -> (Point, Point) {
    let (mut low, mut high) = ([i32::MAX; 3], [i32::MIN; 3]);
    for place in places {
        for axis in 0..3 {
            low[axis] = low[axis].min(place.point[axis]);
            high[axis] = high[axis].max(place.point[axis]);
        }
    }
    (low, high)
}

/// Turns places of one person each into places with all who stand there, and lists these people.
fn gather(nodes: &mut [Node], places: &mut Vec<Place>) -> Vec<u32> {
    let mut people = Vec::with_capacity(places.len());
    let mut kept = 0;
    for leaf in nodes.iter_mut().filter(|node| node.count > 0) {
        let (mut start, end) = (leaf.index as usize, (leaf.index + leaf.count) as usize);
        leaf.index = kept as u32;
        // A leaf is a few points or one: to compare each with the rest takes less than to sort them.
        while start < end {
            let Place { point, first } = places[start];
            places[kept] = Place {
                point,
                first: people.len() as u32,
            };
            kept += 1;
            people.push(first);
            start += 1;
            if places[start..end].iter().any(|place| place.point == point) {
                let group = people.len() - 1;
                // Whoever stands elsewhere moves up to the end of the leaf.
                let mut rest = end;
                for place in (start..end).rev() {
                    if places[place].point == point {
                        people.push(places[place].first);
                    } else {
                        rest -= 1;
                        places[rest] = places[place];
                    }
                }
                start = rest;
                people[group..].sort_unstable();
            }
        }
        leaf.count = kept as u32 - leaf.index;
    }
    places.truncate(kept);
    places.push(Place {
        point: [0; 3],
        first: people.len() as u32,
    });
    people
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::metric::Gower;

    #[test]
    fn a_sample_that_misleads_still_divides_well() {
        let count = 4096;
        // The places that the sample is taken from are far below all others.
        let mut places: Vec<Place> = (0..count)
            .map(|place| Place {
                point: [100_000 + place as i32, 0, 0],
                first: place as u32,
            })
            .collect();
        for i in 0..31 {
            places[(2 * i + 1) * count / 62].point[0] = i as i32;
        }
        let middle = divide(&Gower::finer(1), &mut places).unwrap();
        assert!(
            (count / 8..=count - count / 8).contains(&middle),
            "{middle}"
        );
        let (left, right) = places.split_at(middle);
        let largest = left.iter().map(|place| place.point[0]).max();
        assert!(largest < right.iter().map(|place| place.point[0]).min());
    }
}

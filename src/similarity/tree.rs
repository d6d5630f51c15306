//! The index over the people's positions (for now a plain list of positions, grouped by sorting).

use crate::similarity::metric::{Measure, Point};

/// Positions, each with the people who stand there.
pub struct Tree<M> {
    measure: M,
    /// Distinct positions.
    pub(crate) points: Vec<Point>,
    /// Where each position's people begin in `people`; one more than there are positions.
    pub(crate) first: Vec<u32>,
    /// The people's numbers by position, ascending within one.
    pub(crate) people: Vec<u32>,
}

impl<M: Measure> Tree<M> {
    /// Indexes points; a point's number is its place in the iterator.
    pub fn new(measure: M, points: impl ExactSizeIterator<Item = Point>) -> Self {
        let mut items: Vec<(Point, u32)> = points.zip(0..).collect();
        items.sort_unstable();
        let mut tree = Self {
            measure,
            points: Vec::new(),
            first: Vec::new(),
            people: items.iter().map(|&(_, number)| number).collect(),
        };
        for (place, (point, _)) in items.iter().enumerate() {
            if tree.points.last() != Some(point) {
                tree.points.push(*point);
                tree.first.push(place as u32);
            }
        }
        tree.first.push(items.len() as u32);
        tree
    }

    /// The distance that the points are compared by.
    #[must_use]
    pub fn measure(&self) -> &M {
        &self.measure
    }

    /// The people at each position, ascending.
    pub fn groups(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.points.len()).map(|place| self.group(place))
    }

    pub(crate) fn group(&self, place: usize) -> &[u32] {
        &self.people[self.first[place] as usize..self.first[place + 1] as usize]
    }
}

/// `b - a` by axis.
pub(crate) fn delta(a: Point, b: Point) -> Point {
    [0, 1, 2].map(|axis| b[axis] - a[axis])
}

//! What the tree is made of.

use std::array;

use crate::similarity::metric::Coordinate;

/// A distinct point. While the tree is being built there is one for each item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DistinctPoint<V, const N: usize> {
    pub(crate) coordinates: [V; N],
    /// Where its items begin in the tree's items. While the tree is being built: the item itself.
    pub(crate) first_item: u32,
}

/// A box that is tight around the points of a leaf or of both children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<V, const N: usize> {
    pub(crate) bounds: Bounds<V, N>,
    /// Of a leaf: its first point. Otherwise: its right child.
    pub(crate) index: u32,
    /// The number of points of a leaf, otherwise 0.
    pub(crate) point_count: u32,
}

/// A box with sides parallel to the axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds<V, const N: usize> {
    pub(crate) low: [V; N],
    pub(crate) high: [V; N],
}

impl<V: Coordinate, const N: usize> Bounds<V, N> {
    /// The smallest box around `points`; inside out if there are none.
    #[inline]
    pub(crate) fn around(points: impl Iterator<Item = [V; N]>) -> Self {
        let [least, most] = V::ENDS;
        let (mut low, mut high) = ([most; N], [least; N]);
        for point in points {
            for axis in 0..N {
                low[axis] = low[axis].least(point[axis]);
                high[axis] = high[axis].most(point[axis]);
            }
        }
        Self { low, high }
    }

    #[inline]
    pub(crate) fn of_point(point: [V; N]) -> Self {
        Self {
            low: point,
            high: point,
        }
    }
}

/// `b - a` by axis.
#[inline]
pub(crate) fn delta<V: Coordinate, const N: usize>(a: [V; N], b: [V; N]) -> [V; N] {
    array::from_fn(|axis| b[axis].minus(a[axis]))
}

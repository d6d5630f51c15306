//! Points, and what a metric has to provide for a tree to search by it.

use std::{cmp::Ordering, fmt::Debug};

/// One coordinate of a point: whole ticks (`i32`), or numbers of any scale (`f64`, never NaN).
pub trait Coordinate: Copy + Debug + Default + PartialOrd + Send + Sync {
    /// The smallest and the largest value.
    const ENDS: [Self; 2];

    /// The order of two values.
    fn order(&self, other: &Self) -> Ordering;

    /// The difference, which has the same magnitude in both directions and grows with the distance of the two.
    fn minus(self, other: Self) -> Self;

    /// The smallest value above this one.
    fn next(self) -> Self;

    /// Whether the difference of the two values is a value, too.
    fn can_differ(low: Self, high: Self) -> bool;

    /// The smaller of two values.
    #[inline]
    fn least(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// The larger of two values.
    #[inline]
    fn most(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
}

impl Coordinate for i32 {
    const ENDS: [Self; 2] = [Self::MIN, Self::MAX];

    #[inline]
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self - other
    }

    #[inline]
    fn next(self) -> Self {
        self + 1
    }

    fn can_differ(low: Self, high: Self) -> bool {
        high.checked_sub(low).is_some()
    }
}

impl Coordinate for f64 {
    const ENDS: [Self; 2] = [Self::NEG_INFINITY, Self::INFINITY];

    #[inline]
    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self - other
    }

    #[inline]
    fn next(self) -> Self {
        self.next_up()
    }

    fn can_differ(low: Self, high: Self) -> bool {
        (high - low).is_finite()
    }
}

/// A distance that can be computed between two points and bounded between two boxes.
///
/// Distances are compared as `u64` keys, which have the same order and the same equality whether the metric counts
/// in integers or in floats: the bits of non-negative floats are ordered as the floats are. A key stands for the
/// distance and not for its square, because different squares may round to the same root, and such pairs tie.
pub trait Distance<const N: usize>: Sync {
    /// The type of a point's coordinates.
    type Value: Coordinate;

    /// The key of two points that differ by `delta`. The same for `delta` and `-delta`.
    fn key(&self, delta: [Self::Value; N]) -> u64;

    /// A lower bound of [`Self::key`] over every `delta` with `low <= delta <= high` on each axis.
    ///
    /// Exact even in floats: each operation rounds monotonically, so the bound, computed in the same order as the
    /// key, cannot exceed it by a rounding error.
    fn lower_bound(&self, low: [Self::Value; N], high: [Self::Value; N]) -> u64;

    /// The distance of a key.
    fn distance(&self, key: u64) -> f64 {
        f64::from_bits(key)
    }

    /// The difference between the distances of two keys.
    fn margin(&self, smaller: u64, larger: u64) -> f64 {
        self.distance(larger) - self.distance(smaller)
    }

    /// What each field contributes to the distance; they sum up to it.
    fn terms(&self, delta: [Self::Value; N]) -> [f64; N];

    /// 1 for distance 0, falling towards 0 as the distance grows.
    fn similarity(&self, distance: f64) -> f64 {
        1.0 / (1.0 + distance)
    }
}

/// The smallest magnitude within `low..=high`.
#[inline]
pub(crate) fn gap(low: i32, high: i32) -> u32 {
    low.max(-high).max(0) as u32
}

/// The key of the root of a sum of squares.
#[inline]
pub(crate) fn root_key<const N: usize>(squares: [f64; N]) -> u64 {
    let sum = squares[1..].iter().fold(squares[0], |sum, x| sum + x);
    sum.sqrt().to_bits()
}

/// Splits a distance in proportion to the parts of its square.
pub(crate) fn proportional_terms<const N: usize>(distance: f64, parts: [f64; N]) -> [f64; N] {
    let sum: f64 = parts.iter().sum();
    let share = |part| {
        if sum > 0.0 {
            distance * part / sum
        } else {
            0.0
        }
    };
    parts.map(share)
}

//! Points, and what a metric has to provide for a tree to search by it.

use crate::profile::Profile;

/// The coordinates of a person: height in tenths of a centimetre, weight in tenths of a kilogram, size in steps.
pub type Point = [i32; 3];

/// The coordinates of a person.
#[must_use]
pub fn point(person: &Profile) -> Point {
    person.build.ticks().map(i32::from)
}

/// A distance that can be computed between two points and bounded between two boxes.
///
/// Distances are compared as `u64` keys, which have the same order and the same equality whether the metric counts
/// in integers or in floats: the bits of non-negative floats are ordered as the floats are. A key stands for the
/// distance and not for its square, because different squares may round to the same root, and such pairs tie.
pub trait Distance: Sync {
    /// The key of two points that differ by `delta`. The same for `delta` and `-delta`.
    fn key(&self, delta: Point) -> u64;

    /// A lower bound of [`Self::key`] over every `delta` with `low <= delta <= high` on each axis.
    ///
    /// Exact even in floats: each operation rounds monotonically, so the bound, computed in the same order as the
    /// key, cannot exceed it by a rounding error.
    fn lower_bound(&self, low: Point, high: Point) -> u64;

    /// The distance of a key.
    fn distance(&self, key: u64) -> f64 {
        f64::from_bits(key)
    }

    /// The difference between the distances of two keys.
    fn margin(&self, smaller: u64, larger: u64) -> f64 {
        self.distance(larger) - self.distance(smaller)
    }

    /// What each field contributes to the distance; the three sum up to it.
    fn terms(&self, delta: Point) -> [f64; 3];

    /// 1 for distance 0, falling towards 0 as the distance grows.
    fn similarity(&self, distance: f64) -> f64 {
        1.0 / (1.0 + distance)
    }
}

/// The smallest magnitude within `low..=high`.
pub(crate) fn gap(low: i32, high: i32) -> u32 {
    low.max(-high).max(0) as u32
}

/// The key of the root of three squares' sum.
#[inline]
pub(crate) fn root_key([a, b, c]: [f64; 3]) -> u64 {
    (a + b + c).sqrt().to_bits()
}

/// Splits a distance in proportion to the parts of its square.
pub(crate) fn proportional_terms(distance: f64, parts: [f64; 3]) -> [f64; 3] {
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

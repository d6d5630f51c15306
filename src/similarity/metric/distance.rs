//! What a tree needs of a metric: exact keys of points, and lower bounds for boxes.

use crate::profile::Profile;

/// Height in tenths of a centimetre, weight in tenths of a kilogram, size in steps.
pub type Point = [i32; 3];

/// Where a person stands.
#[must_use]
pub fn point(person: &Profile) -> Point {
    [
        i32::from(person.height.ticks()),
        i32::from(person.weight.ticks()),
        i32::from(person.size.step()),
    ]
}

/// A distance that can be computed between points and bounded between boxes.
///
/// Distances are compared as `u64` keys: the same order and the same equality, whether the metric counts in
/// integers or in floats (the bits of floats that are not negative are ordered as the floats are). A key is of
/// the distance and not of its square: two squares may have one root, and these pairs tie.
pub trait Distance: Sync {
    /// The key of two points that are `delta` apart. The same for `delta` and `-delta`.
    fn key(&self, delta: Point) -> u64;

    /// A lower bound of [`Self::key`] over every `delta` with `low <= delta <= high` on each axis.
    ///
    /// It needs no tolerance: floating-point operations round monotonically.
    fn lower_bound(&self, low: Point, high: Point) -> u64;

    /// The distance that a key stands for.
    fn distance(&self, key: u64) -> f64;

    /// From the distance of one key to that of a larger one.
    fn margin(&self, smaller: u64, larger: u64) -> f64 {
        self.distance(larger) - self.distance(smaller)
    }

    /// What each field contributes; the three sum up to the distance.
    fn terms(&self, delta: Point) -> [f64; 3];

    /// 1 for no distance, falling towards 0 with the distance.
    fn similarity(&self, distance: f64) -> f64 {
        1.0 / (1.0 + distance)
    }
}

/// The smallest magnitude within `low..=high`.
pub(crate) fn gap(low: i32, high: i32) -> u32 {
    low.max(-high).max(0) as u32
}

/// Splits a distance in proportion to the parts of its square.
pub(crate) fn proportional_terms(distance: f64, parts: [f64; 3]) -> [f64; 3] {
    let sum: f64 = parts.iter().sum();
    parts.map(|part| {
        if sum > 0.0 {
            distance * part / sum
        } else {
            0.0
        }
    })
}

//! What the ranker needs of its input.

use std::cmp::Ordering;

use crate::similarity::metric::Coordinate;

/// The ids of the input, by index.
pub(crate) trait Ids {
    fn len(&self) -> usize;

    /// The order of two ids, which breaks ties.
    fn order(&self, a: usize, b: usize) -> Ordering;

    /// The bytes that ids are ordered by.
    fn bytes(&self, index: usize) -> &[u8];

    /// The eight bytes of an id after the first `skip`, as a number in the same order; 0 beyond the end.
    fn prefix(&self, index: usize, skip: usize) -> u64;
}

/// Points with ids. A set of fields has one bit for each axis.
pub(crate) trait Population<const N: usize>: Ids {
    /// The type of a coordinate.
    type Value: Coordinate;

    /// A person's coordinates; those of missing fields have any value.
    fn point(&self, index: usize) -> [Self::Value; N];

    /// The fields that a person has, if some are missing.
    fn present(&self) -> Option<&[u8]>;

    /// How many people each stands for, if it is more than one for some.
    fn counts(&self) -> Option<&[u64]>;
}

/// The set of all fields.
pub(crate) const fn all_fields(axes: usize) -> u8 {
    (u8::MAX as u16 >> (8 - axes)) as u8
}

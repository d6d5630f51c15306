//! Euclidean distance of z-scores.

use std::array;

use crate::similarity::metric::{
    covariance::covariance,
    distance::{Distance, gap, proportional_terms, root_key},
};

/// Euclidean distance over fields divided by their standard deviation.
#[derive(Clone, Copy, Debug)]
pub struct Euclidean<const N: usize> {
    scale: [f64; N],
}

impl<const N: usize> Euclidean<N> {
    /// Takes the standard deviations of `people`, points with the number of people at each. A field in which all
    /// people are equal is left out.
    pub fn new(people: impl Iterator<Item = ([i32; N], u64)>, thousandths: [u32; N]) -> Self {
        let covariance = covariance(people);
        let scale = |axis: usize| match covariance[axis][axis] {
            variance if variance > 0.0 => (value(thousandths[axis]) / variance).sqrt(),
            _ => 0.0,
        };
        Self {
            scale: array::from_fn(scale),
        }
    }

    #[inline]
    fn squares(&self, delta: [f64; N]) -> [f64; N] {
        array::from_fn(|axis| {
            let scaled = self.scale[axis] * delta[axis];
            scaled * scaled
        })
    }
}

/// A weight as a number.
pub(crate) fn value(thousandths: u32) -> f64 {
    f64::from(thousandths) / 1000.0
}

impl<const N: usize> Distance<N> for Euclidean<N> {
    type Value = i32;

    #[inline]
    fn key(&self, delta: [i32; N]) -> u64 {
        root_key(self.squares(delta.map(f64::from)))
    }

    #[inline]
    fn lower_bound(&self, low: [i32; N], high: [i32; N]) -> u64 {
        root_key(self.squares(array::from_fn(|axis| f64::from(gap(low[axis], high[axis])))))
    }

    fn terms(&self, delta: [i32; N]) -> [f64; N] {
        let parts = self.squares(delta.map(f64::from));
        proportional_terms(self.distance(self.key(delta)), parts)
    }
}

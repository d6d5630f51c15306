//! Euclidean distance of z-scores.

use crate::similarity::{
    metric::{
        covariance::covariance,
        distance::{Distance, Point, gap, proportional_terms, root_key},
    },
    weights::Weights,
};

/// Euclidean distance over fields divided by their standard deviation.
#[derive(Clone, Copy, Debug)]
pub struct Euclidean {
    scale: [f64; 3],
}

impl Euclidean {
    /// Takes the standard deviations of `people`. A field in which all people are equal is left out.
    pub fn new(people: impl Iterator<Item = Point>, weights: &Weights) -> Self {
        let covariance = covariance(people);
        let weights = weights.values();
        let scale = |axis: usize| match covariance[axis][axis] {
            variance if variance > 0.0 => (weights[axis] / variance).sqrt(),
            _ => 0.0,
        };
        Self {
            scale: [0, 1, 2].map(scale),
        }
    }

    fn squares(&self, delta: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|axis| {
            let scaled = self.scale[axis] * delta[axis];
            scaled * scaled
        })
    }
}

impl Distance for Euclidean {
    #[inline]
    fn key(&self, delta: Point) -> u64 {
        root_key(self.squares(delta.map(f64::from)))
    }

    #[inline]
    fn lower_bound(&self, low: Point, high: Point) -> u64 {
        root_key(self.squares([0, 1, 2].map(|axis| f64::from(gap(low[axis], high[axis])))))
    }

    fn terms(&self, delta: Point) -> [f64; 3] {
        let parts = self.squares(delta.map(f64::from));
        proportional_terms(self.distance(self.key(delta)), parts)
    }
}

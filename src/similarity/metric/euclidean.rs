//! Euclidean distance of z-scores.

use crate::similarity::{
    metric::{
        covariance::covariance,
        distance::{Distance, Point, gap, proportional_terms},
    },
    weights::Weights,
};

/// Euclidean distance over fields divided by their standard deviation.
#[derive(Clone, Copy, Debug)]
pub struct Euclidean {
    scale: [f64; 3],
}

impl Euclidean {
    /// Takes the deviations from `people`; a field in which nobody differs counts nothing.
    pub fn new(people: impl Iterator<Item = Point>, weights: &Weights) -> Self {
        let covariance = covariance(people);
        let weights = weights.values();
        Self {
            scale: [0, 1, 2].map(|axis| {
                let variance = covariance[axis][axis];
                if variance > 0.0 {
                    (weights[axis] / variance).sqrt()
                } else {
                    0.0
                }
            }),
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
        let [a, b, c] = self.squares(delta.map(|d| f64::from(d.unsigned_abs())));
        (a + b + c).sqrt().to_bits()
    }

    #[inline]
    fn lower_bound(&self, low: Point, high: Point) -> u64 {
        let [a, b, c] = self.squares([0, 1, 2].map(|axis| f64::from(gap(low[axis], high[axis]))));
        (a + b + c).sqrt().to_bits()
    }

    fn distance(&self, key: u64) -> f64 {
        f64::from_bits(key)
    }

    fn terms(&self, delta: Point) -> [f64; 3] {
        proportional_terms(
            self.distance(self.key(delta)),
            self.squares(delta.map(f64::from)),
        )
    }
}

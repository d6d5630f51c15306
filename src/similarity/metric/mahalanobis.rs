//! Mahalanobis distance.

use crate::similarity::{
    metric::{
        covariance::covariance,
        distance::{Distance, Point, proportional_terms},
    },
    weights::Weights,
};

/// Mahalanobis distance: Euclidean after a lower triangular map that whitens the fields.
#[derive(Clone, Copy, Debug)]
pub struct Mahalanobis {
    rows: [[f64; 3]; 3],
}

impl Mahalanobis {
    /// The share of a field's variance below which it counts as determined by the fields before it.
    const SINGULAR: f64 = 1e-12;

    /// Takes the covariance from `people`.
    ///
    /// A field that weighs nothing is left out, as if nobody had it. One that is constant, or follows exactly from
    /// the others, adds no row of its own: on such data that is the distance by any generalised inverse of the
    /// covariance.
    pub fn new(people: impl Iterator<Item = Point>, weights: &Weights) -> Self {
        let covariance = covariance(people);
        let counts = weights.thousandths().map(|weight| weight > 0);
        let deviation = [0, 1, 2].map(|axis: usize| covariance[axis][axis].sqrt());
        // Row by row, the Gram-Schmidt process on z-scores: what a field has that no earlier row explains.
        let mut rows = [[0.0; 3]; 3];
        for axis in 0..3 {
            // What weighs nothing must not explain another field away either.
            if deviation[axis] == 0.0 || !counts[axis] {
                continue;
            }
            let mut row = [0.0; 3];
            row[axis] = 1.0 / deviation[axis];
            for earlier in &rows[..axis] {
                let explained = product(&covariance, *earlier, row);
                for column in 0..3 {
                    row[column] -= explained * earlier[column];
                }
            }
            let variance = product(&covariance, row, row);
            if variance > Self::SINGULAR {
                rows[axis] = row.map(|x| x / variance.sqrt());
            }
        }
        let roots = weights.values().map(f64::sqrt);
        Self {
            rows: rows.map(|row| [0, 1, 2].map(|axis| row[axis] * roots[axis])),
        }
    }

    /// One row's value; the same order of operations for points and for bounds.
    fn project(&self, row: usize, delta: [f64; 3]) -> f64 {
        let [a, b, c] = self.rows[row];
        match row {
            0 => a * delta[0],
            1 => a * delta[0] + b * delta[1],
            _ => a * delta[0] + b * delta[1] + c * delta[2],
        }
    }
}

impl Distance for Mahalanobis {
    #[inline]
    fn key(&self, delta: Point) -> u64 {
        let delta = delta.map(f64::from);
        let [a, b, c] = [0, 1, 2].map(|row| {
            let value = self.project(row, delta);
            value * value
        });
        (a + b + c).sqrt().to_bits()
    }

    #[inline]
    fn lower_bound(&self, low: Point, high: Point) -> u64 {
        let [a, b, c] = [0, 1, 2].map(|row| {
            // The corner at which this row is smallest, and the one at which it is largest.
            let corner = |positive: Point, negative: Point| {
                [0, 1, 2].map(|axis| {
                    f64::from(if self.rows[row][axis] >= 0.0 {
                        positive[axis]
                    } else {
                        negative[axis]
                    })
                })
            };
            let least = self.project(row, corner(low, high));
            let most = self.project(row, corner(high, low));
            let gap = least.max(-most).max(0.0);
            gap * gap
        });
        (a + b + c).sqrt().to_bits()
    }

    fn distance(&self, key: u64) -> f64 {
        f64::from_bits(key)
    }

    /// A field that pulls against the correlation contributes a negative term.
    fn terms(&self, delta: Point) -> [f64; 3] {
        let float = delta.map(f64::from);
        let values = [0, 1, 2].map(|row| self.project(row, float));
        // Δᵀ·S⁻¹·Δ, split by the component of the left Δ.
        let parts = [0, 1, 2].map(|axis: usize| {
            float[axis]
                * (0..3)
                    .map(|row| self.rows[row][axis] * values[row])
                    .sum::<f64>()
        });
        proportional_terms(self.distance(self.key(delta)), parts)
    }
}

/// u · S · v.
fn product(covariance: &[[f64; 3]; 3], u: [f64; 3], v: [f64; 3]) -> f64 {
    let mut sum = 0.0;
    for i in 0..3 {
        for j in 0..3 {
            sum += u[i] * covariance[i][j] * v[j];
        }
    }
    sum
}

//! Mahalanobis distance.

use crate::similarity::{
    metric::{
        covariance::covariance,
        distance::{Distance, Point, proportional_terms, root_key},
    },
    weights::Weights,
};

/// Euclidean distance after a linear map that makes the fields uncorrelated with variance 1 (whitening).
#[derive(Clone, Copy, Debug)]
pub struct Mahalanobis {
    /// The lower triangular matrix of the map.
    rows: [[f64; 3]; 3],
}

impl Mahalanobis {
    /// A field counts as determined by the fields before it if they leave less than this share of its variance.
    const SINGULAR: f64 = 1e-12;

    /// Takes the covariance of `people`.
    ///
    /// A field with weight 0 is left out. A field that is constant, or follows exactly from the others, adds no row
    /// of its own; on such data this is the distance by any generalised inverse of the covariance.
    pub fn new(people: impl Iterator<Item = Point>, weights: &Weights) -> Self {
        let covariance = covariance(people);
        let deviation = [0, 1, 2].map(|axis: usize| covariance[axis][axis].sqrt());
        // The Gram-Schmidt process on z-scores: each row is the part of a field that no earlier row explains.
        let mut rows = [[0.0; 3]; 3];
        for axis in 0..3 {
            // Skipped rather than multiplied by 0, since its row would explain a part of the later fields.
            if deviation[axis] == 0.0 || weights.thousandths()[axis] == 0 {
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

    /// One coordinate of the mapped `delta`. Points and bounds need the same order of operations, or a bound could
    /// exceed a key by a rounding error.
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
        root_key([0, 1, 2].map(|row| {
            let value = self.project(row, delta);
            value * value
        }))
    }

    #[inline]
    fn lower_bound(&self, low: Point, high: Point) -> u64 {
        root_key([0, 1, 2].map(|row| {
            // A row is linear, so its extremes lie at two corners of the box, given by the signs of the row.
            let corner = |positive: Point, negative: Point| {
                [0, 1, 2].map(|axis| match self.rows[row][axis] >= 0.0 {
                    true => f64::from(positive[axis]),
                    false => f64::from(negative[axis]),
                })
            };
            let least = self.project(row, corner(low, high));
            let most = self.project(row, corner(high, low));
            let gap = least.max(-most).max(0.0);
            gap * gap
        }))
    }

    /// A field that pulls against the correlation contributes a negative term.
    fn terms(&self, delta: Point) -> [f64; 3] {
        let float = delta.map(f64::from);
        let values = [0, 1, 2].map(|row| self.project(row, float));
        // The square of the distance is Δᵀ·S⁻¹·Δ; the left Δ is split into its components.
        let parts = [0, 1, 2].map(|axis: usize| {
            let column = (0..3).map(|row| self.rows[row][axis] * values[row]);
            float[axis] * column.sum::<f64>()
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

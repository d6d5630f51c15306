//! Mahalanobis distance.

use std::array;

use crate::similarity::metric::{
    covariance::covariance,
    distance::{Distance, proportional_terms, root_key},
    euclidean::value,
};

/// Euclidean distance after a linear map that makes the fields uncorrelated with variance 1 (whitening).
#[derive(Clone, Copy, Debug)]
pub struct Mahalanobis<const N: usize> {
    /// The lower triangular matrix of the map.
    rows: [[f64; N]; N],
}

impl<const N: usize> Mahalanobis<N> {
    /// A field counts as determined by the fields before it if they leave less than this share of its variance.
    const SINGULAR: f64 = 1e-12;

    /// Takes the covariance of `people`, points with the number of people at each.
    ///
    /// A field with weight 0 is left out. A field that is constant, or follows exactly from the others, adds no row
    /// of its own; on such data this is the distance by any generalised inverse of the covariance.
    pub fn new(people: impl Iterator<Item = ([i32; N], u64)>, thousandths: [u32; N]) -> Self {
        let covariance = covariance(people);
        let deviation: [f64; N] = array::from_fn(|axis| covariance[axis][axis].sqrt());
        // The Gram-Schmidt process on z-scores: each row is the part of a field that no earlier row explains.
        let mut rows = [[0.0; N]; N];
        for axis in 0..N {
            // Skipped rather than multiplied by 0, since its row would explain a part of the later fields.
            if deviation[axis] == 0.0 || thousandths[axis] == 0 {
                continue;
            }
            let mut row = [0.0; N];
            row[axis] = 1.0 / deviation[axis];
            for earlier in &rows[..axis] {
                let explained = product(&covariance, *earlier, row);
                for column in 0..N {
                    row[column] -= explained * earlier[column];
                }
            }
            let variance = product(&covariance, row, row);
            if variance > Self::SINGULAR {
                rows[axis] = row.map(|x| x / variance.sqrt());
            }
        }
        let roots = thousandths.map(|weight| value(weight).sqrt());
        Self {
            rows: rows.map(|row| array::from_fn(|axis| row[axis] * roots[axis])),
        }
    }

    /// One coordinate of the mapped `delta`. Points and bounds need the same order of operations, or a bound could
    /// exceed a key by a rounding error.
    #[inline]
    fn project(&self, row: usize, delta: [f64; N]) -> f64 {
        let factors = &self.rows[row];
        let mut sum = factors[0] * delta[0];
        for axis in 1..=row {
            sum += factors[axis] * delta[axis];
        }
        sum
    }
}

impl<const N: usize> Distance<N> for Mahalanobis<N> {
    type Value = i32;

    #[inline]
    fn key(&self, delta: [i32; N]) -> u64 {
        let delta = delta.map(f64::from);
        root_key::<N>(array::from_fn(|row| {
            let value = self.project(row, delta);
            value * value
        }))
    }

    #[inline]
    fn lower_bound(&self, low: [i32; N], high: [i32; N]) -> u64 {
        root_key::<N>(array::from_fn(|row| {
            // A row is linear, so its extremes lie at two corners of the box, given by the signs of the row.
            let corner = |positive: [i32; N], negative: [i32; N]| {
                array::from_fn(|axis| match self.rows[row][axis] >= 0.0 {
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
    fn terms(&self, delta: [i32; N]) -> [f64; N] {
        let float = delta.map(f64::from);
        let values: [f64; N] = array::from_fn(|row| self.project(row, float));
        // The square of the distance is Δᵀ·S⁻¹·Δ; the left Δ is split into its components.
        let parts = array::from_fn(|axis| {
            let column = (0..N).map(|row| self.rows[row][axis] * values[row]);
            float[axis] * column.sum::<f64>()
        });
        proportional_terms(self.distance(self.key(delta)), parts)
    }
}

/// u · S · v.
fn product<const N: usize>(covariance: &[[f64; N]; N], u: [f64; N], v: [f64; N]) -> f64 {
    let mut sum = 0.0;
    for i in 0..N {
        for j in 0..N {
            sum += u[i] * covariance[i][j] * v[j];
        }
    }
    sum
}

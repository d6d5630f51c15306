//! How far apart two people are: the metrics, and the arithmetic that a tree can prune with.
//!
//! Coordinates are whole ticks (tenths of a centimetre, tenths of a kilogram, size steps) and stay so: scale and
//! weights live here. Scaling the coordinates first would turn one centimetre into several different floats,
//! and ties would break.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::{
    profile::{Profile, TICKS},
    similarity::weights::Weights,
    untrusted::Untrusted,
};

/// Height in tenths of a centimetre, weight in tenths of a kilogram, size in steps.
pub type Point = [i32; 3];

/// The largest value of one unweighted term of the body distance.
const MAX_TERM: u32 = 420;

/// The fixed ranges of the body distance in ticks: 60 cm, 84 kg, 7 size steps.
const RANGES: [u32; 3] = [60 * TICKS as u32, 84 * TICKS as u32, 7];

/// Where a person stands.
#[must_use]
pub fn point(person: &Profile) -> Point {
    [
        i32::from(person.height.ticks()),
        i32::from(person.weight.ticks()),
        i32::from(person.size.step()),
    ]
}

/// Which distance two people are compared by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The body distance: Gower's coefficient with fixed ranges, exact in integers.
    ///
    /// 7 a centimetre, 5 a kilogram and 60 a size step, each term at most 420. The distance of two people depends
    /// on those two alone.
    #[default]
    Gower,
    /// Euclidean distance after dividing each field by its standard deviation (z-scores).
    ///
    /// The deviations are those of the people ranked: one typing error, or a few absent machines, moves
    /// everybody's distances.
    Euclidean,
    /// Mahalanobis distance: Euclidean after removing the correlation of the fields as well.
    ///
    /// As with [`Metric::Euclidean`], everybody's distances depend on everybody.
    Mahalanobis,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 3] = [Self::Gower, Self::Euclidean, Self::Mahalanobis];

    /// The metric's name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gower => "gower",
            Self::Euclidean => "euclidean",
            Self::Mahalanobis => "mahalanobis",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    /// # Errors
    /// [`UnknownMetric`] for a text that is no metric's name, in either case.
    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownMetric(Untrusted::new(text)))
    }
}

/// A text that names no metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMetric(pub Untrusted);

impl fmt::Display for UnknownMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = Metric::ALL;
        write!(f, "metric \"{}\" is none of {a}, {b}, {c}", self.0)
    }
}

impl std::error::Error for UnknownMetric {}

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
fn gap(low: i32, high: i32) -> u32 {
    low.max(-high).max(0) as u32
}

/// The body distance in integers: Σ factor · min(|Δ|, range).
#[derive(Clone, Copy, Debug)]
pub struct Gower {
    range: [u32; 3],
    factor: [u64; 3],
    /// The smallest full term of a field that counts.
    uncapped_below: u64,
    /// Keys in one unit of the distance.
    keys_per_unit: f64,
    /// The distance at which nothing is alike, in units.
    max_distance: f64,
}

impl Gower {
    /// The distance of people, in units of 1/10,000: tenths of a unit by tick, thousandths by weight.
    #[must_use]
    pub fn new(weights: &Weights) -> Self {
        let thousandths = weights.thousandths().map(u64::from);
        let max_distance = thousandths.iter().sum::<u64>() as f64 * f64::from(MAX_TERM) / 1000.0;
        Self::with_ranges(RANGES, thousandths, 10_000.0, max_distance)
    }

    /// The same distance over coordinates `resolution` times as fine, unweighted: for data that are not people's.
    #[must_use]
    pub fn with_resolution(resolution: u32) -> Self {
        let max_distance = 3.0 * f64::from(MAX_TERM);
        Self::with_ranges(
            RANGES.map(|range| range * resolution),
            [1; 3],
            10.0 * f64::from(resolution),
            max_distance,
        )
    }

    fn with_ranges(
        range: [u32; 3],
        weight: [u64; 3],
        keys_per_unit: f64,
        max_distance: f64,
    ) -> Self {
        // A full term is 4,200 tenths, over 600, 840 and 7 ticks: 7, 5 and 600 a tick, all whole.
        let factor = [0, 1, 2].map(|axis| u64::from(MAX_TERM * 10 / RANGES[axis]) * weight[axis]);
        let full_terms = [0, 1, 2].map(|axis| u64::from(range[axis]) * factor[axis]);
        let counting = full_terms.into_iter().filter(|term| *term > 0);
        Self {
            range,
            factor,
            uncapped_below: counting.min().unwrap_or(0),
            keys_per_unit,
            max_distance,
        }
    }

    /// One term, at most full.
    fn term(&self, axis: usize, gap: u32) -> u64 {
        u64::from(gap.min(self.range[axis])) * self.factor[axis]
    }

    #[inline]
    fn sum(&self, gaps: [u32; 3]) -> u64 {
        let [a, b, c] = [0, 1, 2].map(|axis| u64::from(gaps[axis]) * self.factor[axis]);
        let sum = a + b + c;
        if sum <= self.uncapped_below {
            // Nearly always: no term can be above its cap, and three comparisons are spared.
            return sum;
        }
        self.term(0, gaps[0]) + self.term(1, gaps[1]) + self.term(2, gaps[2])
    }
}

impl Distance for Gower {
    #[inline]
    fn key(&self, delta: Point) -> u64 {
        self.sum(delta.map(i32::unsigned_abs))
    }

    #[inline]
    fn lower_bound(&self, low: Point, high: Point) -> u64 {
        self.sum([0, 1, 2].map(|axis| gap(low[axis], high[axis])))
    }

    fn distance(&self, key: u64) -> f64 {
        key as f64 / self.keys_per_unit
    }

    /// Exact, as the distances are: the difference of their floats would not be.
    fn margin(&self, smaller: u64, larger: u64) -> f64 {
        self.distance(larger - smaller)
    }

    fn terms(&self, delta: Point) -> [f64; 3] {
        [0, 1, 2].map(|axis| self.distance(self.term(axis, delta[axis].unsigned_abs())))
    }

    fn similarity(&self, distance: f64) -> f64 {
        1.0 - distance / self.max_distance
    }
}

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

/// Splits a distance in proportion to the parts of its square.
fn proportional_terms(distance: f64, parts: [f64; 3]) -> [f64; 3] {
    let sum: f64 = parts.iter().sum();
    parts.map(|part| {
        if sum > 0.0 {
            distance * part / sum
        } else {
            0.0
        }
    })
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

/// The sample covariance, from exact integer sums: no order of the people can change it.
fn covariance(people: impl Iterator<Item = Point>) -> [[f64; 3]; 3] {
    let mut count: i128 = 0;
    let mut sums = [0_i128; 3];
    let mut products = [[0_i128; 3]; 3];
    for point in people {
        let point = point.map(i128::from);
        count += 1;
        for i in 0..3 {
            sums[i] += point[i];
            for j in 0..=i {
                products[i][j] += point[i] * point[j];
            }
        }
    }
    let mut covariance = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..=i {
            let numerator = count * products[i][j] - sums[i] * sums[j];
            let value = numerator as f64 / (count * (count - 1).max(1)).max(1) as f64;
            covariance[i][j] = value;
            covariance[j][i] = value;
        }
    }
    covariance
}

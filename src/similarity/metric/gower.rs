//! The body distance: Gower's coefficient with fixed ranges, in integers.

use crate::{
    profile::TICKS,
    similarity::{
        metric::distance::{Distance, Point, gap},
        weights::Weights,
    },
};

/// The largest value of one unweighted term of the body distance.
const MAX_TERM: u32 = 420;

/// The fixed ranges of the body distance in ticks: 60 cm, 84 kg, 7 size steps.
const RANGES: [u32; 3] = [60 * TICKS as u32, 84 * TICKS as u32, 7];

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

//! The body distance: Gower's coefficient with fixed ranges, exact in integers.

use std::array;

use crate::similarity::metric::distance::{Distance, gap};

/// The largest value of one unweighted term of the body distance.
pub const MAX_TERM: u32 = 420;

/// The body distance as a sum of integers: Σ factor · min(|Δ|, range).
#[derive(Clone, Copy, Debug)]
pub struct Gower<const N: usize> {
    range: [u32; N],
    factor: [u64; N],
    /// A sum up to this has no term above its cap: the smallest cap of the fields with a weight.
    uncapped_below: u64,
    keys_per_unit: f64,
    /// The distance with all terms at their caps, in units.
    max_distance: f64,
}

impl<const N: usize> Gower<N> {
    /// The body distance over fields whose terms reach [`MAX_TERM`] at these differences in ticks, with 10,000 keys a
    /// unit: tenths because of the ticks, thousandths because of the weights.
    ///
    /// Exact if each range divides ten times [`MAX_TERM`].
    #[must_use]
    pub fn new(ranges: [u32; N], thousandths: [u32; N]) -> Self {
        let weights = thousandths.map(u64::from);
        let sum = weights.iter().sum::<u64>() as f64;
        let max_distance = sum * f64::from(MAX_TERM) / 1000.0;
        let factor = array::from_fn(|axis| Self::keys_per_tick(ranges[axis]) * weights[axis]);
        Self::with_factors(ranges, factor, 10_000.0, max_distance)
    }

    /// The unweighted distance over coordinates with `resolution` parts a tick, for benchmarks on finer data.
    #[must_use]
    pub fn with_resolution(ranges: [u32; N], resolution: u32) -> Self {
        Self::with_factors(
            ranges.map(|range| range * resolution),
            ranges.map(Self::keys_per_tick),
            10.0 * f64::from(resolution),
            N as f64 * f64::from(MAX_TERM),
        )
    }

    /// A full term is 4,200 tenths, over 600, 840 or 7 ticks: 7, 5 or 600 a tick.
    fn keys_per_tick(range: u32) -> u64 {
        u64::from(MAX_TERM * 10 / range)
    }

    fn with_factors(
        range: [u32; N],
        factor: [u64; N],
        keys_per_unit: f64,
        max_distance: f64,
    ) -> Self {
        let caps: [u64; N] = array::from_fn(|axis| u64::from(range[axis]) * factor[axis]);
        let uncapped_below = caps.into_iter().filter(|cap| *cap > 0).min().unwrap_or(0);
        Self {
            range,
            factor,
            uncapped_below,
            keys_per_unit,
            max_distance,
        }
    }

    /// One term, at most its cap.
    #[inline]
    fn term(&self, axis: usize, gap: u32) -> u64 {
        u64::from(gap.min(self.range[axis])) * self.factor[axis]
    }

    #[inline]
    fn sum(&self, gaps: [u32; N]) -> u64 {
        let mut sum = 0;
        for (gap, factor) in gaps.into_iter().zip(self.factor) {
            sum += u64::from(gap) * factor;
        }
        if sum <= self.uncapped_below {
            // True for nearly all pairs that a search looks at, and saves a comparison for each axis.
            return sum;
        }
        let terms = array::from_fn::<_, N, _>(|axis| self.term(axis, gaps[axis]));
        terms.into_iter().sum()
    }
}

impl<const N: usize> Distance<N> for Gower<N> {
    type Value = i32;

    #[inline]
    fn key(&self, delta: [i32; N]) -> u64 {
        self.sum(delta.map(i32::unsigned_abs))
    }

    #[inline]
    fn lower_bound(&self, low: [i32; N], high: [i32; N]) -> u64 {
        self.sum(array::from_fn(|axis| gap(low[axis], high[axis])))
    }

    fn distance(&self, key: u64) -> f64 {
        key as f64 / self.keys_per_unit
    }

    /// Exact, because the keys are subtracted: the difference of two rounded distances would not be.
    fn margin(&self, smaller: u64, larger: u64) -> f64 {
        self.distance(larger - smaller)
    }

    fn terms(&self, delta: [i32; N]) -> [f64; N] {
        array::from_fn(|axis| self.distance(self.term(axis, delta[axis].unsigned_abs())))
    }

    /// Linear in the distance: 0 if every term is at its cap.
    fn similarity(&self, distance: f64) -> f64 {
        1.0 - distance / self.max_distance
    }
}

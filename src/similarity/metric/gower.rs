//! The body distance: Gower's coefficient with fixed ranges, exact in integers.

use crate::{
    profile::Profile,
    similarity::{
        metric::distance::{Distance, Point, gap, point},
        weights::Weights,
    },
};

/// The largest value of one unweighted term of the body distance.
pub const MAX_TERM: u32 = 420;

/// Ticks in a centimetre and in a kilogram.
const TICKS: u16 = 10;

/// The differences in ticks at which a term reaches [`MAX_TERM`]: 60 cm, 84 kg, 7 size steps.
const RANGES: [u32; 3] = [60 * TICKS as u32, 84 * TICKS as u32, 7];

/// What a centimetre, a kilogram and a size step add to the body distance: 7, 5 and 60.
const FACTORS: [u32; 3] = [
    MAX_TERM * TICKS as u32 / RANGES[0],
    MAX_TERM * TICKS as u32 / RANGES[1],
    MAX_TERM / RANGES[2],
];

/// The body distance as a sum of integers: Σ factor · min(|Δ|, range).
#[derive(Clone, Copy, Debug)]
pub struct Gower {
    range: [u32; 3],
    factor: [u64; 3],
    /// A sum up to this has no term above its cap: the smallest cap of the fields with a weight.
    uncapped_below: u64,
    keys_per_unit: f64,
    /// The distance with all terms at their caps, in units.
    max_distance: f64,
}

impl Gower {
    /// The body distance between people, with 10,000 keys a unit: tenths because of the ticks, thousandths
    /// because of the weights.
    #[must_use]
    pub fn new(weights: &Weights) -> Self {
        let thousandths = weights.thousandths().map(u64::from);
        let sum = thousandths.iter().sum::<u64>() as f64;
        let max_distance = sum * f64::from(MAX_TERM) / 1000.0;
        Self::with_ranges(RANGES, thousandths, 10_000.0, max_distance)
    }

    /// The unweighted distance over coordinates with `resolution` parts a tick, for benchmarks on finer data.
    #[must_use]
    pub fn with_resolution(resolution: u32) -> Self {
        Self::with_ranges(
            RANGES.map(|range| range * resolution),
            [1; 3],
            10.0 * f64::from(resolution),
            3.0 * f64::from(MAX_TERM),
        )
    }

    /// The unweighted formula in words, below the caps.
    pub(crate) fn formula() -> String {
        let [height, weight, size] = FACTORS;
        format!(
            "{height} × |height difference in cm| + {weight} × |weight difference in kg| + \
             {size} × |size difference in steps|"
        )
    }

    /// [`Self::formula`] with the values of two people, to be checked by hand; `None` where a term is capped.
    pub(crate) fn explain(a: &Profile, b: &Profile) -> Option<String> {
        let (p, q) = (point(a), point(b));
        let delta = [0, 1, 2].map(|axis| q[axis] - p[axis]);
        let gaps = delta.map(i32::unsigned_abs);
        let capped = gaps.iter().zip(RANGES).any(|(gap, range)| *gap > range);
        (!capped).then(|| {
            let metric = Self::new(&Weights::default());
            let distance = metric.distance(metric.key(delta));
            let [height, weight, size] = FACTORS;
            let [cm, kg] = [0, 1].map(|axis| f64::from(gaps[axis]) / f64::from(TICKS));
            let steps = gaps[2];
            format!("{height} × {cm} + {weight} × {kg} + {size} × {steps} = {distance}")
        })
    }

    fn with_ranges(
        range: [u32; 3],
        weight: [u64; 3],
        keys_per_unit: f64,
        max_distance: f64,
    ) -> Self {
        // A full term is 4,200 tenths over 600, 840 or 7 ticks: 7, 5 or 600 a tick, all whole numbers.
        let factor = [0, 1, 2].map(|axis| u64::from(MAX_TERM * 10 / RANGES[axis]) * weight[axis]);
        let caps = [0, 1, 2].map(|axis| u64::from(range[axis]) * factor[axis]);
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
    fn term(&self, axis: usize, gap: u32) -> u64 {
        u64::from(gap.min(self.range[axis])) * self.factor[axis]
    }

    #[inline]
    fn sum(&self, gaps: [u32; 3]) -> u64 {
        let [a, b, c] = [0, 1, 2].map(|axis| u64::from(gaps[axis]) * self.factor[axis]);
        let sum = a + b + c;
        if sum <= self.uncapped_below {
            // True for nearly all pairs that a search looks at, and saves three comparisons.
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

    /// Exact, because the keys are subtracted: the difference of two rounded distances would not be.
    fn margin(&self, smaller: u64, larger: u64) -> f64 {
        self.distance(larger - smaller)
    }

    fn terms(&self, delta: Point) -> [f64; 3] {
        [0, 1, 2].map(|axis| self.distance(self.term(axis, delta[axis].unsigned_abs())))
    }

    /// Linear in the distance: 0 if every term is at its cap.
    fn similarity(&self, distance: f64) -> f64 {
        1.0 - distance / self.max_distance
    }
}

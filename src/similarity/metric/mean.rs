//! The weighted mean of the fields that two items both have: Gower's coefficient over fields of any scale.

use std::array;

use crate::similarity::metric::distance::Distance;

/// Integers up to this are exact as floats, and so are their sums.
const MAX_EXACT: u64 = 1 << 53;

/// Σ min(factor · |Δ|, cap), the caps of all fields adding up to `unit`: the distance is this sum over `unit`.
///
/// One unit is chosen for all sets of fields that two items may have in common, so that the sums of all of them
/// compare: a multiple of the ranges and of the sums of the weights. Then factors and caps are integers, as are the
/// differences of ticks, every sum is exact, and equal distances have equal keys. Where no such unit is small enough
/// (ranges of many digits without common divisors), the factors of the largest ranges are rounded instead. Equal
/// differences still have equal keys, and full terms stay exact.
#[derive(Clone, Copy, Debug)]
pub struct WeightedMean<const N: usize> {
    factor: [f64; N],
    cap: [f64; N],
    unit: f64,
}

/// The weighted mean for every set of fields that two items may have in common.
#[derive(Clone, Copy, Debug)]
pub struct Means<const N: usize> {
    /// The differences at which terms reach their caps, in ticks.
    ranges: [f64; N],
    /// Without a common divisor.
    weights: [u64; N],
    unit: u64,
}

impl<const N: usize> Means<N> {
    /// The means of fields with these ranges in ticks, above 0; `sets` are those of the fields that two items have in
    /// common, one bit for each axis.
    #[must_use]
    pub fn new(ranges: [f64; N], thousandths: [u32; N], sets: impl Iterator<Item = u8>) -> Self {
        let weights = thousandths.map(u64::from);
        let divisor = weights.into_iter().fold(0, gcd).max(1);
        let weights = weights.map(|weight| weight / divisor);
        let sums = sets.map(|set| sum(weights, set));
        let of_weights = common_multiple(sums, MAX_EXACT);
        // The smallest first: of these the most fit.
        let mut ascending = ranges;
        ascending.sort_unstable_by(f64::total_cmp);
        let whole = ascending.into_iter().filter(|range| range.fract() == 0.0);
        let of_ranges = common_multiple(whole.map(|range| range as u64), MAX_EXACT / of_weights);
        Self {
            ranges,
            weights,
            unit: of_weights * of_ranges,
        }
    }

    /// The mean over a set of fields, at least one of which has a weight.
    #[must_use]
    pub fn over(&self, set: u8) -> WeightedMean<N> {
        let sum = sum(self.weights, set).max(1);
        let unit = self.unit as f64;
        let cap = array::from_fn(|axis| match has(set, axis) {
            // Exact wherever the unit is a multiple of the sum of the weights.
            true if self.unit.is_multiple_of(sum) => {
                (self.weights[axis] * (self.unit / sum)) as f64
            }
            true => self.weights[axis] as f64 * unit / sum as f64,
            false => 0.0,
        });
        let factor = array::from_fn(|axis| {
            // Not infinite, since the term of no difference is 0.
            let mut factor = (cap[axis] / self.ranges[axis]).min(f64::MAX);
            // Rounded down, the difference of a whole range would not reach the cap.
            while factor * self.ranges[axis] < cap[axis] {
                factor = factor.next_up();
            }
            factor
        });
        WeightedMean { factor, cap, unit }
    }
}

/// Whether an axis is in a set.
pub(crate) fn has(set: u8, axis: usize) -> bool {
    set >> axis & 1 == 1
}

fn sum<const N: usize>(weights: [u64; N], set: u8) -> u64 {
    (0..N)
        .filter(|axis| has(set, *axis))
        .map(|axis| weights[axis])
        .sum()
}

fn gcd(a: u64, b: u64) -> u64 {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}

/// A common multiple of as many of these numbers as fit below `most`.
fn common_multiple(numbers: impl Iterator<Item = u64>, most: u64) -> u64 {
    numbers.fold(1, |multiple, number| {
        let larger = (number / gcd(multiple, number)).checked_mul(multiple);
        larger
            .filter(|larger| (1..=most).contains(larger))
            .unwrap_or(multiple)
    })
}

impl<const N: usize> WeightedMean<N> {
    #[inline]
    fn term(&self, axis: usize, gap: f64) -> f64 {
        let term = self.factor[axis] * gap;
        if term < self.cap[axis] {
            term
        } else {
            self.cap[axis]
        }
    }

    #[inline]
    fn sum(&self, gaps: [f64; N]) -> u64 {
        let mut sum = 0.0;
        for (axis, gap) in gaps.into_iter().enumerate() {
            sum += self.term(axis, gap);
        }
        sum.to_bits()
    }
}

impl<const N: usize> Distance<N> for WeightedMean<N> {
    type Value = f64;

    #[inline]
    fn key(&self, delta: [f64; N]) -> u64 {
        self.sum(delta.map(f64::abs))
    }

    #[inline]
    fn lower_bound(&self, low: [f64; N], high: [f64; N]) -> u64 {
        self.sum(array::from_fn(|axis| {
            let beyond = if low[axis] > -high[axis] {
                low[axis]
            } else {
                -high[axis]
            };
            if beyond > 0.0 { beyond } else { 0.0 }
        }))
    }

    fn distance(&self, key: u64) -> f64 {
        f64::from_bits(key) / self.unit
    }

    fn margin(&self, smaller: u64, larger: u64) -> f64 {
        (f64::from_bits(larger) - f64::from_bits(smaller)) / self.unit
    }

    fn terms(&self, delta: [f64; N]) -> [f64; N] {
        array::from_fn(|axis| self.term(axis, delta[axis].abs()) / self.unit)
    }

    /// Linear in the distance, which is 1 if every term is at its cap.
    fn similarity(&self, distance: f64) -> f64 {
        1.0 - distance
    }
}

//! Items of any kind, described by up to eight features: numbers of any scale, and categories.
//!
//! Coordinates are whole ticks here, too, so that equal distances have equal keys. The tick of an axis is the largest
//! power of ten of which all its values are multiples: 0.5, 1.25 and 3 are 50, 125 and 300 hundredths. They are kept
//! as `f64`, exact up to 2⁵³ ticks. The values of an axis that has no such tick, because they have too many digits,
//! are their own coordinates: a difference is then rounded once, as any other program would round it.
//!
//! A category is an axis on which any difference is a whole one.

use std::cmp::Ordering;

use crate::similarity::people::{Ids, Population};

/// The largest number of features.
pub const MAX_AXES: usize = 8;

/// The largest number of ticks, and the finest of them in decimals.
const MAX_TICKS: f64 = 9_007_199_254_740_992.0;
const MAX_DECIMALS: i32 = 15;

/// One feature that takes part in the distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feature {
    /// A number. The term of a difference is its share of the range between two numbers, at most 1.
    Number {
        /// The lower end of the range.
        low: f64,
        /// The upper end. Not their difference, which would be a number of more digits: 1.1 - 1 is not 0.1.
        high: f64,
    },
    /// A category: the term is 0 for equal numbers, otherwise 1.
    Category,
}

/// Something that is ranked by its features.
pub trait Item {
    /// What it is found by, and what breaks ties.
    fn id(&self) -> &str;

    /// Its value on an axis, if it has one; for a category a whole number that stands for it. One that is infinite or
    /// not a number counts as missing.
    fn value(&self, axis: usize) -> Option<f64>;

    /// How many it stands for: itself, and others with the same values and larger ids.
    fn count(&self) -> u64 {
        1
    }
}

/// Items by `N` features, with coordinates in ticks.
pub(crate) struct Features<'a, const N: usize> {
    ids: Vec<&'a str>,
    points: Vec<[f64; N]>,
    /// Empty if nothing is missing.
    present: Vec<u8>,
    /// Empty if each stands for one.
    counts: Vec<u64>,
    /// The differences in ticks of which the terms are 1.
    ranges: [f64; N],
}

impl<'a, const N: usize> Features<'a, N> {
    pub(crate) fn new<I: Item>(items: &'a [I], axes: &[Feature; N]) -> Self {
        let mut features = Self {
            ids: items.iter().map(Item::id).collect(),
            points: vec![[0.0; N]; items.len()],
            present: vec![0; items.len()],
            counts: items.iter().map(Item::count).collect(),
            ranges: [1.0; N],
        };
        for (axis, kind) in axes.iter().enumerate() {
            let value = |item: &I| item.value(axis).filter(|value| value.is_finite());
            let values = items.iter().filter_map(value);
            let tick = match *kind {
                Feature::Category => Resolution::Decimals(0),
                Feature::Number { low, high } => Resolution::of(values.chain([low, high])),
            };
            if let Feature::Number { low, high } = *kind {
                // A range of 0 is that of values without differences.
                features.ranges[axis] = Some(tick.count(high) - tick.count(low))
                    .filter(|range| *range > 0.0)
                    .unwrap_or(1.0);
            }
            for (index, item) in items.iter().enumerate() {
                if let Some(value) = value(item) {
                    features.points[index][axis] = tick.count(value);
                    features.present[index] |= 1 << axis;
                }
            }
        }
        let all = crate::similarity::people::all_fields(N);
        if features.present.iter().all(|present| *present == all) {
            features.present = Vec::new();
        }
        if features.counts.iter().all(|count| *count == 1) {
            features.counts = Vec::new();
        }
        features
    }

    pub(crate) fn ranges(&self) -> [f64; N] {
        self.ranges
    }
}

/// The unit of the coordinates of an axis.
#[derive(Clone, Copy)]
enum Resolution {
    /// A power of ten.
    Decimals(i32),
    /// There is none, and values stay what they are.
    None,
}

impl Resolution {
    /// The largest power of ten of which all values are multiples, if they are few enough ticks.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut decimals = 0;
        let mut largest = 0.0_f64;
        for value in values {
            // A float is the decimal that is nearest to it.
            while (value * power(decimals)).round() / power(decimals) != value {
                if decimals == MAX_DECIMALS {
                    return Self::None;
                }
                decimals += 1;
            }
            largest = largest.max(value.abs());
            if largest * power(decimals) > MAX_TICKS {
                return Self::None;
            }
        }
        Self::Decimals(decimals)
    }

    /// A value in ticks; never -0, which has other bits than 0.
    fn count(self, value: f64) -> f64 {
        match self {
            Self::Decimals(decimals) => (value * power(decimals)).round() + 0.0,
            Self::None => value + 0.0,
        }
    }
}

/// Powers of ten are exact up to 10²².
fn power(decimals: i32) -> f64 {
    10_f64.powi(decimals)
}

impl<const N: usize> Ids for Features<'_, N> {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn order(&self, a: usize, b: usize) -> Ordering {
        self.ids[a].cmp(self.ids[b])
    }

    fn bytes(&self, index: usize) -> &[u8] {
        self.ids[index].as_bytes()
    }

    fn prefix(&self, index: usize, skip: usize) -> u64 {
        let rest = self.bytes(index).get(skip..).unwrap_or_default();
        let mut prefix = [0; 8];
        let length = rest.len().min(prefix.len());
        prefix[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(prefix)
    }
}

impl<const N: usize> Population<N> for Features<'_, N> {
    type Value = f64;

    fn point(&self, index: usize) -> [f64; N] {
        self.points[index]
    }

    fn present(&self) -> Option<&[u8]> {
        Some(&*self.present).filter(|present| !present.is_empty())
    }

    fn counts(&self) -> Option<&[u64]> {
        Some(&*self.counts).filter(|counts| !counts.is_empty())
    }
}

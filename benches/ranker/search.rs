//! The work that is measured.

use std::num::NonZeroUsize;

use labrpc::similarity::internals::{Distance, Tree};

use crate::timing::cpu_seconds;

const ONE: NonZeroUsize = NonZeroUsize::MIN;

/// Builds the tree and finds the 100 closest pairs; returns the smallest key.
pub(crate) fn pairs<D: Distance<N>, const N: usize>(points: &[[D::Value; N]], metric: D) -> u64 {
    let tree = Tree::new(metric, (0..u32::MAX).zip(points.iter().copied()));
    tree.closest_pairs(100, 100, ONE).smallest.unwrap()
}

/// Builds the tree and finds the nearest of everyone; returns the sum of the keys.
pub(crate) fn nearest_of_each<D: Distance<N>, const N: usize>(
    points: &[[D::Value; N]],
    metric: D,
) -> u64 {
    nearest_keys(points, metric)
        .iter()
        .map(|(_, key)| key)
        .sum()
}

/// The nearest of each point and its key.
pub(crate) fn nearest_keys<D: Distance<N>, const N: usize>(
    points: &[[D::Value; N]],
    metric: D,
) -> Vec<(u32, u64)> {
    let tree = Tree::new(metric, (0..u32::MAX).zip(points.iter().copied()));
    let mut nearest = vec![(0, 0); points.len()];
    for (number, other, key) in tree.nearest_of_each(ONE) {
        nearest[number as usize] = (other, key);
    }
    nearest
}

/// The processor time of sorting random floats, as a measure of the machine.
pub(crate) fn sort_floats(count: usize) -> f64 {
    let mut random = fastrand::Rng::with_seed(3);
    let mut floats: Vec<f64> = (0..count).map(|_| random.f64()).collect();
    cpu_seconds(|| floats.sort_unstable_by(f64::total_cmp)).0
}

/// The smallest key, found through the nearest of everyone.
pub(crate) fn least<D: Distance<N>, const N: usize>(points: &[[D::Value; N]], metric: D) -> u64 {
    let tree = Tree::new(metric, (0..u32::MAX).zip(points.iter().copied()));
    tree.nearest_of_each(ONE)
        .map(|(_, _, key)| key)
        .min()
        .unwrap()
}

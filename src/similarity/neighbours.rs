//! Everybody's nearest, and the nearest of one.

use std::num::NonZeroUsize;

use crate::similarity::{
    metric::Measure,
    tree::{Tree, delta},
};

impl<M: Measure> Tree<M> {
    /// Everybody's number with the number and key of the nearest other; ties go to the smaller number.
    pub fn nearest_of_each(&self, _threads: NonZeroUsize) -> impl Iterator<Item = (u32, u32, u64)> {
        self.people.iter().filter_map(|&number| {
            let (key, nearest) = *self.nearest_to(number, 1).first()?;
            Some((number, nearest, key))
        })
    }

    /// The keys and numbers of the `count` nearest others, in order.
    #[must_use]
    pub fn nearest_to(&self, number: u32, count: usize) -> Vec<(u64, u32)> {
        let Some(place) = (0..self.points.len()).find(|&place| self.group(place).contains(&number))
        else {
            return Vec::new();
        };
        let mut others: Vec<(u64, u32)> = (0..self.points.len())
            .flat_map(|other| {
                let key = self
                    .measure()
                    .key(delta(self.points[place], self.points[other]));
                self.group(other).iter().map(move |&other| (key, other))
            })
            .filter(|&(_, other)| other != number)
            .collect();
        others.sort_unstable();
        others.truncate(count);
        others
    }
}

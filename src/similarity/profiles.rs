//! Profiles as the input of the ranker.

use std::cmp::Ordering;

use crate::{
    profile::Profile,
    similarity::{
        body::{AXES, point},
        people::{Ids, Population},
    },
};

/// Profiles, and the number of people that each stands for.
pub(crate) struct Profiles<'a> {
    profiles: &'a [Profile],
    /// Empty if each stands for one.
    counts: &'a [u64],
}

impl<'a> Profiles<'a> {
    pub(crate) fn new(profiles: &'a [Profile], counts: &'a [u64]) -> Self {
        Self { profiles, counts }
    }
}

impl Ids for Profiles<'_> {
    fn len(&self) -> usize {
        self.profiles.len()
    }

    #[inline]
    fn order(&self, a: usize, b: usize) -> Ordering {
        self.profiles[a].id.cmp(&self.profiles[b].id)
    }

    fn bytes(&self, index: usize) -> &[u8] {
        self.profiles[index].id.as_bytes()
    }

    fn prefix(&self, index: usize, skip: usize) -> u64 {
        self.profiles[index].id.sort_prefix(skip)
    }
}

impl Population<AXES> for Profiles<'_> {
    type Value = i32;

    #[inline]
    fn point(&self, index: usize) -> [i32; AXES] {
        point(&self.profiles[index])
    }

    fn present(&self) -> Option<&[u8]> {
        None
    }

    #[inline]
    fn counts(&self) -> Option<&[u64]> {
        Some(self.counts).filter(|counts| !counts.is_empty())
    }
}

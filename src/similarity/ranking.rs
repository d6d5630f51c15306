//! The output of the ranker.

use crate::similarity::{features::MAX_AXES, metric::has, twins::Twins};

/// The result of [`rank`](crate::similarity::rank) and its variants. People, or items, are given by their index in the
/// input.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The closest pairs, ordered by distance, then smaller id, then larger id: all pairs at the smallest distance
    /// and, if these are fewer than [`Options::top`](crate::similarity::Options::top), the next ones up to that number.
    ///
    /// At most [`Ranking::MAX_TIED`] ties (or `top`, if that is more) are listed; [`Ranking::tied`] counts them all.
    /// Pairs of people who are counted without an id of their own take their places, but cannot be listed.
    pub pairs: Vec<Pair>,
    /// The smallest distance; `None` if there is no pair.
    pub smallest: Option<f64>,
    /// The number of pairs at the smallest distance.
    pub tied: u64,
    /// The difference between the smallest distance and the next larger one; `None` if all pairs are equally far.
    pub margin: Option<f64>,
    /// Groups of people who share an id, in the order of these ids. None of these people are ranked.
    pub duplicates: Vec<Vec<usize>>,
    /// Groups of people identical in all fields, largest first, groups of equal size by their smallest id.
    pub twins: Vec<Twins>,
    /// The number of such groups, listed or not.
    pub twin_groups: usize,
    /// The nearest of everyone, in the order of the input, if [`Options::per_person`](crate::similarity::Options::per_person) is set; empty without a pair.
    pub per_person: Option<Vec<Nearest>>,
    /// The people nearest to [`Options::like`](crate::similarity::Options::like), if that is set.
    pub like: Option<Like>,
    /// Those whose nearest is farthest, by descending distance, then by id; as many as [`Options::outliers`](crate::similarity::Options::outliers).
    pub outliers: Vec<Outlier>,
    /// The number of people who are not ranked because they have no field with a weight in common with another.
    pub incomparable: u64,
}

impl Ranking {
    /// Up to this number, all pairs at the smallest distance are listed.
    pub const MAX_TIED: usize = 1000;

    /// How many groups of twins are listed unless [`Options::twins`](crate::similarity::Options::twins) asks for all.
    pub const MAX_TWIN_GROUPS: usize = 20;

    /// The listed pairs at the smallest distance.
    pub fn first_place(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().take_while(|pair| pair.rank == 1)
    }
}

/// Two people and how far they are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The position in the list, from 1; pairs at equal distance share the first one's.
    pub rank: u64,
    /// The index of the person with the smaller id.
    pub a: usize,
    /// The index of the person with the larger id.
    pub b: usize,
    /// The distance, at least 0. By the body distance in its units: 7 a centimetre, 5 a kilogram, 60 a size step. By
    /// the weighted mean at most 1.
    pub distance: f64,
    /// From 1 for identical people towards 0: by the body distance and the weighted mean linearly, to 0 if every term
    /// is at its cap; by the other metrics as 1 / (1 + distance).
    pub similarity: f64,
    /// What each field contributes.
    pub terms: Terms,
}

/// What each field contributes to a distance, in the order of the axes; they sum up to it.
///
/// Under Mahalanobis a term is negative if the field pulls against the correlation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Terms {
    /// 0 beyond the last axis, and for a field that is not in common.
    values: [f64; MAX_AXES],
    count: usize,
    /// The fields that both have.
    common: u8,
}

impl Terms {
    /// The terms of `N` fields; `common` has a bit for each that both have.
    ///
    /// # Panics
    /// If there are more than [`MAX_AXES`].
    #[must_use]
    pub fn new<const N: usize>(terms: [f64; N], common: u8) -> Self {
        let mut values = [0.0; MAX_AXES];
        values[..N].copy_from_slice(&terms);
        Self {
            values,
            count: N,
            common,
        }
    }

    /// The term of each field; `None` if not both have it.
    pub fn iter(&self) -> impl Iterator<Item = Option<f64>> {
        let terms = self.values[..self.count].iter().enumerate();
        terms.map(|(axis, term)| has(self.common, axis).then_some(*term))
    }
}

/// The nearest other person of one person; among equally near ones, the one with the smallest id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The index of the person.
    pub person: usize,
    /// The index of the nearest other person. It is the same for one that is counted but has no id of its own.
    pub nearest: usize,
    /// The distance between the two, as in [`Pair::distance`].
    pub distance: f64,
}

/// One that is unlike all others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlier {
    /// The position in the list, from 1; those at equal distance share the first one's.
    pub rank: usize,
    /// The index of the person.
    pub person: usize,
    /// The index of the nearest other person, as in [`Nearest::nearest`].
    pub nearest: usize,
    /// The distance between the two, as in [`Pair::distance`].
    pub distance: f64,
    /// The similarity of the two, as in [`Pair::similarity`].
    pub similarity: f64,
    /// What each field contributes.
    pub terms: Terms,
}

/// The result for [`Options::like`](crate::similarity::Options::like).
#[derive(Clone, Debug, PartialEq)]
pub enum Like {
    /// The input does not contain this id.
    Unknown(String),
    /// Several people have this id, so none of them are ranked; see [`Ranking::duplicates`].
    Duplicate(String),
    /// The person with this id.
    Found {
        /// The index of the person.
        person: usize,
        /// The [`Options::top`](crate::similarity::Options::top) nearest, ordered by distance, then id; each pair is this person and another.
        nearest: Vec<Pair>,
    },
}

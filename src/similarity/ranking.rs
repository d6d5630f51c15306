//! What the ranker returns.

use serde::Serialize;

use crate::{profile::Id, similarity::twins::Twins};

/// Who is alike. People are named by their index in the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The closest pairs, ordered by distance, smaller id and larger id: all pairs at the smallest distance and,
    /// while that makes fewer than [`Options::top`], the next ones.
    ///
    /// Where more pairs tie for the smallest distance than the larger of `top` and [`Ranking::MAX_TIED`], only
    /// that many are listed; [`Ranking::tied`] counts them all.
    pub pairs: Vec<Pair>,
    /// The smallest distance; `None` where there is no pair.
    pub smallest: Option<f64>,
    /// How many pairs there are at the smallest distance.
    pub tied: u64,
    /// From the smallest distance to the next larger one; `None` where all pairs are equally far.
    pub margin: Option<f64>,
    /// People who share one id, in the order of these ids: set apart, none of them is ranked.
    pub duplicates: Vec<Vec<usize>>,
    /// Groups of people identical in all three fields, largest first, equal ones by their smallest id.
    pub twins: Vec<Twins>,
    /// How many such groups there are, listed or not.
    pub twin_groups: usize,
    /// Everybody's nearest, in the order of the input, where asked for. Empty when there is no pair.
    pub per_person: Option<Vec<Nearest>>,
    /// The people nearest to [`Options::like`], where asked for.
    pub like: Option<Like>,
}

impl Ranking {
    /// The number of pairs tied at the smallest distance up to which all are listed.
    pub const MAX_TIED: usize = 1000;

    /// How many groups of twins are listed unasked.
    pub const MAX_TWIN_GROUPS: usize = 20;

    /// The listed pairs at the smallest distance.
    pub fn first_place(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().take_while(|pair| pair.rank == 1)
    }
}

/// Two people and what is between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The place in the list, from 1; pairs at equal distance share one.
    pub rank: usize,
    /// The index of the person with the smaller id.
    pub a: usize,
    /// The index of the person with the larger id.
    pub b: usize,
    /// The distance; by the body distance in its units, 7 a centimetre, 5 a kilogram and 60 a size step.
    pub distance: f64,
    /// 1 for identical people, falling with the distance: by the body distance linearly, to 0 where every term
    /// is at its cap; by the other metrics as 1 / (1 + distance).
    pub similarity: f64,
    /// What each field contributes.
    pub terms: Terms,
}

/// A distance by field; the three sum up to it.
///
/// Under Mahalanobis a term is negative where the field pulls against the correlation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names are the fields")]
pub struct Terms {
    pub height: f64,
    pub weight: f64,
    pub size: f64,
}

/// One person's nearest; among equally near ones, the one with the smallest id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The index of the person.
    pub person: usize,
    /// The index of the nearest other person.
    pub nearest: usize,
    /// How far they are apart.
    pub distance: f64,
}

/// The answer to [`Options::like`].
#[derive(Clone, Debug, PartialEq)]
pub enum Like {
    /// Nobody has this id.
    Unknown(Id),
    /// Several people have this id, so none of them is ranked; see [`Ranking::duplicates`].
    Duplicate(Id),
    /// The person was found.
    Found {
        /// The index of the person.
        person: usize,
        /// The [`Options::top`] nearest, ordered by distance and id; each pair is of this person and another.
        nearest: Vec<Pair>,
    },
}

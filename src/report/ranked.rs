//! Who or what was ranked, and who of them are most alike.

use crate::{
    report::subjects::Subjects,
    similarity::{Options, Outlier, Pair, Ranking},
};

/// People with a valid profile, and who of them are most alike.
#[derive(Clone, Debug)]
pub struct RankedPeople {
    /// How the people were ranked, and how much of the ranking is listed.
    pub options: Options,
    /// All people with a valid profile, or items; those with a duplicate id included.
    pub people: Subjects,
    /// How many people each of [`Self::people`] stands for, as [`read::People::counts`](crate::report::read::People::counts).
    pub counts: Vec<u64>,
    /// The method that gave the items, if one did.
    pub method: Option<String>,
    /// For each of [`Self::people`], the index of the endpoint in `Survey::hosts`; empty for files.
    pub seat_of: Vec<usize>,
    /// The ranking; it names people by their index in [`Self::people`].
    pub ranking: Ranking,
}

impl RankedPeople {
    /// How many people one of [`Self::people`] stands for.
    pub(crate) fn count(&self, person: usize) -> u64 {
        self.counts.get(person).copied().unwrap_or(1)
    }

    /// Whether two people have the same build, whatever the weights of its fields.
    pub(crate) fn are_identical(&self, pair: &Pair) -> bool {
        self.people.are_identical(pair.a, pair.b)
    }

    /// Those that are unlike all others, each with its nearest.
    pub(crate) fn outliers(&self) -> impl Iterator<Item = Pair> {
        self.ranking.outliers.iter().map(|outlier| {
            let Outlier {
                rank,
                person,
                nearest,
                distance,
                similarity,
                terms,
            } = *outlier;
            Pair {
                rank: rank as u64,
                a: person,
                b: nearest,
                distance,
                similarity,
                terms,
            }
        })
    }

    /// How many people there are in all.
    pub(crate) fn all(&self) -> u64 {
        match &*self.counts {
            [] => self.people.len() as u64,
            counts => counts.iter().sum(),
        }
    }

    /// How many people have a duplicate id.
    pub(crate) fn duplicates(&self) -> u64 {
        let duplicates = self.ranking.duplicates.iter().flatten();
        duplicates.map(|person| self.count(*person)).sum()
    }

    pub(crate) fn duplicate_ids(&self) -> Vec<String> {
        let groups = self.ranking.duplicates.iter();
        groups
            .filter_map(|same| Some(self.people.id(*same.first()?).to_owned()))
            .collect()
    }

    /// The closest pairs to list: with [`Options::top`] 0 not even those that tie for the first place.
    pub(crate) fn listed_pairs(&self) -> &[Pair] {
        match self.options.top {
            0 => &[],
            _ => &self.ranking.pairs,
        }
    }

    /// Pairs that tie for the first place and are too many for the list.
    pub(crate) fn omitted_ties(&self) -> u64 {
        self.ranking.tied - self.ranking.first_place().count() as u64
    }

    /// Whether all pairs in the first place, as far as they are listed, are of identical people.
    pub(crate) fn closest_are_identical(&self) -> bool {
        let mut first = self.ranking.first_place();
        first.all(|pair| self.are_identical(pair))
    }
}

//! The lines of a ranking.

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::{
    report::ranked::RankedPeople,
    similarity::{Like, Nearest, Pair, Terms, Twins},
};

/// The closest pairs, as far as they are to be listed.
pub fn pairs(ranked: &RankedPeople) -> impl Iterator<Item = PairLine<'_>> {
    let pairs = ranked.listed_pairs().iter();
    pairs.map(|pair| PairLine::new(ranked, pair))
}

/// The groups of identical people, largest first.
pub fn twins(ranked: &RankedPeople) -> impl Iterator<Item = TwinsLine<'_>> {
    ranked
        .ranking
        .twins
        .iter()
        .map(|twins| TwinsLine::new(ranked, twins))
}

/// The nearest neighbour of each person, with `--per-person`.
pub fn per_person(ranked: &RankedPeople) -> impl Iterator<Item = NearestLine<'_>> {
    let nearest = ranked.ranking.per_person.iter().flatten();
    nearest.map(|nearest| NearestLine::new(ranked, nearest))
}

/// Two people and the distance between them.
#[derive(Debug, Serialize)]
pub struct PairLine<'a> {
    pub(crate) rank: u64,
    pub(crate) a: &'a str,
    pub(crate) b: &'a str,
    pub(crate) distance: f64,
    pub(crate) similarity: f64,
    pub(crate) terms: ByField<'a, Option<f64>>,
}

/// A value of each field; an object of JSON.
#[derive(Debug)]
pub struct ByField<'a, T>(pub(crate) Vec<(&'a str, T)>);

impl<T: Serialize> Serialize for ByField<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// What each field contributes to a distance; `null` where not both have it.
fn terms<'a>(ranked: &'a RankedPeople, terms: &Terms) -> ByField<'a, Option<f64>> {
    ByField(
        ranked
            .people
            .fields()
            .into_iter()
            .zip(terms.iter())
            .collect(),
    )
}

impl<'a> PairLine<'a> {
    /// A pair of people in a report.
    #[must_use]
    pub fn new(ranked: &'a RankedPeople, pair: &Pair) -> Self {
        let Pair {
            rank,
            a,
            b,
            distance,
            similarity,
            terms: ref parts,
        } = *pair;
        Self {
            rank,
            a: ranked.people.id(a),
            b: ranked.people.id(b),
            distance,
            similarity,
            terms: terms(ranked, parts),
        }
    }
}

/// One that is unlike all others, and what is nearest to it.
#[derive(Debug, Serialize)]
pub struct OutlierLine<'a> {
    pub(crate) rank: u64,
    pub(crate) id: &'a str,
    pub(crate) nearest: &'a str,
    pub(crate) distance: f64,
    pub(crate) similarity: f64,
    pub(crate) terms: ByField<'a, Option<f64>>,
}

/// Those whose nearest is farthest, with `--outliers`.
pub fn outliers(ranked: &RankedPeople) -> impl Iterator<Item = OutlierLine<'_>> {
    ranked.outliers().map(|pair| OutlierLine {
        rank: pair.rank,
        id: ranked.people.id(pair.a),
        nearest: ranked.people.id(pair.b),
        distance: pair.distance,
        similarity: pair.similarity,
        terms: terms(ranked, &pair.terms),
    })
}

/// A group of identical people.
#[derive(Debug, Serialize)]
pub struct TwinsLine<'a> {
    pub(crate) count: u64,
    pub(crate) profile: ByField<'a, Json>,
    pub(crate) ids: Vec<&'a str>,
}

impl<'a> TwinsLine<'a> {
    /// A group in a report, with the first of its ids.
    #[must_use]
    pub fn new(ranked: &'a RankedPeople, twins: &Twins) -> Self {
        let Twins { count, people } = twins;
        let values = ranked.people.json(people[0]);
        Self {
            count: *count,
            profile: ByField(ranked.people.fields().into_iter().zip(values).collect()),
            ids: people
                .iter()
                .map(|&person| ranked.people.id(person))
                .collect(),
        }
    }
}

/// One person's nearest.
#[derive(Debug, Serialize)]
pub struct NearestLine<'a> {
    pub(crate) id: &'a str,
    pub(crate) nearest: &'a str,
    pub(crate) distance: f64,
}

impl<'a> NearestLine<'a> {
    /// A person in a report.
    #[must_use]
    pub fn new(ranked: &'a RankedPeople, nearest: &Nearest) -> Self {
        let &Nearest {
            person,
            nearest,
            distance,
        } = nearest;
        Self {
            id: ranked.people.id(person),
            nearest: ranked.people.id(nearest),
            distance,
        }
    }
}

/// The people nearest to one.
#[derive(Debug, Serialize)]
pub struct LikeLine<'a> {
    id: &'a str,
    /// `null` unless exactly one person has the id.
    pub(crate) nearest: Option<Vec<PairLine<'a>>>,
}

impl<'a> LikeLine<'a> {
    /// The people nearest to one, with `--like`.
    #[must_use]
    pub fn new(ranked: &'a RankedPeople) -> Option<Self> {
        ranked.ranking.like.as_ref().map(|like| match like {
            Like::Unknown(id) | Like::Duplicate(id) => Self { id, nearest: None },
            Like::Found { person, nearest } => Self {
                id: ranked.people.id(*person),
                nearest: Some(
                    nearest
                        .iter()
                        .map(|pair| PairLine::new(ranked, pair))
                        .collect(),
                ),
            },
        })
    }
}

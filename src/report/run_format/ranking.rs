//! The lines of a ranking.

use serde::{Serialize, Serializer};

use crate::{
    profile::{Build, FIELDS, Id},
    report::model::RankedPeople,
    similarity::{Like, Nearest, Pair, Terms, Twins},
};

/// The closest pairs, as far as they are to be listed.
pub fn pairs(ranked: &RankedPeople) -> impl Iterator<Item = PairLine> {
    let pairs = ranked.listed_pairs().iter();
    pairs.map(|pair| PairLine::new(ranked, pair))
}

/// The groups of identical people, largest first.
pub fn twins(ranked: &RankedPeople) -> impl Iterator<Item = TwinsLine> {
    ranked
        .ranking
        .twins
        .iter()
        .map(|twins| TwinsLine::new(ranked, twins))
}

/// The nearest neighbour of each person, with `--per-person`.
pub fn per_person(ranked: &RankedPeople) -> impl Iterator<Item = NearestLine> {
    let nearest = ranked.ranking.per_person.iter().flatten();
    nearest.map(|nearest| NearestLine::new(ranked, nearest))
}

/// Two people and the distance between them.
#[derive(Debug, Serialize)]
pub struct PairLine {
    pub(crate) rank: u64,
    pub(crate) a: Id,
    pub(crate) b: Id,
    pub(crate) distance: f64,
    pub(crate) similarity: f64,
    #[serde(serialize_with = "terms_by_name")]
    pub(crate) terms: Terms,
}

/// What each field contributes, as an object.
fn terms_by_name<S: Serializer>(terms: &Terms, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(FIELDS.iter().map(|field| field.name).zip(terms.iter()))
}

impl PairLine {
    /// A pair of people in a report.
    #[must_use]
    pub fn new(ranked: &RankedPeople, pair: &Pair) -> Self {
        let Pair {
            rank,
            a,
            b,
            distance,
            similarity,
            terms,
        } = *pair;
        let id = |person: usize| ranked.people[person].id;
        Self {
            rank,
            a: id(a),
            b: id(b),
            distance,
            similarity,
            terms,
        }
    }
}

/// A group of identical people.
#[derive(Debug, Serialize)]
pub struct TwinsLine {
    pub(crate) count: u64,
    #[serde(serialize_with = "with_decimals")]
    pub(crate) profile: Build,
    pub(crate) ids: Vec<Id>,
}

fn with_decimals<S: Serializer>(build: &Build, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(build.decimals())
}

impl TwinsLine {
    /// A group in a report, with the first of its ids.
    #[must_use]
    pub fn new(ranked: &RankedPeople, twins: &Twins) -> Self {
        let &Twins { count, ref people } = twins;
        Self {
            count,
            profile: ranked.people[people[0]].build,
            ids: people
                .iter()
                .map(|&person| ranked.people[person].id)
                .collect(),
        }
    }
}

/// One person's nearest.
#[derive(Debug, Serialize)]
pub struct NearestLine {
    pub(crate) id: Id,
    pub(crate) nearest: Id,
    pub(crate) distance: f64,
}

impl NearestLine {
    /// A person in a report.
    #[must_use]
    pub fn new(ranked: &RankedPeople, nearest: &Nearest) -> Self {
        let &Nearest {
            person,
            nearest,
            distance,
        } = nearest;
        let id = |person: usize| ranked.people[person].id;
        Self {
            id: id(person),
            nearest: id(nearest),
            distance,
        }
    }
}

/// The people nearest to one.
#[derive(Debug, Serialize)]
pub struct LikeLine {
    id: String,
    /// `null` unless exactly one person has the id.
    pub(crate) nearest: Option<Vec<PairLine>>,
}

impl LikeLine {
    /// The people nearest to one, with `--like`.
    #[must_use]
    pub fn new(ranked: &RankedPeople) -> Option<Self> {
        ranked.ranking.like.as_ref().map(|like| match like {
            Like::Unknown(id) | Like::Duplicate(id) => Self {
                id: id.clone(),
                nearest: None,
            },
            Like::Found { person, nearest } => Self {
                id: ranked.people[*person].id.to_string(),
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

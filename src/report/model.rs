//! The model that every format renders: what was observed, and what follows from it.

use std::{collections::BTreeMap, time::SystemTime};

use crate::{
    profile::{Id, Profile},
    similarity::{self, Options, Pair, Ranking},
    survey::{
        hosts::Hosts,
        outcome::{Answer, Outcome},
    },
};

/// Everything that a renderer may show.
#[derive(Clone, Debug)]
pub struct Report {
    /// When the survey began, or the files were read.
    pub started: SystemTime,
    /// The command line behind the program's name.
    pub arguments: Vec<String>,
    /// By what, and how much of it, the people were ranked.
    pub options: Options,
    /// Where the people come from.
    pub origin: Origin,
    /// Everybody with a valid profile, those with a duplicate id included.
    pub people: Vec<Profile>,
    /// Who is alike; it names people by their index in [`Self::people`].
    pub ranking: Ranking,
}

/// Where a report's people come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Endpoints that were asked.
    Survey(Survey),
    /// Files that were read.
    Files {
        /// Rows that hold no profile.
        rejected: u64,
    },
}

/// The endpoints of a survey and what became of each.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Who was asked, in input order.
    pub hosts: Hosts,
    /// What became of each, in the same order.
    pub answers: Vec<Answer>,
}

/// The figures of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Endpoints that were asked, each counted once however often it is listed; or rows that were read.
    pub asked: u64,
    /// Valid profiles with an id of their own.
    pub ok: u64,
    /// How often each outcome occurred, in the order of [`Outcome::NAMES`]; without those that did not.
    pub outcomes: Vec<(&'static str, u64)>,
    /// Ids that more than one endpoint or row claims.
    pub duplicate_ids: Vec<Id>,
}

impl Report {
    /// Ranks the answers of a survey. An id that several endpoints claim becomes their outcome.
    #[must_use]
    pub fn survey(
        started: SystemTime,
        arguments: Vec<String>,
        mut survey: Survey,
        options: Options,
    ) -> Self {
        let (seats, people): (Vec<usize>, Vec<Profile>) = survey
            .answers
            .iter()
            .enumerate()
            .filter_map(|(seat, answer)| Some((seat, answer.outcome.profile()?.0.clone())))
            .unzip();
        let ranking = similarity::rank(&people, &options);
        for &person in ranking.duplicates.iter().flatten() {
            let outcome = &mut survey.answers[seats[person]].outcome;
            if let Outcome::Ok { dialect, profile } = outcome {
                *outcome = Outcome::DuplicateId {
                    dialect: *dialect,
                    profile: profile.clone(),
                };
            }
        }
        Self {
            started,
            arguments,
            options,
            origin: Origin::Survey(survey),
            people,
            ranking,
        }
    }

    /// Ranks people who were read from files.
    #[must_use]
    pub fn files(
        started: SystemTime,
        arguments: Vec<String>,
        people: Vec<Profile>,
        rejected: u64,
        options: Options,
    ) -> Self {
        let ranking = similarity::rank(&people, &options);
        Self {
            started,
            arguments,
            options,
            origin: Origin::Files { rejected },
            people,
            ranking,
        }
    }

    /// Whether two people have the same build, whatever it counts for.
    pub(crate) fn are_identical(&self, pair: &Pair) -> bool {
        let (a, b) = (&self.people[pair.a], &self.people[pair.b]);
        (a.height, a.weight, a.size) == (b.height, b.weight, b.size)
    }

    /// Pairs that tie for the first place and are too many for the list.
    pub(crate) fn unlisted(&self) -> u64 {
        self.ranking.tied - self.ranking.first_place().count() as u64
    }

    /// Whether all pairs in the first place, as far as they are listed, are of identical people.
    pub(crate) fn twins_come_first(&self) -> bool {
        let mut first = self.ranking.first_place();
        first.all(|pair| self.are_identical(pair))
    }

    /// Counts the outcomes.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        match &self.origin {
            Origin::Survey(Survey { answers, .. }) => {
                for answer in answers {
                    *counts.entry(answer.outcome.name()).or_default() += 1;
                }
            }
            Origin::Files { rejected } => {
                let duplicates = self.ranking.duplicates.iter().map(Vec::len).sum::<usize>();
                counts.insert("ok", (self.people.len() - duplicates) as u64);
                counts.insert("duplicate_id", duplicates as u64);
                counts.insert("invalid", *rejected);
            }
        }
        let count = |name| counts.get(name).copied().unwrap_or_default();
        let outcomes: Vec<_> = Outcome::NAMES
            .into_iter()
            .map(|name| (name, count(name)))
            .filter(|&(_, count)| count > 0)
            .collect();
        Summary {
            asked: outcomes.iter().map(|(_, count)| count).sum::<u64>() - count("duplicate_line"),
            ok: count("ok"),
            outcomes,
            duplicate_ids: self
                .ranking
                .duplicates
                .iter()
                .filter_map(|same| Some(self.people[*same.first()?].id))
                .collect(),
        }
    }
}

impl Summary {
    /// How many came to an end with the given outcome.
    #[must_use]
    pub fn count(&self, outcome: &str) -> u64 {
        self.outcomes
            .iter()
            .find(|(name, _)| *name == outcome)
            .map_or(0, |(_, count)| *count)
    }

    /// Endpoints that answered the question, be it with data that cannot be used.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.ok + self.unusable()
    }

    /// Answers that are no valid profile, or one whose id is claimed twice.
    #[must_use]
    pub fn unusable(&self) -> u64 {
        self.count("invalid") + self.count("duplicate_id")
    }
}

//! The model that every format renders: what was observed, and what follows from it.

use std::{
    ops::{Index, IndexMut},
    time::SystemTime,
};

use crate::{
    profile::{Id, Profile},
    report::{
        answer::Answer,
        comparison::{CompareOptions, ComparedAnswers},
        distinct::AnswerValues,
        settings::Settings,
    },
    similarity::{self, Options, Pair, Ranking},
    survey::{
        hosts::{Hosts, Part},
        outcome::{EndpointResult, Outcome, OutcomeKind},
    },
};

/// The method whose answers are ranked.
pub const PROFILE_METHOD: &str = "lab.Profile/GetProfile";

/// Everything that a renderer may show.
#[derive(Clone, Debug)]
pub struct Report {
    /// When and how the report was made.
    pub run: RunInfo,
    /// Where its findings come from.
    pub input: Input,
    /// What was found.
    pub findings: Findings,
}

/// When and how a report was made.
#[derive(Clone, Debug)]
pub struct RunInfo {
    /// When the survey began, or the files were read.
    pub started: SystemTime,
    /// When the last answer was there.
    pub finished: SystemTime,
    /// The command line after the program's name.
    pub arguments: Vec<String>,
    /// How the endpoints were asked, where they were.
    pub settings: Option<Settings>,
}

impl RunInfo {
    /// A run that began then and ends now.
    #[must_use]
    pub fn since(started: SystemTime, arguments: Vec<String>) -> Self {
        Self {
            started,
            finished: SystemTime::now(),
            arguments,
            settings: None,
        }
    }
}

/// What a report is about.
#[derive(Clone, Debug)]
pub enum Findings {
    /// Profiles, ranked.
    Ranking(RankedPeople),
    /// Answers to any other method, compared.
    Comparison(ComparedAnswers),
}

/// People with a valid profile, and who of them are most alike.
#[derive(Clone, Debug)]
pub struct RankedPeople {
    /// How the people were ranked, and how much of the ranking is listed.
    pub options: Options,
    /// All people with a valid profile, those with a duplicate id included.
    pub people: Vec<Profile>,
    /// How many people each of [`Self::people`] stands for, as [`read::People::counts`](crate::report::read::People::counts).
    pub counts: Vec<u64>,
    /// For each of [`Self::people`], the index of the endpoint in [`Survey::hosts`]; empty for files.
    pub seat_of: Vec<usize>,
    /// The ranking; it names people by their index in [`Self::people`].
    pub ranking: Ranking,
}

/// Where the findings of a report come from.
#[derive(Clone, Debug)]
pub enum Input {
    /// Endpoints that were asked.
    Survey(Survey),
    /// Files that were read.
    Files {
        /// Rows without a valid profile.
        rejected: u64,
    },
}

/// The endpoints of a survey and the result of each.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The endpoints, in input order.
    pub hosts: Hosts,
    /// Their results, in the same order.
    pub answers: Vec<EndpointResult<Answer>>,
}

/// How often each outcome occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts([u64; OutcomeKind::COUNT]);

impl OutcomeCounts {
    /// The outcomes that occurred, in the order of [`OutcomeKind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (OutcomeKind, u64)> {
        OutcomeKind::ALL
            .into_iter()
            .zip(self.0)
            .filter(|(_, count)| *count > 0)
    }
}

impl Index<OutcomeKind> for OutcomeCounts {
    type Output = u64;

    fn index(&self, kind: OutcomeKind) -> &u64 {
        &self.0[kind as usize]
    }
}

impl IndexMut<OutcomeKind> for OutcomeCounts {
    fn index_mut(&mut self, kind: OutcomeKind) -> &mut u64 {
        &mut self.0[kind as usize]
    }
}

/// The figures of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How often each outcome occurred.
    pub outcomes: OutcomeCounts,
    /// Ids that more than one endpoint or row claims.
    pub duplicate_ids: Vec<Id>,
}

impl Summary {
    /// Endpoints that were asked, each counted once however often it is listed; or rows that were read.
    #[must_use]
    pub fn asked(&self) -> u64 {
        let all: u64 = self.outcomes.0.iter().sum();
        all - self.outcomes[OutcomeKind::DuplicateLine]
    }

    /// Valid profiles with a unique id.
    #[must_use]
    pub fn ok(&self) -> u64 {
        self.outcomes[OutcomeKind::Ok]
    }

    /// Endpoints that answered, with usable data or not.
    #[must_use]
    pub fn answered(&self) -> u64 {
        let outcomes = self.outcomes.iter();
        outcomes
            .filter(|(outcome, _)| outcome.is_answer())
            .map(|(_, count)| count)
            .sum()
    }

    /// Answers that are not valid, or have an id that is claimed twice.
    #[must_use]
    pub fn unusable(&self) -> u64 {
        self.answered() - self.ok()
    }
}

impl RankedPeople {
    /// How many people one of [`Self::people`] stands for.
    pub(crate) fn count(&self, person: usize) -> u64 {
        self.counts.get(person).copied().unwrap_or(1)
    }

    /// Whether two people have the same build, whatever the weights of its fields.
    pub(crate) fn are_identical(&self, pair: &Pair) -> bool {
        let (a, b) = (&self.people[pair.a], &self.people[pair.b]);
        a.build == b.build
    }

    /// How many people there are in all.
    pub(crate) fn all(&self) -> u64 {
        match &*self.counts {
            [] => self.people.len() as u64,
            counts => counts.iter().sum(),
        }
    }

    /// How many people have a duplicate id.
    fn duplicates(&self) -> u64 {
        let duplicates = self.ranking.duplicates.iter().flatten();
        duplicates.map(|person| self.count(*person)).sum()
    }

    fn duplicate_ids(&self) -> Vec<Id> {
        let groups = self.ranking.duplicates.iter();
        groups
            .filter_map(|same| Some(self.people[*same.first()?].id))
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

impl Report {
    /// Ranks the answers of a survey. An id that several endpoints claim becomes their outcome. A part of a larger survey
    /// is not ranked.
    #[must_use]
    pub fn survey(run: RunInfo, mut survey: Survey, options: Options) -> Self {
        let is_whole = survey.hosts.part().is_none();
        let answers = survey.answers.iter().enumerate();
        let (seat_of, people): (Vec<usize>, Vec<Profile>) = answers
            .filter(|_| is_whole)
            .filter_map(|(seat, answer)| Some((seat, answer.outcome.profile()?.0.clone())))
            .unzip();
        let ranking = similarity::rank(&people, &options);
        for &person in ranking.duplicates.iter().flatten() {
            let outcome = &mut survey.answers[seat_of[person]].outcome;
            if let Some((answer, protocol)) = outcome.answer() {
                *outcome = Outcome::DuplicateId {
                    protocol,
                    answer: answer.clone(),
                    id: people[person].id.as_str().into(),
                };
            }
        }
        Self {
            run,
            input: Input::Survey(survey),
            findings: Findings::Ranking(RankedPeople {
                options,
                people,
                counts: Vec::new(),
                seat_of,
                ranking,
            }),
        }
    }

    /// Compares the answers of a survey; `values` makes the value of each.
    #[must_use]
    pub fn comparison(
        run: RunInfo,
        survey: Survey,
        method: String,
        values: AnswerValues,
        options: CompareOptions,
    ) -> Self {
        let results = survey.answers.iter();
        let answers: Vec<_> = results
            .map(|result| result.outcome.answer_number())
            .collect();
        let hosts = survey.hosts.clone();
        let compared = ComparedAnswers::new(method, hosts, &answers, values, options);
        Self {
            run,
            input: Input::Survey(survey),
            findings: Findings::Comparison(compared),
        }
    }

    /// Ranks people who were read from files; `counts` are those of [`RankedPeople`].
    #[must_use]
    pub fn files(
        run: RunInfo,
        people: Vec<Profile>,
        counts: Vec<u64>,
        rejected: u64,
        options: Options,
    ) -> Self {
        let ranking = similarity::rank_counted(&people, &counts, &options);
        Self {
            run,
            input: Input::Files { rejected },
            findings: Findings::Ranking(RankedPeople {
                options,
                people,
                counts,
                seat_of: Vec::new(),
                ranking,
            }),
        }
    }

    /// The survey that it is about; `None` for files.
    #[must_use]
    pub fn surveyed(&self) -> Option<&Survey> {
        match &self.input {
            Input::Survey(survey) => Some(survey),
            Input::Files { .. } => None,
        }
    }

    /// The part of a larger list that the endpoints are.
    #[must_use]
    pub fn part(&self) -> Option<&Part> {
        self.surveyed()?.hosts.part()
    }

    /// The method that the endpoints were asked; `None` for files.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match (&self.input, &self.findings) {
            (Input::Files { .. }, _) => None,
            (Input::Survey(_), Findings::Ranking(_)) => Some(PROFILE_METHOD),
            (Input::Survey(_), Findings::Comparison(compared)) => Some(&compared.method),
        }
    }

    /// Counts the outcomes.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let ranked = match &self.findings {
            Findings::Ranking(ranked) => Some(ranked),
            Findings::Comparison(_) => None,
        };
        let mut outcomes = OutcomeCounts::default();
        match &self.input {
            Input::Survey(Survey { answers, .. }) => {
                for answer in answers {
                    outcomes[answer.outcome.kind()] += 1;
                }
            }
            Input::Files { rejected } => {
                let duplicates = ranked.map(RankedPeople::duplicates).unwrap_or_default();
                let all = ranked.map(RankedPeople::all).unwrap_or_default();
                outcomes[OutcomeKind::Ok] = all - duplicates;
                outcomes[OutcomeKind::DuplicateId] = duplicates;
                outcomes[OutcomeKind::Invalid] = *rejected;
            }
        }
        Summary {
            outcomes,
            duplicate_ids: ranked.map(RankedPeople::duplicate_ids).unwrap_or_default(),
        }
    }
}

//! The model that every format renders: what was observed, and what follows from it.

use std::{
    ops::{Index, IndexMut},
    time::SystemTime,
};

use crate::{
    profile::Profile,
    report::{
        answer::Answer,
        comparison::{CompareOptions, ComparedAnswers},
        distinct::AnswerValues,
        feature::{Selection, text_at},
        items::{ItemTable, ItemTableBuilder},
        ranked::RankedPeople,
        settings::Settings,
        subjects::Subjects,
    },
    similarity::Options,
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
    pub duplicate_ids: Vec<String>,
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

impl Report {
    /// Ranks the answers of a survey. An id that several endpoints claim becomes their outcome. A part of a larger survey
    /// is not ranked.
    #[must_use]
    pub fn survey(run: RunInfo, survey: Survey, options: Options) -> Self {
        let is_whole = survey.hosts.part().is_none();
        let answers = survey.answers.iter().enumerate();
        let (seat_of, people): (Vec<usize>, Vec<Profile>) = answers
            .filter(|_| is_whole)
            .filter_map(|(seat, answer)| Some((seat, answer.outcome.profile()?.0.clone())))
            .unzip();
        Self::ranked(
            run,
            survey,
            seat_of,
            Subjects::People(people),
            None,
            options,
        )
    }

    /// Ranks the answers of a survey to any method by some of their fields.
    #[must_use]
    pub fn items(
        run: RunInfo,
        survey: Survey,
        method: String,
        values: &AnswerValues,
        selection: &Selection,
        options: Options,
    ) -> Self {
        let mut items = ItemTableBuilder::new(selection.features.clone());
        let mut seat_of = Vec::new();
        for (seat, (endpoint, result)) in survey.hosts.iter().zip(&survey.answers).enumerate() {
            if let Some(number) = result.outcome.answer_number() {
                let value = values.get(number);
                let id = selection.id.as_ref().and_then(|path| text_at(path, &value));
                let id = id.unwrap_or_else(|| endpoint.to_string());
                items.push_document(&id, selection, &value);
                seat_of.push(seat);
            }
        }
        let items = Subjects::Items(items.finish());
        Self::ranked(run, survey, seat_of, items, Some(method), options)
    }

    fn ranked(
        run: RunInfo,
        mut survey: Survey,
        seat_of: Vec<usize>,
        people: Subjects,
        method: Option<String>,
        options: Options,
    ) -> Self {
        let ranking = people.rank(&[], &options);
        for &person in ranking.duplicates.iter().flatten() {
            let outcome = &mut survey.answers[seat_of[person]].outcome;
            if let Some((answer, protocol)) = outcome.answer() {
                *outcome = Outcome::DuplicateId {
                    protocol,
                    answer: answer.clone(),
                    id: people.id(person).into(),
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
                method,
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
        people: Subjects,
        counts: Vec<u64>,
        rejected: u64,
        options: Options,
    ) -> Self {
        let ranking = people.rank(&counts, &options);
        Self {
            run,
            input: Input::Files { rejected },
            findings: Findings::Ranking(RankedPeople {
                options,
                people,
                counts,
                method: None,
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

    /// The ranking of anything but people, and what it ranks.
    pub(crate) fn ranked_items(&self) -> Option<(&RankedPeople, &ItemTable)> {
        match &self.findings {
            Findings::Ranking(ranked) => match &ranked.people {
                Subjects::Items(items) => Some((ranked, items)),
                Subjects::People(_) => None,
            },
            Findings::Comparison(_) => None,
        }
    }

    /// The method that the endpoints were asked; `None` for files.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match (&self.input, &self.findings) {
            (Input::Files { .. }, _) => None,
            (Input::Survey(_), Findings::Ranking(ranked)) => {
                Some(ranked.method.as_deref().unwrap_or(PROFILE_METHOD))
            }
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

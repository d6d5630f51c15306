//! What a survey is about: which question is asked, and what is made of the answers.

use crate::{
    question::{AnswerId, AnyMethod},
    report::{
        comparison::CompareOptions,
        distinct::AnswerValues,
        model::{PROFILE_METHOD, Report, RunInfo, Survey},
    },
    similarity::Options,
};

/// What the endpoints are asked, and what is made of their answers.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a command has one")]
pub enum Topic {
    /// Their profiles, which are ranked.
    Profiles(Options),
    /// Any other method, whose answers are compared.
    Answers(AnyMethod, CompareOptions),
}

impl Topic {
    /// The method that is asked.
    #[must_use]
    pub fn method(&self) -> &str {
        match self {
            Self::Profiles(_) => PROFILE_METHOD,
            Self::Answers(question, _) => question.method.name(),
        }
    }

    /// The report of a survey with this question.
    #[must_use]
    pub fn report(&self, run: RunInfo, survey: Survey) -> Report {
        match self {
            Self::Profiles(options) => Report::survey(run, survey, options.clone()),
            Self::Answers(question, options) => {
                let method = question.method.name().to_owned();
                let question = question.clone();
                let values = AnswerValues::new(move |number| question.value(AnswerId(number)));
                match options.ranking.clone() {
                    Some((selection, ranking)) => {
                        Report::items(run, survey, method, &values, &selection, ranking)
                    }
                    None => Report::comparison(run, survey, method, values, options.clone()),
                }
            }
        }
    }
}

//! The lines of a comparison of answers.

use serde::Serialize;
use serde_json::Value;

use crate::{
    compare::{Difference, Differences, Group, GroupDetails},
    report::{comparison::ComparedAnswers, distinct::DistinctAnswers},
    survey::hosts::fold,
};

/// Endpoints whose answers are equal in everything that counts.
#[derive(Debug, Serialize)]
pub struct AnswerLine<'a> {
    /// The number of the answer among the distinct answers of the run.
    group: u32,
    /// The value of the label that they share, with `--group-by`.
    label: Option<&'a str>,
    count: usize,
    /// The endpoints, as an expression that can be given to labrpc again.
    endpoints: String,
    /// Whether the other groups are compared with this one.
    reference: bool,
    /// What counts of the answer.
    value: Value,
    differences: Vec<Difference>,
    /// How many differences there are beyond those.
    omitted: usize,
}

/// Every group, made one by one, with the numbers that `distinct` gives them.
pub(crate) fn answers<'a>(
    compared: &'a ComparedAnswers,
    distinct: &'a DistinctAnswers,
) -> impl Iterator<Item = AnswerLine<'a>> {
    compared.comparison.sections.iter().flat_map(|section| {
        let details = compared.details(section).enumerate();
        details.map(|(place, (group, details))| {
            let Group { members, answer } = group;
            let GroupDetails {
                value,
                differences: Differences { listed, omitted },
            } = details;
            let endpoints = members.iter().map(|&member| compared.hosts.get(member));
            AnswerLine {
                group: distinct.group(*answer).unwrap_or_default(),
                label: section.label.as_deref(),
                count: members.len(),
                endpoints: fold(endpoints),
                reference: place == 0,
                value,
                differences: listed,
                omitted,
            }
        })
    })
}

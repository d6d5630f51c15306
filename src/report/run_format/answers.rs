//! The lines of a comparison of answers.

use serde::Serialize;
use serde_json::Value;

use crate::{
    compare::{Difference, Differences, Group, GroupDetails},
    report::comparison::ComparedAnswers,
    survey::hosts::fold,
};

/// Endpoints whose answers are equal in everything that counts.
#[derive(Debug, Serialize)]
pub struct AnswerLine<'a> {
    /// Its number, from 1, among the groups that were compared with each other.
    group: usize,
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

/// Every group, made one by one; none for a ranking.
pub fn answers(compared: &ComparedAnswers) -> impl Iterator<Item = AnswerLine<'_>> {
    compared.comparison.sections.iter().flat_map(|section| {
        let details = (1..).zip(compared.details(section));
        details.map(|(number, (group, details))| {
            let Group { members, answer: _ } = group;
            let GroupDetails {
                value,
                differences: Differences { listed, omitted },
            } = details;
            let endpoints = members.iter().map(|&member| compared.hosts.get(member));
            AnswerLine {
                group: number,
                label: section.label.as_deref(),
                count: members.len(),
                endpoints: fold(endpoints),
                reference: number == 1,
                value,
                differences: listed,
                omitted,
            }
        })
    })
}

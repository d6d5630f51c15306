//! The answers to any method, compared.

use serde_json::Value;

use crate::{
    compare::{self, Comparison, Group, GroupDetails, Rules, Section},
    path::PathPattern,
    report::{
        distinct::{AnswerValues, DistinctAnswers},
        feature::Selection,
    },
    similarity::Options,
    survey::{endpoint::Endpoint, hosts::Hosts},
};

/// How answers are compared, and which of their fields are shown for every endpoint.
#[derive(Clone, Debug, Default)]
pub struct CompareOptions {
    /// What does not count.
    pub ignore: Vec<PathPattern>,
    /// What counts; everything if empty.
    pub only: Vec<PathPattern>,
    /// The endpoint whose group is the reference.
    pub reference: Option<Endpoint>,
    /// The label whose values divide what is compared.
    pub group_by: Option<String>,
    /// The fields that are listed for every endpoint.
    pub fields: Vec<PathPattern>,
    /// Whether the answers are those of a health check.
    pub health: bool,
    /// What they are ranked by, instead of being compared.
    pub ranking: Option<(Selection, Options)>,
}

/// The answers of a survey, compared.
#[derive(Clone, Debug)]
pub struct ComparedAnswers {
    /// The method, as `package.Service/Method`.
    pub method: String,
    /// How they were compared.
    pub options: CompareOptions,
    /// The endpoints that were asked.
    pub hosts: Hosts,
    /// The groups; their members are indices of [`Self::hosts`].
    pub comparison: Comparison,
    /// The index of the endpoint that is the reference because that was asked for; `None` if it has not answered.
    pub reference: Option<usize>,
    /// For each endpoint the number of its group within its section, from 1; `None` without an answer.
    pub group_of: Vec<Option<u32>>,
    pub(crate) distinct: DistinctAnswers,
}

impl ComparedAnswers {
    /// Compares the answers, of which each endpoint has a number or none.
    #[must_use]
    pub(super) fn new(
        method: String,
        hosts: Hosts,
        answers: &[Option<u32>],
        values: AnswerValues,
        options: CompareOptions,
    ) -> Self {
        let rules = Rules::new(&options.ignore, &options.only);
        let mut distinct = DistinctAnswers::new(rules.clone(), options.fields.clone(), values);
        // Called once for each answer.
        let value = |answer| distinct.add(answer).unwrap_or_default();
        let label = |member: usize| hosts.labels(member)?.get(options.group_by.as_ref()?);
        let is_reference = |endpoint| Some(endpoint) == options.reference;
        let reference = match options.reference {
            Some(_) => hosts.iter().position(is_reference),
            None => None,
        };
        let reference = reference.filter(|&endpoint| answers[endpoint].is_some());
        let comparison = compare::groups(answers, label, reference, &rules, value);
        let mut group_of = vec![None; answers.len()];
        for section in &comparison.sections {
            for (number, group) in (1..).zip(&section.groups) {
                group
                    .members
                    .iter()
                    .for_each(|member| group_of[*member] = Some(number));
            }
        }
        Self {
            method,
            options,
            hosts,
            comparison,
            reference,
            group_of,
            distinct,
        }
    }

    /// Whether two endpoints that were compared gave different answers.
    #[must_use]
    pub fn differ(&self) -> bool {
        let mut sections = self.comparison.sections.iter();
        sections.any(|section| section.groups.len() > 1)
    }

    /// How many endpoints are SERVING; `None` if it is not a health check.
    #[must_use]
    pub fn serving(&self) -> Option<usize> {
        let sections = self.comparison.sections.iter();
        let groups = sections.flat_map(|section| &section.groups);
        self.options.health.then(|| {
            groups
                .filter(|group| self.status(group).as_deref() == Some(SERVING))
                .map(|group| group.members.len())
                .sum()
        })
    }

    /// Whether all answers are as they should be: alike, or those of healthy services.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match self.serving() {
            Some(serving) => serving == self.group_of.iter().flatten().count(),
            None => !self.differ(),
        }
    }

    /// The status that the members of a group have, in a health check.
    pub(crate) fn status(&self, group: &Group) -> Option<String> {
        let status = |value: Value| match value.get("status") {
            Some(Value::String(name)) => name.clone(),
            // Of a later version of the protocol.
            Some(number) => number.to_string(),
            // The first value of an enum is not sent.
            None => "UNKNOWN".to_owned(),
        };
        let is_health = self.options.health;
        is_health.then(|| status(self.distinct.values.get(group.answer)))
    }

    /// The groups of a section in turn, each with what its members answered. One is in memory at a time.
    pub(crate) fn details<'a>(
        &'a self,
        section: &'a Section,
    ) -> impl Iterator<Item = (&'a Group, GroupDetails)> {
        section.details(&self.distinct.rules, |answer| {
            self.distinct.values.get(answer)
        })
    }
}

/// The status of a healthy service.
pub(crate) const SERVING: &str = "SERVING";

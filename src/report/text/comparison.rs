//! The texts of a comparison of answers.

use serde_json::Value;

use crate::{
    compare::{Difference, Differences, Group, GroupDetails, Section},
    path::Path,
    report::{
        comparison::{ComparedAnswers, SERVING},
        failures::folded,
        format::plural,
        text::leaves::{DifferenceText, LeafText, excerpt, for_each_leaf},
        view::View,
    },
    untrusted::Untrusted,
};

/// A comparison as texts.
pub struct ComparisonText<'a> {
    pub(crate) compared: &'a ComparedAnswers,
    view: View<'a>,
}

/// The groups of the endpoints that were compared with each other.
pub struct SectionText<'a> {
    section: &'a Section,
    /// The label that the endpoints share, and the result in one line; `None` if all were compared.
    pub heading: Option<String>,
}

/// Endpoints with equal answers.
pub struct AnswersText {
    /// The number of the group in its section, from 1.
    pub number: usize,
    /// How many endpoints it has.
    pub count: usize,
    /// What the group is in one word.
    pub word: String,
    /// Whether its endpoints are as they should be: as the reference, or healthy.
    pub is_good: bool,
    /// The endpoints, folded.
    pub endpoints: String,
    /// What the group has in common: the first leaves, of the reference alone.
    pub leaves: Vec<LeafText>,
    /// How many leaves there are beyond these.
    pub more_leaves: Option<String>,
    /// The first leaves in which it differs from the reference.
    pub differences: Vec<DifferenceText>,
    /// How many there are beyond these.
    pub more_differences: Option<String>,
}

/// How much of each list a format shows.
#[derive(Clone, Copy)]
pub struct ListLimits {
    /// Leaves of the reference.
    pub leaves: usize,
    /// Differences of a group.
    pub differences: usize,
}

/// What the headline adds to the count of the answers.
pub(super) fn headline(compared: &ComparedAnswers) -> String {
    if let Some(serving) = compared.serving() {
        return format!(", {serving} SERVING");
    }
    let sections = &compared.comparison.sections;
    match (&compared.options.group_by, &**sections) {
        (_, []) => String::new(),
        (Some(label), _) => {
            let label = Untrusted::new(label);
            // Endpoints without the label are a section, and not one of its values.
            let has_label = |section: &&Section| section.label.is_some();
            let (labelled, others): (Vec<_>, Vec<_>) = sections.iter().partition(has_label);
            let differ = |sections: &[&Section]| {
                let differing = sections.iter().filter(|section| section.groups.len() > 1);
                differing.count()
            };
            let values = plural(labelled.len(), "value");
            match (differ(&labelled), differ(&others)) {
                (0, 0) if labelled.is_empty() => format!(", alike without {label}"),
                (0, 0) if others.is_empty() => {
                    format!(", alike within each of {values} of {label}")
                }
                (0, 0) => format!(", alike within each of {values} of {label}, and without it"),
                (0, _) => format!(", differing only without {label}"),
                (some, 0) => format!(", differing within {some} of {values} of {label}"),
                (some, _) => {
                    format!(", differing within {some} of {values} of {label}, and without it")
                }
            }
        }
        (None, [section, ..]) => result(section),
    }
}

/// What is added to the count of the answers of a section.
fn result(section: &Section) -> String {
    match (section.groups.len(), section.groups[0].members.len()) {
        (1, 1) => String::new(),
        (1, _) => ", all alike".to_owned(),
        (groups, _) => format!(", in {groups} groups"),
    }
}

impl SectionText<'_> {
    /// What a list of at most `listed` groups leaves out.
    #[must_use]
    pub fn omitted(&self, listed: usize) -> Option<String> {
        let groups = &self.section.groups;
        let omitted = groups.get(listed..).filter(|omitted| !omitted.is_empty())?;
        let endpoints = omitted.iter().map(|group| group.members.len()).sum();
        let groups = plural(omitted.len(), "more group");
        Some(format!("and {groups} of {}", plural(endpoints, "endpoint")))
    }
}

impl<'a> ComparisonText<'a> {
    pub(super) fn new(compared: &'a ComparedAnswers, view: &View<'a>) -> Self {
        Self {
            compared,
            view: *view,
        }
    }

    /// Which group the others are compared with, as a sentence.
    #[must_use]
    pub fn reference(&self) -> String {
        let compared = self.compared;
        let endpoint = compared
            .reference
            .map(|of| folded([compared.hosts.get(of)]));
        let label = compared.options.group_by.as_deref().map(Untrusted::new);
        match (endpoint, label) {
            (None, None) => "The largest group is the reference.".to_owned(),
            (None, Some(label)) => format!("The largest group of each {label} is its reference."),
            (Some(endpoint), None) => format!("The group of {endpoint} is the reference."),
            (Some(endpoint), Some(label)) => {
                format!(
                    "The group of {endpoint} is the reference of its {label}, elsewhere the largest group."
                )
            }
        }
    }

    /// The sections in turn.
    pub fn sections(&self) -> impl Iterator<Item = SectionText<'a>> {
        let label = self.compared.options.group_by.as_deref();
        let sections = self.compared.comparison.sections.iter();
        sections.map(move |section| SectionText {
            section,
            heading: label.map(|label| heading(label, section)),
        })
    }

    /// The first groups of a section in turn, each made when it is asked for.
    pub fn groups(
        &self,
        section: &SectionText<'a>,
        limits: ListLimits,
    ) -> impl Iterator<Item = AnswersText> {
        let details = self.compared.details(section.section);
        (1..)
            .zip(details)
            .map(move |(number, (group, details))| self.group(number, group, &details, limits))
    }

    fn group(
        &self,
        number: usize,
        group: &Group,
        details: &GroupDetails,
        limits: ListLimits,
    ) -> AnswersText {
        let Group { members, answer: _ } = group;
        let GroupDetails { value, differences } = details;
        let (word, is_good) = self.word(number, group);
        let (leaves, more_leaves) = match number == 1 && !self.compared.options.health {
            true => self.leaves(value, limits.leaves),
            false => (Vec::new(), None),
        };
        let (differences, more_differences) = self.differences(differences, limits.differences);
        AnswersText {
            number,
            count: members.len(),
            word,
            is_good,
            endpoints: folded(
                members
                    .iter()
                    .map(|&member| self.compared.hosts.get(member)),
            ),
            leaves,
            more_leaves,
            differences,
            more_differences,
        }
    }

    /// A group in one word, and whether its endpoints are as they should be.
    pub(crate) fn word(&self, number: usize, group: &Group) -> (String, bool) {
        if let Some(status) = self.compared.status(group) {
            return (Untrusted::new(&status).to_string(), status == SERVING);
        }
        let has = |member: usize| group.members.binary_search(&member).is_ok();
        let is_chosen = self.compared.reference.is_some_and(has);
        let word = match (number, group.members.len()) {
            (1, 2..) if !is_chosen => "alike",
            (1, _) => "reference",
            (_, 1) => "differs",
            (_, _) => "differ",
        };
        (word.to_owned(), number == 1)
    }

    fn leaves(&self, value: &Value, listed: usize) -> (Vec<LeafText>, Option<String>) {
        if !self.view.shows_personal_data() {
            return (Vec::new(), None);
        }
        let (mut leaves, mut count) = (Vec::new(), 0);
        for_each_leaf(value, &mut Vec::new(), &mut |path, value| {
            count += 1;
            if count <= listed {
                leaves.push(LeafText {
                    path: excerpt(&path.iter().copied().collect::<Path>()),
                    value: excerpt(value),
                });
            }
        });
        let more = count - leaves.len();
        let more = (more > 0).then(|| format!("and {}", plural(more, "more field")));
        (leaves, more)
    }

    fn differences(
        &self,
        differences: &Differences,
        listed: usize,
    ) -> (Vec<DifferenceText>, Option<String>) {
        // In a health check the status is the group's word.
        let is_health = self.compared.options.health;
        let is_shown =
            |difference: &&Difference| !(is_health && difference.path.to_string() == "status");
        let all = differences.listed.iter().filter(is_shown);
        let count = all.clone().count() + differences.omitted;
        let listed = match self.view.shows_personal_data() {
            true => listed,
            false => 0,
        };
        let texts: Vec<_> = all.take(listed).map(DifferenceText::new).collect();
        let more = match (count - texts.len(), texts.len()) {
            (0, _) => None,
            (more, 0) => Some(plural(more, "difference")),
            (more, _) => Some(format!("and {}", plural(more, "more difference"))),
        };
        (texts, more)
    }
}

/// A section by its label, and its result.
fn heading(label: &str, section: &Section) -> String {
    let label = Untrusted::new(label);
    let members = section.groups.iter().map(|group| group.members.len());
    let (members, result) = (members.sum::<usize>(), result(section));
    match &section.label {
        Some(value) => {
            let value = Untrusted::new(value);
            format!("{label} {value}: {members} answered{result}")
        }
        None => format!("without {label}: {members} answered{result}"),
    }
}

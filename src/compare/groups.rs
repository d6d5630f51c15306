//! Groups of equal answers.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, hash_map::Entry},
};

use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::compare::{
    differences::{Differences, differences},
    rules::Rules,
};

/// The groups of equal answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// One for each label, in the order of the labels, last the members without one; without labels only that.
    pub sections: Vec<Section>,
}

/// The answers that are compared with each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The label that its members share.
    pub label: Option<String>,
    /// The reference first, then the largest first; of equal ones that with the first member.
    pub groups: Vec<Group>,
}

/// Members whose answers are equal in everything that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Their indices, in order.
    pub members: Vec<usize>,
    /// The answer of the first.
    pub answer: u32,
}

/// What a group's members answered.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupDetails {
    /// What counts of their answers.
    pub value: Value,
    /// How it differs from the reference; empty for the reference itself.
    pub differences: Differences,
}

/// Groups the members of a list by their answers.
///
/// `answers` has the number of each member's answer, and `value` makes the answer of a number. Members with different
/// labels are not compared. The reference is the group of the member `reference`, and where that has no answer or
/// another label, the largest group.
pub fn groups<'a>(
    answers: &[Option<u32>],
    label: impl Fn(usize) -> Option<&'a str>,
    reference: Option<usize>,
    rules: &Rules,
    mut value: impl FnMut(u32) -> Value,
) -> Comparison {
    let mut digests = HashMap::new();
    let mut sections: BTreeMap<_, HashMap<_, Group>> = BTreeMap::new();
    for (member, answer) in answers.iter().enumerate() {
        let Some(answer) = *answer else { continue };
        let digest = *digests
            .entry(answer)
            .or_insert_with(|| digest_of(&rules.prune(value(answer))));
        let label = label(member);
        let section = sections.entry((label.is_none(), label)).or_default();
        match section.entry(digest) {
            Entry::Occupied(group) => group.into_mut().members.push(member),
            Entry::Vacant(vacant) => {
                let members = vec![member];
                vacant.insert(Group { members, answer });
            }
        }
    }
    let sections = sections.into_iter().map(|((_, label), groups)| {
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|Group { members, .. }| {
            let is_reference = reference.is_some_and(|of| members.binary_search(&of).is_ok());
            (!is_reference, Reverse(members.len()), members[0])
        });
        Section {
            label: label.map(str::to_owned),
            groups,
        }
    });
    Comparison {
        sections: sections.collect(),
    }
}

/// A digest of a value's text, which the order of its keys is a part of.
pub(crate) fn digest_of(value: &Value) -> [u8; 32] {
    let mut bytes = [0; 32];
    let text = value.to_string();
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

impl Section {
    /// The details of every group in turn, made one by one.
    pub fn details(
        &self,
        rules: &Rules,
        mut value: impl FnMut(u32) -> Value,
    ) -> impl Iterator<Item = (&Group, GroupDetails)> {
        let mut reference = None;
        self.groups.iter().map(move |group| {
            let value = rules.prune(value(group.answer));
            let differences = match &reference {
                Some(reference) => differences(reference, &value),
                None => {
                    reference = Some(value.clone());
                    Differences::default()
                }
            };
            (group, GroupDetails { value, differences })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ANSWERS: [Option<u32>; 8] = [
        Some(0),
        Some(1),
        None,
        Some(1),
        Some(2),
        Some(2),
        Some(3),
        Some(1),
    ];

    fn value(answer: u32) -> Value {
        // Answer 3 differs from 2 in a field that the tests ignore.
        json!({"version": answer.min(2), "uptime": answer})
    }

    fn members(section: &Section) -> Vec<&[usize]> {
        section.groups.iter().map(|g| &*g.members).collect()
    }

    #[test]
    fn groups_are_ordered_by_size_and_first_member_behind_the_reference() {
        let group = |reference| groups(&ANSWERS, |_| None, reference, &Rules::default(), value);
        for (reference, expected) in [
            (None, [&[1, 3, 7][..], &[4, 5], &[0], &[6]]),
            (Some(6), [&[6], &[1, 3, 7], &[4, 5], &[0]]),
            (Some(2), [&[1, 3, 7], &[4, 5], &[0], &[6]]),
        ] {
            let comparison = group(reference);
            let [section] = &comparison.sections[..] else {
                panic!("{comparison:?}")
            };
            assert_eq!((&section.label, members(section)), (&None, expected.into()));
        }
        assert_eq!(
            groups(&[None], |_| None, None, &Rules::default(), value),
            Comparison::default()
        );
    }

    #[test]
    fn ignored_fields_do_not_divide_groups() {
        let rules = Rules::new(&["uptime".parse().unwrap()], &[]);
        let comparison = groups(&ANSWERS, |_| None, None, &rules, value);
        let section = &comparison.sections[0];
        assert_eq!(members(section), [&[1, 3, 7][..], &[4, 5, 6], &[0]]);
        let details: Vec<_> = section
            .details(&rules, value)
            .map(|(_, details)| details)
            .collect();
        assert_eq!(details[1].value, json!({"version": 2}));
        assert_eq!(details[0].differences, Differences::default());
        let listed = &details[2].differences.listed;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].path.to_string(), "version");
    }

    #[test]
    fn members_with_different_labels_are_not_compared() {
        let label = |member: usize| ["b", "a"].get(member % 3).copied();
        let comparison = groups(&ANSWERS, label, Some(6), &Rules::default(), value);
        let sections: Vec<_> = comparison
            .sections
            .iter()
            .map(|section| (section.label.as_deref(), members(section)))
            .collect();
        assert_eq!(
            sections,
            [
                (Some("a"), vec![&[1, 7][..], &[4]]),
                (Some("b"), vec![&[6], &[0], &[3]]),
                (None, vec![&[5]]),
            ]
        );
    }

    #[test]
    fn each_distinct_answer_is_made_once() {
        let mut made = Vec::new();
        let count = |answer| {
            made.push(answer);
            value(answer)
        };
        groups(&ANSWERS, |_| None, None, &Rules::default(), count);
        assert_eq!(made, [0, 1, 2, 3]);
    }
}

//! Groups of people who are identical in all three fields.

use std::cmp::Reverse;

use crate::profile::{Height, Profile, Size, Weight};

/// Two or more identical people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twins {
    /// How many they are.
    pub count: usize,
    /// The height that they share.
    pub height: Height,
    /// The weight that they share.
    pub weight: Weight,
    /// The size that they share.
    pub size: Size,
    /// The indices of the first [`Twins::LISTED`] of them, by id.
    pub people: Vec<usize>,
}

impl Twins {
    /// How many people of a group are named.
    pub const LISTED: usize = 20;
}

/// The `limit` largest of the groups that have at least two people, and how many such groups there are.
///
/// A group is the numbers of its people in ascending order; `person` knows an item's index and profile.
pub(crate) fn largest_groups<'a, 'p>(
    groups: impl Iterator<Item = &'a [u32]>,
    limit: usize,
    person: impl Fn(u32) -> (usize, &'p Profile),
) -> (Vec<Twins>, usize) {
    let mut groups: Vec<&[u32]> = groups.filter(|group| group.len() > 1).collect();
    let count = groups.len();
    let order = |group: &&[u32]| (Reverse(group.len()), group[0]);
    if limit < count {
        groups.select_nth_unstable_by_key(limit, order);
        groups.truncate(limit);
    }
    groups.sort_unstable_by_key(order);
    let twins = groups.into_iter().map(|group| {
        let (
            _,
            &Profile {
                height,
                weight,
                size,
                ..
            },
        ) = person(group[0]);
        Twins {
            count: group.len(),
            height,
            weight,
            size,
            people: group
                .iter()
                .take(Twins::LISTED)
                .map(|&item| person(item).0)
                .collect(),
        }
    });
    (twins.collect(), count)
}

//! Groups of people who are identical in all three fields.

use std::cmp::Reverse;

use crate::profile::{Build, Profile};

/// Two or more identical people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twins {
    /// The number of people, at least 2.
    pub count: usize,
    /// What they share.
    pub build: Build,
    /// The indices of the first [`Twins::LISTED`] of them, in the order of their ids.
    pub people: Vec<usize>,
}

impl Twins {
    /// The largest number of people listed for one group.
    pub const LISTED: usize = 20;
}

/// The `limit` largest of the groups with at least two people, and the number of all such groups.
///
/// A group consists of items in ascending order, that is, in the order of ids. `person` returns the index and the
/// profile of an item.
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
    let twins = groups.into_iter().map(|group| Twins {
        count: group.len(),
        build: person(group[0]).1.build,
        people: group
            .iter()
            .take(Twins::LISTED)
            .map(|&item| person(item).0)
            .collect(),
    });
    (twins.collect(), count)
}

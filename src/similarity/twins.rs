//! Groups of people who are identical in all fields.

use std::cmp::Reverse;

/// Two or more identical people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twins {
    /// The number of people, at least 2.
    pub count: u64,
    /// The indices of the first [`Twins::LISTED`] of them, in the order of their ids; at least one.
    pub people: Vec<usize>,
}

impl Twins {
    /// The largest number of people listed for one group.
    pub const LISTED: usize = 20;
}

/// The `limit` largest of the groups with at least two people, and the number of all such groups.
///
/// A group consists of items in ascending order, that is, in the order of ids, and of the number of people that they
/// stand for. `index` returns the index of an item.
pub(crate) fn largest_groups<'a>(
    groups: impl Iterator<Item = (&'a [u32], u64)>,
    limit: usize,
    index: impl Fn(u32) -> usize,
) -> (Vec<Twins>, usize) {
    let mut groups: Vec<(&[u32], u64)> = groups.filter(|(_, people)| *people > 1).collect();
    let count = groups.len();
    let order = |(group, people): &(&[u32], u64)| (Reverse(*people), group[0]);
    if limit < count {
        groups.select_nth_unstable_by_key(limit, order);
        groups.truncate(limit);
    }
    groups.sort_unstable_by_key(order);
    let twins = groups.into_iter().map(|(group, count)| Twins {
        count,
        people: group
            .iter()
            .take(Twins::LISTED)
            .map(|&item| index(item))
            .collect(),
    });
    (twins.collect(), count)
}

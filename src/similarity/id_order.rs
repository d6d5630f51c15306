//! Sorts people by id and sets duplicate ids apart.

use crate::profile::Profile;

/// The indices of the people whose id is unique, in the order of ids, and the groups of people who share an id.
pub(crate) fn order_by_id(people: &[Profile]) -> (Vec<u32>, Vec<Vec<usize>>) {
    let count = u32::try_from(people.len())
        .expect("4,294,967,296 profiles do not fit into a machine's memory");
    // Saved runs and registers are often sorted already, and the check is cheap compared with sorting.
    if people.is_sorted_by(|a, b| a.id < b.id) {
        return ((0..count).collect(), Vec::new());
    }
    let id = |index: u32| &people[index as usize].id;
    // Comparing whole ids means a cache miss for each comparison. The eight bytes after the prefix that all ids
    // share decide nearly all comparisons, so these are copied into the array that is sorted.
    let mut shared = people
        .first()
        .map_or(&[][..], |person| person.id.as_bytes());
    for person in people {
        while !person.id.as_bytes().starts_with(shared) {
            shared = &shared[..shared.len() - 1];
        }
    }
    let prefix = |index| id(index).sort_prefix(shared.len());
    let mut order: Vec<(u64, u32)> = (0..count).map(|index| (prefix(index), index)).collect();
    // First by prefix alone, which sorts without branches, then the few groups of equal prefixes by whole id.
    order.sort_unstable_by_key(|(prefix, _)| *prefix);
    for same in order.chunk_by_mut(|(a, _), (b, _)| a == b) {
        same.sort_unstable_by(|(_, a), (_, b)| id(*a).cmp(id(*b)).then(a.cmp(b)));
    }
    let mut duplicates = Vec::new();
    let mut single = Vec::with_capacity(order.len());
    for same in order.chunk_by(|(p, a), (q, b)| p == q && id(*a) == id(*b)) {
        match same {
            [(_, index)] => single.push(*index),
            _ => duplicates.push(same.iter().map(|(_, index)| *index as usize).collect()),
        }
    }
    (single, duplicates)
}

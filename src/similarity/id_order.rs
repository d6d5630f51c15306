//! Sorts people by id and sets duplicate ids apart.

use crate::similarity::people::Ids;

/// The indices of the people whose id is unique, in the order of ids, and the groups of people who share an id.
pub(crate) fn order_by_id(people: &impl Ids) -> (Vec<u32>, Vec<Vec<usize>>) {
    let count = u32::try_from(people.len())
        .expect("4,294,967,296 profiles do not fit into a machine's memory");
    let order_of = |a: u32, b: u32| people.order(a as usize, b as usize);
    // Saved runs and registers are often sorted already, and the check is cheap compared with sorting.
    if (1..count).all(|index| order_of(index - 1, index).is_lt()) {
        return ((0..count).collect(), Vec::new());
    }
    // Comparing whole ids means a cache miss for each comparison. The eight bytes after the prefix that all ids
    // share decide nearly all comparisons, so these are copied into the array that is sorted.
    let mut shared = people.bytes(0);
    for index in 1..people.len() {
        while !people.bytes(index).starts_with(shared) {
            shared = &shared[..shared.len() - 1];
        }
    }
    let prefix = |index: u32| people.prefix(index as usize, shared.len());
    let mut order: Vec<(u64, u32)> = (0..count).map(|index| (prefix(index), index)).collect();
    // First by prefix alone, which sorts without branches, then the few groups of equal prefixes by whole id.
    order.sort_unstable_by_key(|(prefix, _)| *prefix);
    for same in order.chunk_by_mut(|(a, _), (b, _)| a == b) {
        same.sort_unstable_by(|(_, a), (_, b)| order_of(*a, *b).then(a.cmp(b)));
    }
    let mut duplicates = Vec::new();
    let mut single = Vec::with_capacity(order.len());
    for same in order.chunk_by(|(p, a), (q, b)| p == q && order_of(*a, *b).is_eq()) {
        match same {
            [(_, index)] => single.push(*index),
            _ => duplicates.push(same.iter().map(|(_, index)| *index as usize).collect()),
        }
    }
    (single, duplicates)
}

//! The order of ids, in which people are ranked.

use crate::profile::Profile;

/// The indices of people with an id of their own, in the order of the ids, and the others by id.
pub(crate) fn order_by_id(people: &[Profile]) -> (Vec<u32>, Vec<Vec<usize>>) {
    let count = u32::try_from(people.len())
        .expect("4,294,967,296 profiles do not fit into a machine's memory");
    // Saved runs and registers are often in order already; the check costs nothing beside a sort.
    if people.is_sorted_by(|a, b| a.id < b.id) {
        return ((0..count).collect(), Vec::new());
    }
    let id = |index: u32| &people[index as usize].id;
    // Whole ids lie far apart in memory. Of most, the few bytes behind what they all begin with decide.
    let mut shared = people
        .first()
        .map_or(&[][..], |person| person.id.as_bytes());
    for person in people {
        while !person.id.as_bytes().starts_with(shared) {
            shared = &shared[..shared.len() - 1];
        }
    }
    let head = |index| id(index).head(shared.len());
    let mut order: Vec<(u64, u32)> = (0..count).map(|index| (head(index), index)).collect();
    // By number alone, which takes no branches; hardly any two are equal.
    order.sort_unstable_by_key(|(head, _)| *head);
    for same in order.chunk_by_mut(|(a, _), (b, _)| a == b) {
        same.sort_unstable_by(|(_, a), (_, b)| id(*a).cmp(id(*b)).then(a.cmp(b)));
    }
    let mut duplicates = Vec::new();
    let mut single = Vec::with_capacity(order.len());
    for same in order.chunk_by(|(a_head, a), (b_head, b)| a_head == b_head && id(*a) == id(*b)) {
        match same {
            [(_, index)] => single.push(*index),
            _ => duplicates.push(same.iter().map(|(_, index)| *index as usize).collect()),
        }
    }
    (single, duplicates)
}

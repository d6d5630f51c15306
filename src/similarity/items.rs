//! People as items: in the order of their ids, by the fields that they have.

use std::array;

use crate::similarity::{
    id_order::order_by_id,
    nodes::delta,
    patterns::SameFields,
    people::{Population, all_fields},
    weights::Weights,
};

/// The people to rank, under two numberings.
///
/// An *index* (`usize`) is a position in the caller's slice. An *item* (`u32`) is a position in the order of ids;
/// people with a duplicate id have none. The searches see only items: that is why they break ties by id without
/// ever looking at one.
pub(crate) struct Items<'a, P, const N: usize> {
    pub(crate) people: &'a P,
    /// The index of each item.
    pub(crate) order: Vec<u32>,
    pub(crate) duplicates: Vec<Vec<usize>>,
    /// The fields that have a weight.
    pub(crate) weighted: u8,
}

impl<'a, P: Population<N>, const N: usize> Items<'a, P, N> {
    pub(crate) fn new(people: &'a P, weights: &Weights) -> Self {
        let (order, duplicates) = order_by_id(people);
        let weights = weights.thousandths::<N>();
        let bits: [u8; N] = array::from_fn(|axis| u8::from(weights[axis] > 0) << axis);
        Self {
            people,
            order,
            duplicates,
            weighted: bits.into_iter().sum(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The fields that an item has, whatever their weights.
    #[inline]
    pub(crate) fn present(&self, item: u32) -> u8 {
        let present = self.people.present();
        present.map_or(all_fields(N), |present| present[self.index(item)])
    }

    /// The point of each item, and the number of people that it stands for.
    pub(crate) fn points(&self) -> impl Iterator<Item = ([P::Value; N], u64)> {
        (0..self.order.len() as u32).map(|item| (self.point(item), self.count(item)))
    }

    /// The sets of fields that two items may have in common.
    pub(crate) fn common_fields(&self) -> impl Iterator<Item = u8> {
        let sets: Vec<u8> = self
            .patterns(self.weighted)
            .iter()
            .map(|p| p.fields)
            .collect();
        let mut common: Vec<u8> = sets
            .iter()
            .flat_map(|a| sets.iter().map(move |b| a & b))
            .collect();
        common.sort_unstable();
        common.dedup();
        // The largest first.
        common.into_iter().rev()
    }

    #[inline]
    pub(crate) fn index(&self, item: u32) -> usize {
        self.order[item as usize] as usize
    }

    #[inline]
    pub(crate) fn point(&self, item: u32) -> [P::Value; N] {
        self.people.point(self.index(item))
    }

    #[inline]
    pub(crate) fn count(&self, item: u32) -> u64 {
        let counts = self.people.counts();
        counts.map_or(1, |counts| counts[self.index(item)])
    }

    /// The fields with a weight that an item has.
    #[inline]
    pub(crate) fn fields(&self, item: u32) -> u8 {
        let present = self.people.present();
        present.map_or(self.weighted, |present| {
            present[self.index(item)] & self.weighted
        })
    }

    /// The items by those of `fields` that they have, as far as they have any.
    pub(crate) fn patterns(&self, fields: u8) -> Vec<SameFields> {
        let Some(present) = self.people.present() else {
            return vec![SameFields::whole(self.order.len(), fields)];
        };
        let order = self.order.iter();
        let mut patterns = SameFields::group(order.map(|&index| present[index as usize] & fields));
        patterns.retain(|pattern| pattern.fields != 0);
        patterns
    }

    /// The difference of two items. That of a field that not both have means nothing, and no metric over others reads it.
    pub(crate) fn delta(&self, a: u32, b: u32) -> [P::Value; N] {
        delta(self.point(a), self.point(b))
    }

    /// The number of people who have no field in common with another.
    pub(crate) fn incomparable(&self, patterns: &[SameFields]) -> u64 {
        let people =
            |items: &mut dyn Iterator<Item = u32>| items.map(|item| self.count(item)).sum::<u64>();
        let all = people(&mut (0..self.order.len() as u32));
        if self.people.present().is_none() || all < 2 {
            return 0;
        }
        let comparable = patterns.iter().map(|pattern| {
            let shared = patterns
                .iter()
                .filter(|other| pattern.fields & other.fields != 0);
            let people = people(&mut pattern.items());
            // Each pattern shares its fields with itself.
            if shared.count() > 1 || people > 1 {
                people
            } else {
                0
            }
        });
        all - comparable.sum::<u64>()
    }
}

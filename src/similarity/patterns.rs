//! Members by the fields that they have.
//!
//! Two items are compared over the fields that both have. So items with the same fields are searched by one tree, and
//! those of two sets by two trees over what the sets have in common. The work grows with the square of the number of
//! sets, which is at most 255, and not with that of the number of items.

use std::collections::BTreeMap;

/// Members that have the same set of fields, one bit for each.
pub(crate) struct SameFields {
    pub(crate) fields: u8,
    items: Members,
}

enum Members {
    /// All up to this one.
    All(u32),
    Some(Vec<u32>),
}

impl SameFields {
    /// All items, none of which lacks a field.
    pub(crate) fn whole(items: usize, fields: u8) -> Self {
        Self {
            fields,
            items: Members::All(items as u32),
        }
    }

    /// The items by the fields that they have.
    pub(crate) fn group(fields: impl Iterator<Item = u8>) -> Vec<Self> {
        let mut groups: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
        for (fields, item) in fields.zip(0..) {
            groups.entry(fields).or_default().push(item);
        }
        let groups = groups.into_iter().map(|(fields, items)| Self {
            fields,
            items: Members::Some(items),
        });
        groups.collect()
    }

    /// The items, ascending.
    pub(crate) fn items(&self) -> impl ExactSizeIterator<Item = u32> {
        let count = match &self.items {
            Members::All(count) => *count,
            Members::Some(items) => items.len() as u32,
        };
        (0..count).map(|position| match &self.items {
            Members::All(_) => position,
            Members::Some(items) => items[position as usize],
        })
    }
}

//! The endpoints of a list, by index.

use std::collections::HashMap;

use crate::survey::{
    endpoint::Endpoint,
    hosts::{exclusions::Exclusions, expression::Expression},
};

/// The endpoints of a survey, in input order, numbered from 0.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    expressions: Vec<Expression>,
    /// Of each endpoint, its expression and the offset in that expression's expansion.
    offsets: Vec<(u32, u32)>,
    /// For each endpoint that is listed again, the index of its first listing.
    duplicates: HashMap<usize, usize>,
    excluded: usize,
}

impl Hosts {
    /// Expands expressions. The caller has checked that all their endpoints fit into memory and 32-bit offsets.
    pub(super) fn new(expressions: Vec<Expression>, exclusions: &Exclusions) -> Self {
        let mut hosts = Self::default();
        let mut first_index = HashMap::new();
        for (number, expression) in (0..).zip(&expressions) {
            let len = usize::try_from(expression.len()).unwrap_or(usize::MAX);
            for offset in (0..=u32::MAX).take(len) {
                let endpoint = expression.get(offset);
                if exclusions.contain(&endpoint) {
                    hosts.excluded += 1;
                    continue;
                }
                let index = hosts.offsets.len();
                hosts.offsets.push((number, offset));
                let first = *first_index.entry(endpoint).or_insert(index);
                if first != index {
                    hosts.duplicates.insert(index, first);
                }
            }
        }
        hosts.expressions = expressions;
        hosts
    }

    /// The number of endpoints, duplicates included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether the list has no endpoint.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The endpoint at an index.
    ///
    /// # Panics
    /// If the index is not below [`Self::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> Endpoint {
        let (expression, offset) = self.offsets[index];
        self.expressions[expression as usize].get(offset)
    }

    /// All endpoints in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Endpoint> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Which endpoints have a name to look up, by index.
    pub(crate) fn names(&self) -> Vec<bool> {
        // The endpoints of one expression differ in numbers only.
        let first = |expression: &Expression| expression.get(0).address.is_name();
        let expressions: Vec<bool> = self.expressions.iter().map(first).collect();
        let offsets = self.offsets.iter();
        offsets
            .map(|(expression, _)| expressions[*expression as usize])
            .collect()
    }

    /// The index of the first line with the same endpoint, for one that is listed again.
    #[must_use]
    pub fn duplicate_of(&self, index: usize) -> Option<usize> {
        self.duplicates.get(&index).copied()
    }

    /// How many endpoints the exclusions took out.
    #[must_use]
    pub fn excluded(&self) -> usize {
        self.excluded
    }
}

impl FromIterator<Endpoint> for Hosts {
    /// A list of endpoints that are known already, such as the seats of a simulated room.
    fn from_iter<I: IntoIterator<Item = Endpoint>>(endpoints: I) -> Self {
        let expressions = endpoints.into_iter().map(Expression::Single).collect();
        Self::new(expressions, &Exclusions::default())
    }
}

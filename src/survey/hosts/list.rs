//! The endpoints of a list, by index.

use std::{collections::HashMap, sync::Arc};

use crate::survey::{
    endpoint::Endpoint,
    hosts::{exclusions::Exclusions, expression::Expression, labels::Labels},
};

/// The endpoints of a survey, in input order, numbered from 0. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Arc<List>);

#[derive(Debug, Default)]
struct List {
    expressions: Vec<Expression>,
    /// The labels of each expression's endpoints; shorter if the last ones have none.
    labels: Vec<Option<Labels>>,
    /// Of each endpoint, its expression and the offset in that expression's expansion.
    offsets: Vec<(u32, u32)>,
    /// For each endpoint that is listed again, the index of its first listing.
    duplicates: HashMap<usize, usize>,
    excluded: usize,
}

impl Hosts {
    /// Expands expressions. The caller has checked that all their endpoints fit into memory and 32-bit offsets.
    pub(super) fn new(
        expressions: Vec<Expression>,
        labels: Vec<Option<Labels>>,
        exclusions: &Exclusions,
    ) -> Self {
        let mut hosts = List::default();
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
        hosts.labels = labels;
        Self(Arc::new(hosts))
    }

    /// The number of endpoints, duplicates included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.offsets.len()
    }

    /// Whether the list has no endpoint.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.offsets.is_empty()
    }

    /// The endpoint at an index.
    ///
    /// # Panics
    /// If the index is not below [`Self::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> Endpoint {
        let (expression, offset) = self.0.offsets[index];
        self.0.expressions[expression as usize].get(offset)
    }

    /// All endpoints in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Endpoint> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The labels of the endpoint at an index, if its source gives any.
    #[must_use]
    pub fn labels(&self, index: usize) -> Option<&Labels> {
        let (expression, _) = self.0.offsets.get(index)?;
        self.0.labels.get(*expression as usize)?.as_ref()
    }

    /// Which endpoints have a name to look up, by index.
    pub(crate) fn names(&self) -> Vec<bool> {
        // The endpoints of one expression differ in numbers only.
        let first = |expression: &Expression| expression.get(0).address.is_name();
        let expressions: Vec<bool> = self.0.expressions.iter().map(first).collect();
        let offsets = self.0.offsets.iter();
        offsets
            .map(|(expression, _)| expressions[*expression as usize])
            .collect()
    }

    /// The index of the first line with the same endpoint, for one that is listed again.
    #[must_use]
    pub fn duplicate_of(&self, index: usize) -> Option<usize> {
        self.0.duplicates.get(&index).copied()
    }

    /// How many endpoints the exclusions took out.
    #[must_use]
    pub fn excluded(&self) -> usize {
        self.0.excluded
    }
}

impl FromIterator<Endpoint> for Hosts {
    /// A list of endpoints that are known already, such as the seats of a simulated room.
    fn from_iter<I: IntoIterator<Item = Endpoint>>(endpoints: I) -> Self {
        let expressions = endpoints.into_iter().map(Expression::Single).collect();
        Self::new(expressions, Vec::new(), &Exclusions::default())
    }
}

impl FromIterator<(Endpoint, Option<Labels>)> for Hosts {
    /// The same with their labels, such as the endpoints of a saved run.
    fn from_iter<I: IntoIterator<Item = (Endpoint, Option<Labels>)>>(endpoints: I) -> Self {
        let (endpoints, labels): (Vec<_>, Vec<_>) = endpoints.into_iter().unzip();
        let expressions = endpoints.into_iter().map(Expression::Single).collect();
        Self::new(expressions, labels, &Exclusions::default())
    }
}

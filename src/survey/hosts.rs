//! The host grammar (being written): expressions are checked at once and expanded lazily.

use crate::survey::endpoint::Endpoint;

/// The endpoints of a survey, in input order, numbered from 0.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    endpoints: Vec<Endpoint>,
}

impl Hosts {
    /// The number of endpoints, duplicates included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there is nobody to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// The endpoint at an index below [`Self::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> Endpoint {
        self.endpoints[index].clone()
    }

    /// The index of the first line with the same endpoint, for one that is listed again.
    #[must_use]
    pub fn duplicate_of(&self, _index: usize) -> Option<usize> {
        None
    }
}

impl FromIterator<Endpoint> for Hosts {
    fn from_iter<I: IntoIterator<Item = Endpoint>>(endpoints: I) -> Self {
        Self {
            endpoints: endpoints.into_iter().collect(),
        }
    }
}

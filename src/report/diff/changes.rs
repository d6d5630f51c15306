//! What changed from one run to another.

use std::{cmp::Reverse, collections::HashMap, path::PathBuf, sync::Arc};

use crate::{
    compare::{Differences, differences},
    named::named,
    report::diff::side::{RunReader, SavedOutcome, SavedSide},
    survey::endpoint::Endpoint,
};

named! {
    /// What happened to an endpoint.
    pub enum ChangeKind {
        /// It is in the second run only.
        Came => "came",
        /// It is in the first run only.
        Went => "went",
        /// Its outcome or its answer is another one.
        Changed => "changed",
    }
}

/// What changed alike at some endpoints.
#[derive(Clone, Debug)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The outcome before.
    pub before: Option<SavedOutcome>,
    /// The outcome after.
    pub after: Option<SavedOutcome>,
    /// How the answers differ, where there is one on both sides.
    pub differences: Arc<Differences>,
    /// The endpoints, in the order of the runs.
    pub endpoints: Vec<Endpoint>,
}

/// Two runs compared.
#[derive(Clone, Debug)]
pub struct RunDiff {
    /// The files.
    pub files: [PathBuf; 2],
    /// The method that both called.
    pub method: String,
    /// How many endpoints each run has.
    pub counts: [usize; 2],
    /// Endpoints that came first, then those that went, then those that changed; of these the largest group first.
    pub changes: Vec<Change>,
}

/// The differences of two answers, and their text, by which they are compared.
type Found = (Arc<Differences>, Arc<str>);

/// What endpoints have in common that changed alike.
type ChangeKey = (ChangeKind, [Option<SavedOutcome>; 2], Arc<str>);

impl RunDiff {
    /// Compares two runs that were read with the same reader.
    #[must_use]
    pub fn new(reader: &RunReader, a: SavedSide, b: SavedSide) -> Self {
        let files = [a.file, b.file];
        let counts = [a.endpoints.len(), b.endpoints.len()];
        let mut after: HashMap<_, _> = b
            .endpoints
            .iter()
            .map(|(endpoint, state, answer)| (endpoint.clone(), (state.clone(), *answer)))
            .collect();
        let mut changes = Fold::default();
        for (endpoint, before, answer) in a.endpoints {
            match after.remove(&endpoint) {
                Some((state, new)) => {
                    let found = changes.differences(reader, answer, new);
                    if before != state || found.0.count() > 0 {
                        changes.add(
                            ChangeKind::Changed,
                            [Some(before), Some(state)],
                            found,
                            endpoint,
                        );
                    }
                }
                None => {
                    let found = Found::default();
                    changes.add(ChangeKind::Went, [Some(before), None], found, endpoint);
                }
            }
        }
        for (endpoint, state, _) in b.endpoints {
            if after.contains_key(&endpoint) {
                let found = Found::default();
                changes.add(ChangeKind::Came, [None, Some(state)], found, endpoint);
            }
        }
        let mut changes = changes.changes;
        changes.sort_by_key(|change| (change.kind, Reverse(change.endpoints.len())));
        Self {
            files,
            method: a.method,
            counts,
            changes,
        }
    }

    /// How many endpoints came, went or changed.
    #[must_use]
    pub fn count(&self, kind: ChangeKind) -> usize {
        let changes = self.changes.iter().filter(|change| change.kind == kind);
        changes.map(|change| change.endpoints.len()).sum()
    }

    /// How many endpoints are as they were.
    #[must_use]
    pub fn same(&self) -> usize {
        self.counts[1] - self.count(ChangeKind::Came) - self.count(ChangeKind::Changed)
    }
}

/// Changes as they are found, equal ones together.
#[derive(Default)]
struct Fold {
    changes: Vec<Change>,
    places: HashMap<ChangeKey, usize>,
    /// Of each pair of answers that was compared; a fleet has few.
    compared: HashMap<(u32, u32), Found>,
}

impl Fold {
    fn differences(
        &mut self,
        reader: &RunReader,
        before: Option<u32>,
        after: Option<u32>,
    ) -> Found {
        match (before, after) {
            (Some(a), Some(b)) if a != b => {
                let compare = || {
                    let found = differences(&reader.value(a), &reader.value(b));
                    let text = serde_json::json!([found.listed, found.omitted]).to_string();
                    (Arc::new(found), text.into())
                };
                self.compared.entry((a, b)).or_insert_with(compare).clone()
            }
            _ => Found::default(),
        }
    }

    fn add(
        &mut self,
        kind: ChangeKind,
        outcomes: [Option<SavedOutcome>; 2],
        (differences, text): Found,
        endpoint: Endpoint,
    ) {
        let key = (kind, outcomes, text);
        let place = *self
            .places
            .entry(key)
            .or_insert_with_key(|(_, outcomes, _)| {
                let [before, after] = outcomes.clone();
                self.changes.push(Change {
                    kind,
                    before,
                    after,
                    differences,
                    endpoints: Vec::new(),
                });
                self.changes.len() - 1
            });
        self.changes[place].endpoints.push(endpoint);
    }
}

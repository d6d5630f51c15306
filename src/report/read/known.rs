//! The endpoints of saved runs that were read already: each counts once, however many runs have it.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    time::SystemTime,
};

/// What became of the endpoints so far. Two keyed hashes stand for the text of an endpoint, whose length is not limited.
#[derive(Debug, Default)]
pub(crate) struct KnownEndpoints {
    hashers: [RandomState; 2],
    known: HashMap<[u64; 2], KnownEndpoint>,
    /// When the present run began.
    began: Option<SystemTime>,
    /// The endpoint of the present line.
    current: Option<[u64; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct KnownEndpoint {
    /// Its place among the people, if it has a profile.
    person: Option<usize>,
    /// When its run began.
    began: Option<SystemTime>,
}

/// What to do with the result of a line.
pub(crate) enum KnownPlace {
    /// It is the first of its endpoint.
    First,
    /// It is an answer, where a failure was counted.
    InsteadOfFailure,
    /// It is newer than the profile at this place.
    InsteadOf(usize),
    /// What is known is better.
    Nowhere,
}

impl KnownEndpoints {
    /// A run begins.
    pub(crate) fn begin(&mut self, began: Option<SystemTime>) {
        self.began = began;
    }

    /// The line of an endpoint begins.
    pub(crate) fn line(&mut self, endpoint: &str) {
        self.current = Some(
            self.hashers
                .each_ref()
                .map(|hasher| hasher.hash_one(endpoint)),
        );
    }

    /// Nothing follows from the present line.
    pub(crate) fn forget(&mut self) {
        self.current = None;
    }

    /// Where the result of the present line belongs; `person` is the place of a profile that is added.
    pub(crate) fn place(&mut self, person: Option<usize>) -> KnownPlace {
        let Some(endpoint) = self.current.take() else {
            return KnownPlace::First;
        };
        let began = self.began;
        let Some(known) = self.known.get_mut(&endpoint) else {
            self.known.insert(endpoint, KnownEndpoint { person, began });
            return KnownPlace::First;
        };
        match (known.person, person) {
            (Some(old), Some(_)) if known.began <= began => {
                known.began = began;
                KnownPlace::InsteadOf(old)
            }
            (None, Some(_)) => {
                *known = KnownEndpoint { person, began };
                KnownPlace::InsteadOfFailure
            }
            _ => KnownPlace::Nowhere,
        }
    }
}

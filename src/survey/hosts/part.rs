//! A part of a list: what one of several processes asks.

use std::{fmt::Write as _, num::NonZeroU32};

use ring::digest::{SHA256, digest};

use crate::survey::endpoint::Endpoint;

/// One of the shards into which a list is divided, counted from 0.
///
/// An endpoint belongs to the shard that a hash of its canonical text chooses. So shards are disjoint and complete, an
/// endpoint stays in its shard when the list changes, and no subnet is in one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: NonZeroU32,
}

impl Shard {
    /// The shard of this index among so many; `None` if there is none.
    #[must_use]
    pub fn new(index: u32, count: NonZeroU32) -> Option<Self> {
        (index < count.get()).then_some(Self { index, count })
    }

    /// Its number, from 0.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many shards there are.
    #[must_use]
    pub fn count(self) -> NonZeroU32 {
        self.count
    }

    /// The shard of `count` that an endpoint belongs to: the first eight bytes of the SHA-256 of its text, as a
    /// big-endian number, modulo `count`.
    #[must_use]
    pub fn of(endpoint: &Endpoint, count: NonZeroU32) -> Self {
        let hash = Hasher::default().hash(endpoint);
        let index = (hash % u64::from(count.get())) as u32;
        Self { index, count }
    }

    fn contains(self, hash: u64) -> bool {
        hash % u64::from(self.count.get()) == u64::from(self.index)
    }
}

/// What a part states about the list that it is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Which part it is; `None` for endpoints that something else has divided.
    pub shard: Option<Shard>,
    /// How many endpoints the list has, duplicates included.
    pub listed: u64,
    /// The wrapping sum of the hashes of those endpoints. Parts of one list have the same.
    pub list: u64,
}

impl Part {
    /// A part of a list of which nothing is known yet.
    #[must_use]
    pub fn new(shard: Option<Shard>) -> Self {
        Self {
            shard,
            ..Self::default()
        }
    }

    /// Adds an endpoint of the list, and returns whether it belongs to this part.
    pub(super) fn add(&mut self, endpoint: &Endpoint, hasher: &mut Hasher) -> bool {
        let hash = hasher.hash(endpoint);
        self.listed += 1;
        self.list = self.list.wrapping_add(hash);
        self.shard.is_none_or(|shard| shard.contains(hash))
    }
}

/// Hashes endpoints, with one buffer for all texts.
#[derive(Default)]
pub(super) struct Hasher {
    text: String,
}

impl Hasher {
    fn hash(&mut self, endpoint: &Endpoint) -> u64 {
        self.text.clear();
        // Writing to memory does not fail.
        let _ = write!(self.text, "{endpoint}");
        let digest = digest(&SHA256, self.text.as_bytes());
        let first = digest.as_ref().first_chunk().copied();
        u64::from_be_bytes(first.unwrap_or_default())
    }
}

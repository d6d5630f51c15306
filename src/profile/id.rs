//! Student ids.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::{profile::error::Error, untrusted::Untrusted};

/// A student id: 1 to 32 characters of `0-9 A-Z a-z _ -`, kept in place without an allocation.
///
/// Ids are ordered by their bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    // Zero after the text, which sorts below every allowed character: the derived order is that of the text.
    bytes: [u8; Id::MAX_LEN],
}

impl Id {
    /// The largest number of characters.
    pub const MAX_LEN: usize = 32;

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes were copied from a checked ASCII string; an empty text cannot occur.
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The id as the bytes that it is ordered by.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let len = memchr::memchr(0, &self.bytes).unwrap_or(Self::MAX_LEN);
        &self.bytes[..len]
    }

    /// The id with these bytes.
    ///
    /// # Errors
    /// [`Error::Id`] when they are not 1 to 32 of the allowed characters.
    #[inline]
    pub(super) fn from_bytes(text: &[u8]) -> Result<Self, Error> {
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-';
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.iter().all(allowed) {
            return Err(Error::Id(Untrusted::from_bytes(text)));
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..text.len()].copy_from_slice(text);
        Ok(Self { bytes })
    }

    /// The eight bytes after the first `skip`, as a number in the same order; 0 if the longest id has fewer there.
    pub(crate) fn sort_prefix(&self, skip: usize) -> u64 {
        let rest = self.bytes.get(skip..).and_then(<[u8]>::first_chunk);
        rest.map_or(0, |prefix| u64::from_be_bytes(*prefix))
    }
}

impl FromStr for Id {
    type Err = Error;

    /// # Errors
    /// [`Error::Id`] when the text is empty, longer than 32 characters, or has a character outside the set.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.as_str())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

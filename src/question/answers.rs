//! The distinct answers of a run: each is kept once, however many endpoints gave it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde_json::Value;

use crate::{
    schema::{Method, ValueError},
    survey::{outcome::Invalid, question::InvalidAnswer},
    untrusted::Untrusted,
};

/// An answer up to this length is always kept: a healthy fleet may give as many distinct ones as it has machines.
const ORDINARY: usize = 16 * 1024;

/// What longer answers have beyond that is limited, all distinct ones of a run together.
const MAX_LARGE: usize = 128 * 1024 * 1024;
const LARGE_LIMIT: &str = "the large distinct answers of this run take more than 128 MiB";

/// The schema limits what the value of one answer takes.
const VALUE_LIMIT: &str = "its values take too much memory";

/// One of the distinct answers of a run. Endpoints that sent the same bytes have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnswerId(pub u32);

/// The distinct answers of a run, in the order in which they first came.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The method whose answers they are.
    pub method: Arc<Method>,
    /// The bytes of each, by its id.
    pub distinct: Vec<Bytes>,
}

impl Answers {
    /// The canonical value of an answer; null for an id of another run.
    #[must_use]
    pub fn value(&self, AnswerId(id): AnswerId) -> Value {
        let bytes = self.distinct.get(id as usize);
        // It was decoded when it came.
        let value = bytes.and_then(|bytes| self.method.value(bytes).ok());
        value.unwrap_or_default()
    }
}

/// Collects the answers of a run.
#[derive(Debug, Default)]
pub(crate) struct Interner(Mutex<Interned>);

#[derive(Debug, Default)]
struct Interned {
    ids: HashMap<Bytes, u32>,
    distinct: Vec<Bytes>,
    /// What the answers have beyond [`ORDINARY`].
    large: usize,
}

impl Interner {
    /// The id of an answer. One that is new is decoded, to learn whether it is valid.
    pub(crate) fn intern(&self, method: &Method, answer: &[u8]) -> Result<AnswerId, InvalidAnswer> {
        // Held while decoding: the value of one answer at a time takes memory.
        let mut interned = self.lock();
        if let Some(id) = interned.ids.get(answer) {
            return Ok(AnswerId(*id));
        }
        if interned.large + answer.len().saturating_sub(ORDINARY) > MAX_LARGE {
            return Err(InvalidAnswer::TooLarge(LARGE_LIMIT));
        }
        match method.value(answer) {
            // The buffer that it came in is larger.
            Ok(_) => Ok(interned.insert(Bytes::copy_from_slice(answer))),
            Err(ValueError::TooLarge) => Err(InvalidAnswer::TooLarge(VALUE_LIMIT)),
            Err(error) => {
                let error = Untrusted::new(&error.to_string());
                Err(InvalidAnswer::Invalid(Invalid::Message(error)))
            }
        }
    }

    /// The bytes of an answer.
    pub(crate) fn get(&self, AnswerId(id): AnswerId) -> Option<Bytes> {
        self.lock().distinct.get(id as usize).cloned()
    }

    /// All answers so far.
    pub(crate) fn distinct(&self) -> Vec<Bytes> {
        self.lock().distinct.clone()
    }

    /// An interner with the `kept` answers of this one alone, whose ids are changed accordingly.
    pub(crate) fn renew<'a>(&self, kept: impl Iterator<Item = &'a mut AnswerId>) -> Self {
        let old = self.lock();
        let mut new = Interned::default();
        for id in kept {
            if let Some(answer) = old.distinct.get(id.0 as usize) {
                *id = match new.ids.get(answer) {
                    Some(known) => AnswerId(*known),
                    None => new.insert(answer.clone()),
                };
            }
        }
        // The kept answers are those of earlier rounds. If they counted, a round would have less for its own than the
        // one before it, until all its answers were rejected.
        new.large = 0;
        Self(Mutex::new(new))
    }

    fn lock(&self) -> MutexGuard<'_, Interned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interned {
    fn insert(&mut self, answer: Bytes) -> AnswerId {
        let id = self.distinct.len() as u32;
        self.large += answer.len().saturating_sub(ORDINARY);
        self.ids.insert(answer.clone(), id);
        self.distinct.push(answer);
        AnswerId(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    fn method() -> Arc<Method> {
        let name = "lab.Profile/GetProfile".parse().unwrap();
        Schema::built_in().method(&name).unwrap()
    }

    /// A response with an id of so many bytes.
    fn response(letter: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![0x0a];
        prost::encoding::encode_varint(length as u64, &mut bytes);
        bytes.resize(bytes.len() + length, letter);
        bytes
    }

    #[test]
    fn equal_bytes_have_one_id_and_are_kept_once() {
        let (interner, method) = (Interner::default(), method());
        let ids = [b'a', b'b', b'a'].map(|letter| interner.intern(&method, &response(letter, 3)));
        let [a, b, c] = ids.map(Result::unwrap);
        assert_eq!((a, b, c), (AnswerId(0), AnswerId(1), AnswerId(0)));
        let distinct = interner.distinct();
        assert_eq!(distinct.len(), 2);
        let answers = Answers { method, distinct };
        assert_eq!(answers.value(b)["id"], "bbb");
        assert_eq!(answers.value(AnswerId(2)), Value::Null);
    }

    #[test]
    fn bytes_that_do_not_fit_the_schema_are_invalid_and_not_kept() {
        let (interner, method) = (Interner::default(), method());
        for bytes in [&b"\x0a\x05a"[..], b"\x08\x01", b"\x0a\x01\xff"] {
            let result = interner.intern(&method, bytes);
            let Err(InvalidAnswer::Invalid(Invalid::Message(_))) = result else {
                panic!("{result:?}");
            };
        }
        assert!(interner.distinct().is_empty());
    }

    #[test]
    fn distinct_answers_beyond_the_limit_are_too_large_and_known_ones_are_not() {
        const LENGTH: usize = 8 * 1024 * 1024;
        let (interner, method) = (Interner::default(), method());
        for letter in 0..16 {
            interner
                .intern(&method, &response(b'a' + letter, LENGTH))
                .unwrap();
        }
        let too_large = InvalidAnswer::TooLarge(LARGE_LIMIT);
        let result = interner.intern(&method, &response(b'z', LENGTH));
        assert_eq!(result, Err(too_large));
        let result = interner.intern(&method, &response(b'c', LENGTH));
        assert_eq!(result, Ok(AnswerId(2)));
        assert!(interner.intern(&method, &response(b'z', 9)).is_ok());
    }

    #[test]
    fn distinct_answers_of_an_ordinary_size_are_kept_without_a_limit() {
        let (interner, method) = (Interner::default(), method());
        for index in 0..70_000_u32 {
            let mut answer = response(b'a', 2 * 1024);
            let at = answer.len() - 8;
            answer.splice(at.., format!("{index:08}").bytes());
            assert_eq!(interner.intern(&method, &answer), Ok(AnswerId(index)));
        }
    }

    #[test]
    fn kept_answers_take_nothing_of_the_next_rounds_limit() {
        const LENGTH: usize = 8 * 1024 * 1024;
        let (interner, method) = (Interner::default(), method());
        let fill = |interner: &Interner, first: u8| {
            let answer = |letter| interner.intern(&method, &response(letter, LENGTH));
            (first..first + 16)
                .map(answer)
                .collect::<Result<Vec<_>, _>>()
        };
        let mut kept = fill(&interner, b'a').unwrap();
        let new = interner.renew(kept.iter_mut());
        assert!(fill(&new, b'A').is_ok());
    }

    #[test]
    fn renewed_interner_keeps_what_is_in_use() {
        let (interner, method) = (Interner::default(), method());
        let intern =
            |interner: &Interner, letter| interner.intern(&method, &response(letter, 3)).unwrap();
        let mut kept = [b'a', b'b', b'c', b'b'].map(|letter| intern(&interner, letter));
        let new = interner.renew(kept[1..].iter_mut());
        assert_eq!(kept.map(|AnswerId(id)| id), [0, 0, 1, 0]);
        assert_eq!(new.distinct().len(), 2);
        assert_eq!(intern(&new, b'c'), AnswerId(1));
        assert_eq!(intern(&new, b'a'), AnswerId(2));
    }
}

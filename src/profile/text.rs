//! Ids and sizes as text in JSON.

use std::{borrow::Cow, fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, de};

use crate::profile::error::Error;

/// A text that is copied only where it has escapes; serde always copies an `Option<Cow<str>>`.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Deserialises a field from its text.
pub(super) struct TextVisitor<T> {
    expected: &'static str,
    field: PhantomData<T>,
}

impl<T> TextVisitor<T> {
    /// A visitor whose error for another type is "expected `expected`".
    pub(super) fn new(expected: &'static str) -> Self {
        Self {
            expected,
            field: PhantomData,
        }
    }
}

impl<T: FromStr<Err = Error>> de::Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

//! Ids and names as text in JSON.

use std::borrow::Cow;

use serde::Deserialize;

/// A text that is copied only where it has escapes; serde always copies an `Option<Cow<str>>`.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

//! The domain type: one person's [`Profile`], parsed and therefore valid.
//!
//! Measures are kept as whole ticks, tenths of a centimetre and of a kilogram, so that every later comparison
//! is exact. Nothing is repaired: an invalid value is rejected with the field, the value, the range and, where
//! the mistake is a common one, a hint.

mod error;
mod fields;
mod id;
mod json;
mod measure;
mod message;
mod size;
mod text;

pub use crate::profile::{
    error::{Error, FieldErrors},
    fields::{Draft, Profile},
    id::Id,
    measure::{Height, TICKS, Weight},
    size::Size,
};
pub(crate) use crate::profile::{
    fields::{JsonDraft, ReadDraft},
    json::{JsonError, from_json},
    message::describe_decode_error,
    text::Text,
};

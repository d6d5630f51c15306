//! The domain type: one person's [`Profile`], parsed and therefore valid.
//!
//! Values are kept as whole ticks, such as tenths of a centimetre, so that every later comparison is exact. The fields
//! stand in one table, [`FIELDS`]. Nothing is repaired: an invalid value is rejected with the field, the value, the
//! range and, where the mistake is a common one, a hint.

mod draft;
mod error;
mod id;
mod json;
mod message;
mod parse;
mod table;
mod text;
mod value;

pub use crate::profile::{
    draft::{Draft, Profile},
    error::{Error, FieldErrors},
    id::Id,
    table::{FIELD_COUNT, FIELDS, Field, Ticks, header, in_words, names, phrase},
    value::{Build, Value},
};
pub(crate) use crate::profile::{
    json::{JsonError, from_json},
    message::describe_decode_error,
    parse::Scalar,
    text::Text,
};

//! Why an answer has no value.

use prost::DecodeError;

/// Deepest nesting of messages, as in other implementations, and of the value itself: reports wrap it in a few levels
/// more, and a JSON parser reads 128.
pub(super) const MAX_DEPTH: usize = 100;

/// Why bytes have no value.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// They are not the encoding of a message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A field ends behind the end of its message.
    #[error("the message is truncated")]
    Truncated,
    /// A field is encoded in a way that its type does not have.
    #[error("the field {0} has another type than in the schema")]
    FieldType(String),
    /// A string is not UTF-8.
    #[error("the string {0} is not UTF-8")]
    Text(String),
    /// The nesting is too deep.
    #[error("the message is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// The value would need too much memory.
    #[error("the message has too many parts to be decoded")]
    TooLarge,
}

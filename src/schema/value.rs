//! The value of a message: the protobuf JSON mapping, so that equal messages have equal values.

use prost_reflect::DynamicMessage;
use serde_json::Value;

/// The canonical value of a message.
pub(super) fn value(message: &DynamicMessage) -> Value {
    // A stand-in until the mapping is complete.
    serde_json::to_value(message).unwrap_or_default()
}

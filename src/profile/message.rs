//! A profile as a protobuf message that a peer wrote, with its mistakes in the words of the schema instead of those of a
//! decoder.

use prost::Message as _;

use crate::{
    pb::GetProfileResponse,
    profile::{error::FieldErrors, fields::Profile},
};

/// Why a message is not a profile.
#[derive(Debug, PartialEq)]
pub(crate) enum MessageError {
    /// A field is absent or invalid.
    Fields(FieldErrors),
    /// The bytes are not a message of this type.
    Undecodable(String),
}

/// Decodes a profile.
///
/// # Errors
/// Every field that is absent or invalid, or the first mistake in the encoding.
pub(crate) fn from_message(bytes: &[u8]) -> Result<Profile, MessageError> {
    let response = GetProfileResponse::decode(bytes)
        .map_err(|error| MessageError::Undecodable(describe(&error.to_string())))?;
    Profile::try_from(response).map_err(MessageError::Fields)
}

/// The mistake in the encoding, by the decoder's text:
/// `failed to decode Protobuf message: GetProfileResponse.height_cm: invalid wire type: … (expected …)`.
fn describe(text: &str) -> String {
    let Some((_, text)) = text.split_once("GetProfileResponse.") else {
        return "the message is not a GetProfileResponse".to_owned();
    };
    let (field, problem) = text.split_once(": ").unwrap_or((text, ""));
    let types = problem
        .strip_prefix("invalid wire type: ")
        .and_then(|types| types.strip_suffix(')')?.split_once(" (expected "));
    match types {
        Some((sent, _)) => {
            let contract = match field {
                "id" => "a string",
                "size" => "the enum Size",
                _ => "a double",
            };
            format!("{field} is sent as {}, not as {contract}", wire_type(sent))
        }
        None if problem.contains("UTF-8") => format!("{field} is not UTF-8"),
        None => format!("{field} cannot be decoded"),
    }
}

/// The types of the language that have this type on the wire.
fn wire_type(name: &str) -> &'static str {
    match name {
        "Varint" => "an integer, bool or enum",
        "ThirtyTwoBit" => "a float or fixed32",
        "SixtyFourBit" => "a double or fixed64",
        "LengthDelimited" => "a string, bytes or message",
        _ => "a group",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_errors_name_the_field_and_both_types() {
        for (bytes, expected) in [
            (
                &b"\x15\0\0\x32\x43"[..],
                "height_cm is sent as a float or fixed32, not as a double",
            ),
            (
                b"\x08\x05",
                "id is sent as an integer, bool or enum, not as a string",
            ),
            (
                b"\x22\x01L",
                "size is sent as a string, bytes or message, not as the enum Size",
            ),
            (b"\x0a\x01\xff", "id is not UTF-8"),
            (b"\xff", "the message is not a GetProfileResponse"),
        ] {
            let error = MessageError::Undecodable(expected.to_owned());
            assert_eq!(from_message(bytes), Err(error));
        }
    }
}

//! A profile as a protobuf message; of one that a peer wrote, the mistakes in the words of the schema instead of those of
//! a decoder.

use crate::{
    pb::GetProfileResponse,
    profile::{
        draft::{Draft, Profile},
        error::FieldErrors,
    },
};

impl From<&Profile> for GetProfileResponse {
    fn from(profile: &Profile) -> Self {
        let [height_cm, weight_kg, size] = profile.build.values().map(|value| value.number());
        Self {
            id: profile.id.as_str().to_owned(),
            height_cm: Some(height_cm),
            weight_kg: Some(weight_kg),
            size: size as i32,
        }
    }
}

impl TryFrom<GetProfileResponse> for Profile {
    type Error = FieldErrors;

    /// # Errors
    /// Every field that is absent or invalid: protobuf lets NaN and unknown sizes through.
    fn try_from(response: GetProfileResponse) -> Result<Self, FieldErrors> {
        let GetProfileResponse {
            id,
            height_cm,
            weight_kg,
            size,
        } = response;
        // 0 is the size that was not set.
        let size = (size != 0).then_some(f64::from(size));
        Draft::of_numbers(&id, [height_cm, weight_kg, size]).finish()
    }
}

/// The mistake in the encoding, by the text of the generated code for it:
/// `failed to decode Protobuf message: GetProfileResponse.height_cm: invalid wire type: … (expected …)`. `None` for a text
/// that is not of its making.
pub(crate) fn describe_decode_error(text: &str) -> Option<String> {
    let text = text.strip_prefix("failed to decode Protobuf message: ")?;
    let Some(text) = text.strip_prefix("GetProfileResponse.") else {
        return Some("the message is not a GetProfileResponse".to_owned());
    };
    let (field, problem) = text.split_once(": ").unwrap_or((text, ""));
    let types = problem
        .strip_prefix("invalid wire type: ")
        .and_then(|types| types.strip_suffix(')')?.split_once(" (expected "));
    Some(match types {
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
    })
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
    use prost::Message as _;

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
            let error = GetProfileResponse::decode(bytes).unwrap_err();
            let described = describe_decode_error(&error.to_string());
            assert_eq!(described.as_deref(), Some(expected));
        }
    }
}

//! The question of the computer room: `lab.Profile/GetProfile`.

use std::{borrow::Cow, time::Duration};

use http::Uri;
use tonic::{Code, Status};

use crate::{
    pb::{GetProfileRequest, profile_client::ProfileClient},
    profile::{
        FIELD_COUNT, FieldErrors, JsonError, Profile, describe_decode_error, from_json, in_words,
    },
    survey::{
        outcome::{Invalid, Outcome},
        question::{InvalidAnswer, Question},
        transport::CallTransport,
    },
    untrusted::Untrusted,
};

/// Largest message that is decoded. A profile has at most 60 bytes; the rest is for fields of later versions.
const MAX_MESSAGE: usize = 4 * 1024;

/// Asks for the profile, through the generated client.
#[derive(Clone, Copy, Debug)]
pub struct GetProfile;

impl Question for GetProfile {
    type Answer = Profile;

    async fn call(
        &self,
        transport: CallTransport,
        origin: Uri,
        timeout: Duration,
    ) -> Result<Result<Profile, InvalidAnswer>, Status> {
        let mut request = tonic::Request::new(GetProfileRequest {});
        request.set_timeout(timeout);
        let mut client = ProfileClient::with_origin(transport, origin)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let response = match client.get_profile(request).await {
            Ok(response) => response.into_inner(),
            Err(status) => {
                let Some(text) = describe_decode_error(status.message()) else {
                    return Err(status);
                };
                let invalid = Invalid::Message(Untrusted::new(&text));
                return Ok(Err(InvalidAnswer::Invalid(invalid)));
            }
        };
        let profile = Profile::try_from(response).map_err(|errors| invalid_fields(&errors));
        Ok(profile.map_err(InvalidAnswer::Invalid))
    }

    fn max_message(&self) -> usize {
        MAX_MESSAGE
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    fn has_raw(&self) -> bool {
        true
    }

    fn parse_raw(&self, object: &[u8]) -> Option<Result<Profile, Invalid>> {
        Some(match from_json(object) {
            Ok(profile) => Ok(profile),
            Err(JsonError::Incomplete) => return None,
            Err(JsonError::Fields(errors)) => Err(invalid_fields(&errors)),
            Err(JsonError::Syntax(text)) => Err(Invalid::Json(text)),
        })
    }
}

fn invalid_fields(errors: &FieldErrors) -> Invalid {
    Invalid::Fields {
        text: errors.to_string().into(),
        any_missing: errors.any_missing(),
    }
}

/// One line on what to do about an outcome, in the words of the computer room where they say more than
/// [`Outcome::hint`].
#[must_use]
pub fn profile_hint<A>(outcome: &Outcome<A>) -> Option<Cow<'static, str>> {
    let hint = match outcome {
        Outcome::Status { code, .. } => match code {
            Code::Unimplemented => {
                "it has no lab.Profile/GetProfile; package, service and method must be named so"
            }
            Code::PermissionDenied | Code::Unauthenticated => {
                "the server does not let this client ask; is a certificate needed?"
            }
            _ => return outcome.hint(),
        },
        Outcome::Invalid(invalid) => return Some(invalid_hint(invalid)),
        Outcome::TooLarge(_) => "the answer is larger than any profile can be",
        other => return other.hint(),
    };
    Some(Cow::Borrowed(hint))
}

fn invalid_hint(invalid: &Invalid) -> Cow<'static, str> {
    let hint = match invalid {
        Invalid::Json(_) => {
            "the server must send JSON; a JSON library writes it right, such as json.dumps"
        }
        Invalid::Message(_) => {
            "the server must use proto/profile.proto as it is, with its types and field numbers"
        }
        Invalid::Fields {
            any_missing: true, ..
        } => {
            let count = in_words(1 + FIELD_COUNT);
            let named = "named and numbered as in proto/profile.proto";
            return format!("the server must send all {count} fields, {named}").into();
        }
        Invalid::Fields { .. } => "the server works; correct the data on that machine",
    };
    hint.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_behind_the_object_are_ignored() {
        let text = br#"{"id":"a","height":178,"weight":60,"size":"M","x":{"y":[1]}}trailing"#;
        let profile = GetProfile.parse_raw(text).unwrap().unwrap();
        assert_eq!(profile.id.as_str(), "a");
    }

    #[test]
    fn a_bad_field_is_named() {
        let cases = [
            (
                r#"{"id":"a","height":1.78,"weight":60,"size":"M"}"#,
                "height 1.78 is not within",
            ),
            (r#"{"id":"a","weight":60,"size":"M"}"#, "height is missing"),
            (
                r#"{"id":"a","height":null,"weight":60,"size":"M"}"#,
                "height is missing",
            ),
            (
                r#"{"id":"","height":178,"weight":60,"size":"M"}"#,
                "id \"\" is not",
            ),
            (
                r#"{"id":"a","height":178,"weight":60,"size":"XXXXL"}"#,
                "size \"XXXXL\" is none",
            ),
            (
                r#"{"id":"a","height":"178","weight":60,"size":"M"}"#,
                "height must be a number without quotes",
            ),
            (
                r#"{"id":"a","height":NaN,"weight":60,"size":"M"}"#,
                "a problem at NaN",
            ),
            (
                r#"{"id":"a","id":"b","height":178,"weight":60,"size":"M"}"#,
                "a key stands twice",
            ),
        ];
        for (text, expected) in cases {
            let Some(Err(invalid)) = GetProfile.parse_raw(text.as_bytes()) else {
                panic!("{text} was not rejected");
            };
            let shown = match invalid {
                Invalid::Fields { text, .. } => text.to_string(),
                Invalid::Json(text) | Invalid::Message(text) => text.to_string(),
            };
            assert!(shown.starts_with(expected), "{text}: {shown}");
        }
    }
}

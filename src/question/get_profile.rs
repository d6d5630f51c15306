//! The question of the computer room: `lab.Profile/GetProfile`.

use std::{borrow::Cow, time::Duration};

use http::Uri;
use tonic::{Code, Status};

use crate::{
    pb::{GetProfileRequest, profile_client::ProfileClient},
    profile::{self, JsonDraft, Profile},
    survey::{
        outcome::{AttemptPhase, Invalid, Outcome},
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
        let response = client.get_profile(request).await?.into_inner();
        let profile = Profile::try_from(response).map_err(invalid_field);
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
        let mut objects = serde_json::Deserializer::from_slice(object).into_iter::<JsonDraft<'_>>();
        Some(match objects.next()? {
            Ok(draft) => Profile::try_from(draft).map_err(invalid_field),
            Err(error) if error.is_eof() => return None,
            Err(error) => Err(Invalid::Message(Untrusted::new(&error.to_string()))),
        })
    }
}

fn invalid_field(error: profile::Error) -> Invalid {
    Invalid::Field(error.to_string().into())
}

/// One line on what to do about an outcome, in the words of the computer room where they say more than
/// [`Outcome::hint`].
#[must_use]
pub fn profile_hint<A>(outcome: &Outcome<A>) -> Option<Cow<'static, str>> {
    let hint = match outcome {
        Outcome::Refused => "the machine is up; is `labrpc serve` running there, on this port?",
        Outcome::Timeout(AttemptPhase::Headers) => {
            "connected, then silence; is the server stopped, or another program on this port?"
        }
        Outcome::Status { code, .. } => match code {
            Code::Unimplemented => "a gRPC server, but it has no lab.Profile/GetProfile",
            Code::Unavailable | Code::ResourceExhausted => return outcome.hint(),
            Code::PermissionDenied | Code::Unauthenticated => {
                "the server does not let this client ask; is a certificate needed?"
            }
            _ => "the server's own code failed; its log knows more",
        },
        Outcome::Invalid(_) => "the server answers, but its data must be put right there",
        Outcome::TooLarge(_) => "the answer is larger than any profile can be",
        other => return other.hint(),
    };
    Some(Cow::Borrowed(hint))
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
                "invalid type: string",
            ),
            (
                r#"{"id":"a","height":NaN,"weight":60,"size":"M"}"#,
                "expected value",
            ),
            (
                r#"{"id":"a","id":"b","height":178,"weight":60,"size":"M"}"#,
                "duplicate field",
            ),
        ];
        for (text, expected) in cases {
            let Some(Err(invalid)) = GetProfile.parse_raw(text.as_bytes()) else {
                panic!("{text} was not rejected");
            };
            let shown = match invalid {
                Invalid::Field(text) => text.to_string(),
                Invalid::Message(text) => text.to_string(),
            };
            assert!(shown.starts_with(expected), "{text}: {shown}");
        }
    }
}

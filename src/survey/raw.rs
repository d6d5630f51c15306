//! The original exercise's protocol: the server sends one JSON object and reads nothing.

use crate::{
    profile::{JsonDraft, Profile},
    survey::{
        attempt_state::AttemptState,
        detect::without_bom,
        outcome::{AttemptPhase, Invalid},
        sniffed_stream::SniffedStream,
    },
    untrusted::Untrusted,
};

/// Largest object that is read.
const MAX_OBJECT: usize = 4 * 1024;

/// Why there is no profile.
#[derive(Debug)]
pub(crate) enum RawError {
    /// The connection ended within the object; the stream has the reason.
    EarlyEnd,
    /// More bytes than any profile has.
    TooLarge,
    /// The first bytes are not an object.
    NotJson,
    /// An object that is not a profile.
    Invalid(Invalid),
}

/// Reads one object into `bytes`, and ignores what follows it. The peer need not close.
pub(crate) async fn read(
    stream: &SniffedStream,
    bytes: &mut Vec<u8>,
    state: &AttemptState,
) -> Result<Profile, RawError> {
    loop {
        let more = stream.read_raw(bytes).await;
        if !bytes.is_empty() {
            state.lock().phase = AttemptPhase::Body;
        }
        if let Some(result) = parse(bytes) {
            return result;
        }
        if !more {
            return Err(RawError::EarlyEnd);
        }
        if bytes.len() > MAX_OBJECT {
            return Err(RawError::TooLarge);
        }
    }
}

/// The profile in the first object; `None` while the object is not complete.
fn parse(bytes: &[u8]) -> Option<Result<Profile, RawError>> {
    let text = without_bom(bytes).trim_ascii_start();
    if *text.first()? != b'{' {
        return Some(Err(RawError::NotJson));
    }
    let mut objects = serde_json::Deserializer::from_slice(text).into_iter::<JsonDraft<'_>>();
    let invalid = match objects.next()? {
        Ok(draft) => match Profile::try_from(draft) {
            Ok(profile) => return Some(Ok(profile)),
            Err(error) => Invalid::Field(error),
        },
        Err(error) if error.is_eof() => return None,
        Err(error) => Invalid::Message(Untrusted::new(&error.to_string())),
    };
    Some(Err(RawError::Invalid(invalid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_is_read_once_it_is_complete() {
        let text = r#"  {"id":"1527406014","height":178,"weight":60,"size":"2xl"}"#;
        // With a byte order mark as well.
        for text in [text.to_owned(), format!("\u{feff}{text}")] {
            let text = text.as_bytes();
            for end in 0..text.len() {
                assert!(parse(&text[..end]).is_none(), "{end}");
            }
            let profile = parse(text).unwrap().unwrap();
            assert_eq!(profile.to_string(), "1527406014: 178 cm, 60 kg, XXL");
        }
    }

    #[test]
    fn bytes_behind_the_object_are_ignored() {
        let text = br#"{"id":"a","height":178,"weight":60,"size":"M","x":{"y":[1]}}trailing"#;
        assert_eq!(parse(text).unwrap().unwrap().id.as_str(), "a");
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
            let Some(Err(RawError::Invalid(invalid))) = parse(text.as_bytes()) else {
                panic!("{text} was not rejected");
            };
            let shown = match invalid {
                Invalid::Field(error) => error.to_string(),
                Invalid::Message(text) => text.to_string(),
            };
            assert!(shown.starts_with(expected), "{text}: {shown}");
        }
    }
}

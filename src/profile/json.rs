//! A profile as JSON that a peer wrote, with its mistakes in the words of JSON instead of those of a parser.

use serde_json::{Deserializer, Map, Value};

use crate::{
    profile::{
        draft::{Draft, Profile},
        error::FieldErrors,
        parse::Scalar,
        table::names,
    },
    untrusted::Untrusted,
};

/// Why a text is not a profile.
#[derive(Debug, PartialEq)]
pub(crate) enum JsonError {
    /// The object does not end.
    Incomplete,
    /// A field is absent or invalid.
    Fields(FieldErrors),
    /// The text is not JSON.
    Syntax(Untrusted),
}

/// Reads the object that `text` begins with, and ignores what follows it.
///
/// # Errors
/// Every field that is absent or invalid, or the first mistake in the syntax.
pub(crate) fn from_json(text: &[u8]) -> Result<Profile, JsonError> {
    let draft = Deserializer::from_slice(text).into_iter::<Draft>().next();
    match draft {
        Some(Ok(draft)) => match draft.finish() {
            Ok(profile) => Ok(profile),
            Err(errors) if errors.any_missing() => Err(explain(text)),
            Err(errors) => Err(JsonError::Fields(errors)),
        },
        // The parser stops at the first mistake. The second look finds all.
        Some(Err(error)) if !error.is_eof() => Err(explain(text)),
        Some(Err(_)) | None => Err(JsonError::Incomplete),
    }
}

/// Every mistake in an object that is not a profile.
fn explain(text: &[u8]) -> JsonError {
    match Deserializer::from_slice(text).into_iter::<Value>().next() {
        Some(Ok(Value::Object(object))) => match draft(&object).finish() {
            Err(mut errors) => {
                let others = object.keys().filter(|key| names().all(|name| name != *key));
                let others: Vec<_> = others.map(String::as_str).collect();
                if errors.any_missing() && !others.is_empty() {
                    errors.set_other_keys(&others.join(", "));
                }
                JsonError::Fields(errors)
            }
            // A map keeps the last of two values.
            Ok(_) => JsonError::Syntax(Untrusted::new("a key stands twice in the object")),
        },
        Some(Err(error)) if !error.is_eof() => {
            JsonError::Syntax(Untrusted::new(&describe(text, &error)))
        }
        _ => JsonError::Incomplete,
    }
}

fn draft(object: &Map<String, Value>) -> Draft {
    Draft::of_scalars(|field| match object.get(field)? {
        Value::Null => None,
        Value::String(text) => Some(Scalar::Text(text)),
        value => Some(value.as_f64().map_or(Scalar::Other, Scalar::Number)),
    })
}

/// The mistake in the syntax, by the byte at which the parser stopped.
fn describe(text: &[u8], error: &serde_json::Error) -> String {
    if str::from_utf8(text).is_err_and(|error| error.error_len().is_some()) {
        return "the text is not UTF-8; encode it as UTF-8".to_owned();
    }
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines
        .by_ref()
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let mut at = (before + error.column().saturating_sub(1)).min(text.len());
    // The parser may stop within a word or a number.
    let is_token = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    while at > 0 && is_token(text[at - 1].into()) {
        at -= 1;
    }
    let rest = String::from_utf8_lossy(&text[at..]);
    let token: String = rest.chars().take_while(|c| is_token(*c)).collect();
    let last = text[..at].trim_ascii_end().last();
    match (rest.chars().next(), last) {
        (Some('\''), _) => "texts and keys need double quotes, not single ones".to_owned(),
        (Some('}'), Some(b',')) => "the last comma must go".to_owned(),
        (Some(first), _) if is_token(first) => {
            let mistake = match &*token {
                "None" | "True" | "False" | "NaN" | "nan" | "Infinity" | "undefined" => {
                    "it is not a JSON value"
                }
                _ if first.is_ascii_alphabetic() => "texts and keys need double quotes",
                _ => "it is not a JSON number",
            };
            format!("a problem at {token}: {mistake}")
        }
        _ => {
            let rest: String = rest.trim_ascii_end().chars().take(20).collect();
            format!("it is not JSON from {rest} on")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> String {
        match from_json(text).unwrap_err() {
            JsonError::Incomplete => "incomplete".to_owned(),
            JsonError::Fields(errors) => errors.to_string(),
            JsonError::Syntax(text) => text.to_string(),
        }
    }

    #[test]
    fn mistakes_of_an_object_are_told_in_the_words_of_json() {
        for (text, expected) in [
            (
                r#"{"id":"a","height":"178","weight":60,"size":"M"}"#,
                "height must be a number without quotes, such as 178",
            ),
            (
                r#"{"id":1003,"height":178,"weight":60,"size":7}"#,
                "id must be text in quotes, such as \"1527406014\"; \
                 size must be text in quotes, such as \"XXL\"",
            ),
            (
                r#"{"profile":{}}"#,
                "id, height, weight and size are missing; unknown keys: profile",
            ),
            (
                r#"{"id":"a","height_cm":178,"weight":6,"size":"M"}"#,
                "height is missing; weight 6 is not within 10 to 650 kg; unknown keys: height_cm",
            ),
            (
                r#"{"id":"a","id":"b","height":178,"weight":60,"size":"M"}"#,
                "a key stands twice in the object",
            ),
            (
                "{'id': 'a'}",
                "texts and keys need double quotes, not single ones",
            ),
            (
                "{\"id\":\"a\",\n \"height\":None}",
                "a problem at None: it is not a JSON value",
            ),
            (
                r#"{"id":"a","height":nan}"#,
                "a problem at nan: it is not a JSON value",
            ),
            (
                r#"{id:"a"}"#,
                "a problem at id: texts and keys need double quotes",
            ),
            (
                r#"{"id":"a","height":165cm}"#,
                "a problem at 165cm: it is not a JSON number",
            ),
            (r#"{"id":"a",}"#, "the last comma must go"),
            (
                r#"{"id":"a" "height":178}"#,
                "it is not JSON from \"height\":178} on",
            ),
            (
                r#"{"id":"a","height":1e999}"#,
                "a problem at 1e999: it is not a JSON number",
            ),
        ] {
            assert_eq!(shown(text.as_bytes()), expected, "{text}");
        }
        let gbk = b"{\"id\":\"\xd0\xa1\xc3\xf7\",\"height\":178,\"weight\":60,\"size\":\"M\"}";
        assert_eq!(shown(gbk), "the text is not UTF-8; encode it as UTF-8");
    }

    #[test]
    fn every_proper_prefix_of_an_object_is_incomplete() {
        let text = r#"{"id":"小明","height":"178","weight":60,"size":"M"}"#.as_bytes();
        for end in 0..text.len() {
            assert_eq!(shown(&text[..end]), "incomplete", "{end}");
        }
    }
}

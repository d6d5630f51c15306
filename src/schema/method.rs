//! A method: its name, its request, its answers.

use std::{fmt, str::FromStr};

use http::uri::PathAndQuery;
use prost::{Message as _, bytes::Bytes};
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use prost_types::method_options::IdempotencyLevel;
use serde_json::Value;

use crate::{
    path::PathPattern,
    schema::{error::Error, paths, value::value, value_error::ValueError},
    untrusted::Untrusted,
};

/// The name of a method: `package.Service/Method`, `/package.Service/Method` or `package.Service.Method`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodName {
    /// The full name of the service.
    pub service: String,
    /// The name of the method in it.
    pub method: String,
}

impl FromStr for MethodName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let name = text.strip_prefix('/').unwrap_or(text);
        let is_name = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        name.split_once('/')
            .or_else(|| name.rsplit_once('.'))
            .filter(|(service, method)| service.split('.').all(is_name) && is_name(method))
            .map(|(service, method)| Self {
                service: service.to_owned(),
                method: method.to_owned(),
            })
            .ok_or_else(|| Error::Name(Untrusted::new(text)))
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.method)
    }
}

/// A unary method with the types of its messages.
#[derive(Clone, Debug)]
pub struct Method {
    descriptor: MethodDescriptor,
    name: String,
    path: PathAndQuery,
}

impl Method {
    /// # Errors
    /// [`Error::Streaming`] if the method is not unary.
    pub(super) fn new(descriptor: MethodDescriptor) -> Result<Self, Error> {
        let name = format!(
            "{}/{}",
            descriptor.parent_service().full_name(),
            descriptor.name()
        );
        let kind = match (
            descriptor.is_client_streaming(),
            descriptor.is_server_streaming(),
        ) {
            (false, false) => None,
            (true, false) => Some("client-streaming"),
            (false, true) => Some("server-streaming"),
            (true, true) => Some("bidirectional-streaming"),
        };
        if let Some(kind) = kind {
            return Err(Error::Streaming { method: name, kind });
        }
        let path = format!("/{name}").parse();
        let path = path.map_err(|_| Error::Name(Untrusted::new(&name)))?;
        Ok(Self {
            descriptor,
            name,
            path,
        })
    }

    /// `package.Service/Method`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of a call.
    #[must_use]
    pub fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// The type of the request.
    #[must_use]
    pub fn input(&self) -> MessageDescriptor {
        self.descriptor.input()
    }

    /// The type of the answer.
    #[must_use]
    pub fn output(&self) -> MessageDescriptor {
        self.descriptor.output()
    }

    /// Whether its schema declares that repeating a call is harmless.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        let options = self.descriptor.method_descriptor_proto().options.as_ref();
        let level = options.map(prost_types::MethodOptions::idempotency_level);
        matches!(
            level,
            Some(IdempotencyLevel::NoSideEffects | IdempotencyLevel::Idempotent)
        )
    }

    /// Encodes a request that is written in JSON. An empty text is the empty request.
    ///
    /// # Errors
    /// [`Error::Request`] with the field and its position.
    pub fn request(&self, json: &str) -> Result<Bytes, Error> {
        let json = if json.trim().is_empty() { "{}" } else { json };
        let mut reader = serde_json::Deserializer::from_str(json);
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
        let message = DynamicMessage::deserialize(self.input(), tracked)
            .and_then(|message| reader.end().map(|()| message));
        let message = message.map_err(|error| self.bad_request(&error, &track.path()))?;
        Ok(message.encode_to_vec().into())
    }

    /// Rewrites a path to the answer's fields with the JSON names that its values have.
    ///
    /// # Errors
    /// [`Error::UnknownField`] with the fields that there are.
    pub fn resolve(&self, pattern: &PathPattern) -> Result<PathPattern, Error> {
        paths::resolve(&self.output(), pattern)
    }

    /// Whether nothing of an answer is left if these paths are ignored, and only those count.
    #[must_use]
    pub fn leaves_nothing(&self, ignore: &[PathPattern], only: &[PathPattern]) -> bool {
        paths::leaves_nothing(&self.output(), ignore, only)
    }

    fn bad_request(&self, error: &serde_json::Error, path: &serde_path_to_error::Path) -> Error {
        let text = error.to_string();
        // The position is in fields of its own.
        let detail = text.split(" at line ").next().unwrap_or_default();
        let problem = match path.iter().next() {
            Some(_) => format!("{path}: {detail}"),
            None => detail.to_owned(),
        };
        Error::Request {
            message: self.input().full_name().to_owned(),
            problem: Untrusted::new(&problem),
            line: error.line(),
            column: error.column(),
        }
    }

    /// The canonical value of an answer: equal messages have equal values, and no others.
    ///
    /// # Errors
    /// The bytes are not a message of the output's type, or it is too large or too deep.
    pub fn value(&self, bytes: &[u8]) -> Result<Value, ValueError> {
        value(&self.output(), bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::*;
    use crate::schema::source::Schema;

    fn sample(method: &str) -> Arc<Method> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proto");
        let schema = Schema::compile(&[root.join("sample/service.proto")], &[root]).unwrap();
        schema
            .method(&format!("sample.v1.Inventory/{method}").parse().unwrap())
            .unwrap()
    }

    #[test]
    fn a_request_is_encoded_by_json_and_proto_names() {
        let get = sample("Get");
        for json in [
            r#"{"itemKey": "a", "limit": 7}"#,
            r#"{"item_key": "a", "limit": "7"}"#,
            "\n{\"limit\": 7.0,\n\"item_key\": \"a\"}\n",
        ] {
            assert_eq!(
                get.request(json).unwrap(),
                b"\x0a\x01a\x10\x07"[..],
                "{json}"
            );
        }
        for json in ["", " \n", "{}"] {
            assert_eq!(get.request(json).unwrap(), b""[..]);
        }
    }

    #[test]
    fn a_bad_request_names_the_field_and_its_position() {
        let get = sample("Get");
        for (json, expected) in [
            (
                r#"{"limit": -1}"#,
                "limit: out of range integral type conversion attempted, at line 1 column 12",
            ),
            (
                r#"{"limits": {"maxQps": "x"}}"#,
                "limits.maxQps: invalid digit found in string, at line 1 column 25",
            ),
            (
                "{\"items\": [{}, {\n\"state\": \"NO\"}]}",
                "items[1].state: unrecognized enum value 'NO', at line 2 column 13",
            ),
            (
                r#"{"item_kez": 1}"#,
                "unrecognized field name 'item_kez', at line 1 column 11",
            ),
            (
                r#"{"limit": }"#,
                "limit: expected value, at line 1 column 11",
            ),
            (
                "[1]",
                "invalid type: sequence, expected a map, at line 1 column 0",
            ),
            (
                r#"{"limit": 1} x"#,
                "trailing characters, at line 1 column 14",
            ),
        ] {
            let error = get.request(json).unwrap_err().to_string();
            let start = "the request does not fit sample.v1.GetRequest: ";
            assert_eq!(error.strip_prefix(start), Some(expected), "{json}");
        }
        let nested = format!(
            "{}1{}",
            r#"{"items":[{"parent":"#.repeat(200),
            "}]}".repeat(200)
        );
        assert!(get.request(&nested).is_err());
    }

    #[test]
    fn an_answer_that_does_not_fit_is_an_error() {
        let get = sample("Get");
        assert!(get.value(b"\x0a\x01a").is_ok());
        for bytes in [&b"\x0a\x05a"[..], b"\x08\x01", b"\x0a\x01\xff", b"\x0b"] {
            assert!(get.value(bytes).is_err(), "{bytes:?}");
        }
        // A message nested 200 deep in its field 11.
        let mut bytes = Vec::new();
        for _ in 0..200 {
            let mut outer = vec![11 << 3 | 2];
            prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.extend(&bytes);
            bytes = outer;
        }
        assert!(get.value(&bytes).is_err());
    }
}

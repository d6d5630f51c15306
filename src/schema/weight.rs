//! How much memory a message takes when it is decoded, estimated without decoding it.
//!
//! A byte of a packed field becomes a value of 56 bytes, and a submessage of four bytes one of 700, so untrusted bytes
//! are weighed before they are decoded.

use prost::{
    DecodeError,
    bytes::Buf as _,
    encoding::{WireType, decode_key, decode_varint},
};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::schema::method::Method;

/// A value of any kind in its field or list.
const VALUE: usize = 64;

/// A message with its first fields.
const MESSAGE: usize = 768;

/// Deepest nesting of messages. The decoder has the same limit.
const MAX_DEPTH: usize = 100;

impl Method {
    /// Whether an answer takes more memory than `limit` when it is decoded. Damaged bytes are weighed up to the damage,
    /// which [`Method::decode`] reports.
    #[must_use]
    pub fn exceeds(&self, bytes: &[u8], limit: usize) -> bool {
        let mut scale = Scale { total: 0, limit };
        let _ = scale.weigh(bytes, &self.output(), MAX_DEPTH);
        scale.total > limit
    }
}

struct Scale {
    total: usize,
    limit: usize,
}

impl Scale {
    /// Adds a message. Stops at the limit.
    fn weigh(
        &mut self,
        mut bytes: &[u8],
        message: &MessageDescriptor,
        depth: usize,
    ) -> Result<(), DecodeError> {
        self.total += MESSAGE;
        // The types of the groups that are open; the outermost is the message itself.
        let mut open = vec![Some(message.clone())];
        while bytes.has_remaining() && self.total <= self.limit {
            let (number, wire_type) = decode_key(&mut bytes)?;
            self.total += VALUE;
            let field = open.last().and_then(Option::as_ref);
            let field = field.and_then(|message| message.get_field(number));
            let length = match wire_type {
                WireType::Varint => {
                    decode_varint(&mut bytes)?;
                    continue;
                }
                WireType::StartGroup => {
                    self.total += MESSAGE;
                    open.push(field.and_then(|field| message_type(&field)));
                    continue;
                }
                WireType::EndGroup => {
                    open.pop();
                    continue;
                }
                WireType::ThirtyTwoBit => 4,
                WireType::SixtyFourBit => 8,
                WireType::LengthDelimited => {
                    usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX)
                }
            };
            let Some((content, rest)) = bytes.split_at_checked(length) else {
                return Ok(());
            };
            bytes = rest;
            let Some(field) = field.filter(|_| wire_type == WireType::LengthDelimited) else {
                self.total += length;
                continue;
            };
            match message_type(&field) {
                Some(message) if depth > 0 => self.weigh(content, &message, depth - 1)?,
                Some(_) => return Ok(()),
                None => self.total += length + VALUE * packed_elements(&field, content),
            }
        }
        Ok(())
    }
}

fn message_type(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) => Some(message),
        _ => None,
    }
}

/// How many elements a packed field has.
fn packed_elements(field: &FieldDescriptor, content: &[u8]) -> usize {
    match field.kind() {
        Kind::String | Kind::Bytes | Kind::Message(_) => 0,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => content.len() / 8,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => content.len() / 4,
        // The last byte of each has the high bit clear.
        _ => content.iter().filter(|byte| **byte < 0x80).count(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::schema::source::Schema;

    /// The largest answer of each shape that takes up to 1 MiB.
    #[test]
    fn weight_follows_values_and_not_bytes() {
        const LIMIT: usize = 1 << 20;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proto");
        let schema = Schema::compile(&[root.join("sample/service.proto")], &[root]).unwrap();
        let add = schema.method(&"sample.v1.Inventory/Add".parse().unwrap());
        let add = add.unwrap();
        let delimited = |number: u8, content: &[u8]| {
            let mut bytes = vec![number << 3 | 2];
            prost::encoding::encode_varint(content.len() as u64, &mut bytes);
            bytes.extend(content);
            bytes
        };
        let nested = |count: usize| delimited(12, &[0x12, 0].repeat(count));
        let deep = |depth: usize| (0..depth).fold(Vec::new(), |inner, _| delimited(11, &inner));
        let cases = [
            // A text.
            (delimited(1, &[b'a'; LIMIT - 2 * MESSAGE]), false),
            (delimited(1, &[b'a'; LIMIT]), true),
            // Packed enum values and doubles.
            (delimited(7, &[1; LIMIT / 80]), false),
            (delimited(7, &[1; LIMIT / 60]), true),
            (delimited(12, &delimited(1, &[0; LIMIT / 10])), false),
            (delimited(12, &delimited(1, &[0; LIMIT / 7])), true),
            // Empty messages, and a deep one.
            (nested(LIMIT / 900), false),
            (nested(LIMIT / 800), true),
            (deep(100), false),
            // Unknown fields, and unknown groups.
            ([0xa0, 0x06, 1].repeat(LIMIT / 80), false),
            ([0xa0, 0x06, 1].repeat(LIMIT / 60), true),
            ([0xa3, 0x06].repeat(LIMIT / 1000), false),
            ([0xa3, 0x06].repeat(LIMIT / 800), true),
            // Damaged bytes.
            (vec![0xff; 64], false),
            (vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], false),
        ];
        for (index, (bytes, expected)) in cases.iter().enumerate() {
            assert_eq!(add.exceeds(bytes, LIMIT), *expected, "case {index}");
        }
    }
}

//! What labrpc reads of `google/protobuf/descriptor.proto`.
//!
//! A descriptor may come from an untrusted server, so only what a call needs is decoded: names, numbers and types.
//! Everything else is skipped, and with it what is often missing or inconsistent in practice: custom options and the
//! imports that only they need, reserved ranges, defaults, source positions. Given up for it: extensions of proto2
//! (in an answer they are shown by number, as unknown fields are) and the option `packed` (every decoder reads both).

use prost::{
    DecodeError, Message,
    bytes::{Buf as _, Bytes},
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

/// A `FileDescriptorSet` whose files are not decoded yet.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FileSet {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) files: Vec<Bytes>,
}

/// A `FileDescriptorSet`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DecodedFileSet {
    #[prost(message, repeated, tag = "1")]
    pub(super) files: Vec<FileProto>,
}

/// A `FileDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FileProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) package: String,
    #[prost(string, repeated, tag = "3")]
    pub(super) dependencies: Vec<String>,
    /// Indices of `dependencies` that files importing this one see too.
    #[prost(int32, repeated, packed = "false", tag = "10")]
    pub(super) public_dependencies: Vec<i32>,
    #[prost(message, repeated, tag = "4")]
    pub(super) messages: Vec<MessageProto>,
    #[prost(message, repeated, tag = "5")]
    pub(super) enums: Vec<EnumProto>,
    #[prost(message, repeated, tag = "6")]
    pub(super) services: Vec<ServiceProto>,
    #[prost(message, optional, tag = "8")]
    pub(super) options: Option<FileOptions>,
    #[prost(string, optional, tag = "12")]
    pub(super) syntax: Option<String>,
    #[prost(int32, optional, tag = "14")]
    pub(super) edition: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FileOptions {
    #[prost(message, optional, tag = "50")]
    pub(super) features: Option<FeatureSet>,
}

/// What an edition leaves to its files.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FeatureSet {
    #[prost(int32, optional, tag = "1")]
    pub(super) field_presence: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    pub(super) message_encoding: Option<i32>,
}

/// A `DescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) fields: Vec<FieldProto>,
    #[prost(message, repeated, tag = "3")]
    pub(super) messages: Vec<MessageProto>,
    #[prost(message, repeated, tag = "4")]
    pub(super) enums: Vec<EnumProto>,
    #[prost(message, optional, tag = "7")]
    pub(super) options: Option<MessageOptions>,
    #[prost(message, repeated, tag = "8")]
    pub(super) oneofs: Vec<OneofProto>,
}

/// `FieldDescriptorProto.Label.LABEL_REPEATED`.
pub(super) const REPEATED: i32 = 3;

/// `FieldDescriptorProto.Type.TYPE_GROUP`.
pub(super) const GROUP: i32 = 10;

/// `FieldDescriptorProto.Type.TYPE_MESSAGE`.
pub(super) const MESSAGE: i32 = 11;

impl MessageProto {
    /// Whether it is what `protoc` makes of a map.
    pub(super) fn is_map_entry(&self) -> bool {
        let is_single = |field: &FieldProto| field.label != Some(REPEATED);
        match (&self.options, &self.fields[..]) {
            (Some(options), [key, value]) => {
                // Integers, bool and string, by `FieldDescriptorProto.Type`.
                let is_key = matches!(key.kind, Some(3..=9 | 13 | 15..=18));
                options.map_entry
                    && (key.number, value.number) == (1, 2)
                    && is_key
                    && key.type_name.is_none()
                    && is_single(key)
                    && is_single(value)
            }
            _ => false,
        }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageOptions {
    #[prost(bool, tag = "7")]
    pub(super) map_entry: bool,
}

/// A `FieldDescriptorProto`. Label and type are numbers here: unknown ones are the linker's to reject.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FieldProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "3")]
    pub(super) number: i32,
    #[prost(int32, optional, tag = "4")]
    pub(super) label: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    pub(super) kind: Option<i32>,
    #[prost(string, optional, tag = "6")]
    pub(super) type_name: Option<String>,
    #[prost(message, optional, tag = "8")]
    pub(super) options: Option<FieldOptions>,
    #[prost(int32, optional, tag = "9")]
    pub(super) oneof_index: Option<i32>,
    #[prost(string, optional, tag = "10")]
    pub(super) json_name: Option<String>,
    #[prost(bool, optional, tag = "17")]
    pub(super) proto3_optional: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FieldOptions {
    #[prost(message, optional, tag = "21")]
    pub(super) features: Option<FeatureSet>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OneofProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

/// An `EnumDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EnumProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<EnumValueProto>,
    #[prost(message, optional, tag = "3")]
    pub(super) options: Option<EnumOptions>,
}

impl EnumProto {
    pub(super) fn begins_with_0(&self) -> bool {
        self.values.first().is_none_or(|value| value.number == 0)
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EnumOptions {
    #[prost(bool, tag = "2")]
    pub(super) allow_alias: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EnumValueProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "2")]
    pub(super) number: i32,
}

/// A `ServiceDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ServiceProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) methods: Vec<MethodProto>,
}

/// A `MethodDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MethodProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) input: String,
    #[prost(string, tag = "3")]
    pub(super) output: String,
    #[prost(message, optional, tag = "4")]
    pub(super) options: Option<MethodOptions>,
    #[prost(bool, tag = "5")]
    pub(super) client_streaming: bool,
    #[prost(bool, tag = "6")]
    pub(super) server_streaming: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MethodOptions {
    #[prost(int32, optional, tag = "34")]
    pub(super) idempotency_level: Option<i32>,
}

/// A kind of definition, by the numbers of the fields that hold further definitions.
struct Layout(&'static [(u32, &'static Layout)]);

const LEAF: Layout = Layout(&[]);
static IN_MESSAGE: Layout = Layout(&[(2, &LEAF), (3, &IN_MESSAGE), (4, &IN_ENUM), (8, &LEAF)]);
static IN_ENUM: Layout = Layout(&[(2, &LEAF)]);
static IN_SERVICE: Layout = Layout(&[(2, &LEAF)]);
/// Imports count as definitions: they cost as much.
static IN_FILE: Layout = Layout(&[
    (3, &LEAF),
    (4, &IN_MESSAGE),
    (5, &IN_ENUM),
    (6, &IN_SERVICE),
]);

/// Deepest nesting of messages. The decoder has the same limit.
const MAX_DEPTH: usize = 100;

/// Counts the definitions in an encoded file without decoding it: one may be two bytes here, and a kilobyte when it is
/// decoded and linked. A damaged file is counted up to the damage, which the decoder reports.
pub(super) fn count_definitions(file: &[u8]) -> usize {
    let mut total = 0;
    let _ = count(file, &IN_FILE, MAX_DEPTH, &mut total);
    total
}

fn count(
    mut bytes: &[u8],
    layout: &Layout,
    depth: usize,
    total: &mut usize,
) -> Result<(), DecodeError> {
    while bytes.has_remaining() {
        let (number, wire_type) = decode_key(&mut bytes)?;
        let inner = layout.0.iter().find(|(known, _)| *known == number);
        let Some((_, inner)) = inner.filter(|_| wire_type == WireType::LengthDelimited) else {
            skip_field(wire_type, number, &mut bytes, DecodeContext::default())?;
            continue;
        };
        *total += 1;
        let length = usize::try_from(decode_varint(&mut bytes)?).unwrap_or(usize::MAX);
        let Some((head, rest)) = bytes.split_at_checked(length) else {
            return Ok(());
        };
        if depth > 0 && !inner.0.is_empty() {
            count(head, inner, depth - 1, total)?;
        }
        bytes = rest;
    }
    Ok(())
}

//! The value of an answer: JSON as the protobuf JSON mapping has it, such that two messages are equal if and only if
//! their values are.
//!
//! The mapping alone cannot do that: it drops unknown fields and has no text for a timestamp out of range. Where it has
//! none, a message is shown as its plain fields. Names that are not a field's begin with `#`: `#17` is the unknown field
//! 17, and `#` alone holds the plain fields of a message whose mapping could be taken for them.
//!
//! The value is made from the bytes directly, because a [`prost_reflect::DynamicMessage`] does not give its unknown
//! fields, drops a negative zero, and is many times as large as its bytes: a list of four million small numbers needs
//! 4 MiB on the wire and 300 MiB there. Here the size is counted as the value grows.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use prost::encoding::WireType;
use prost_reflect::{DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::schema::{
    value_error::{MAX_DEPTH, ValueError},
    well_known,
    wire::{self, Wire},
};

/// The most memory of a value, beyond twice its bytes, which text and bytes need.
const MAX_SIZE: usize = 48 * 1024 * 1024;

/// What one value takes: an entry of an object with its key, or an element of a growing list.
const VALUE_SIZE: usize = 192;

/// What an object takes besides its entries: an index, and space for the first four of them.
const MESSAGE_SIZE: usize = 576;

/// The canonical value of an encoded message.
///
/// # Errors
/// When the bytes are not a message of this type, or beyond a limit.
pub(super) fn value(descriptor: &MessageDescriptor, bytes: &[u8]) -> Result<Value, ValueError> {
    let mut decoder = Decoder {
        left: MAX_SIZE.saturating_add(2 * bytes.len()),
    };
    let value = decoder.message(descriptor, &[bytes], 1)?;
    match is_within(&value, MAX_DEPTH) {
        true => Ok(value),
        false => Err(ValueError::TooDeep),
    }
}

fn is_within(value: &Value, depth: usize) -> bool {
    match value {
        Value::Object(fields) => depth > 0 && fields.values().all(|v| is_within(v, depth - 1)),
        Value::Array(items) => depth > 0 && items.iter().all(|v| is_within(v, depth - 1)),
        _ => true,
    }
}

/// The name of a field in a value. One that could be taken for another kind of name gets a `#` before it.
pub(super) fn field_key(field: &FieldDescriptor) -> String {
    let name = field.json_name();
    match name.starts_with(['#', '@']) {
        true => format!("#{name}"),
        false => name.to_owned(),
    }
}

/// What was found of one field of a message.
enum Occurrences<'a> {
    /// A value, of which the last one counts, or the parts of one message.
    Single(Vec<Wire<'a>>),
    List(Vec<Value>),
    /// Sorted by number or by text, whichever the keys are.
    Map(BTreeMap<(i128, String), Value>),
}

/// What was found of a message's fields, by their place in its declaration.
type Known<'a> = BTreeMap<i32, (FieldDescriptor, Occurrences<'a>)>;

struct Decoder {
    /// Memory that the value may still take.
    left: usize,
}

impl Decoder {
    fn charge(&mut self, size: usize) -> Result<(), ValueError> {
        self.left = self.left.checked_sub(size).ok_or(ValueError::TooLarge)?;
        Ok(())
    }

    /// The value of a message, which may be encoded in several parts.
    fn message(
        &mut self,
        descriptor: &MessageDescriptor,
        parts: &[&[u8]],
        depth: usize,
    ) -> Result<Value, ValueError> {
        if depth > MAX_DEPTH {
            return Err(ValueError::TooDeep);
        }
        self.charge(MESSAGE_SIZE)?;
        let mut known = Known::new();
        let mut unknown: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
        // Of each oneof the member that came last.
        let mut chosen = BTreeMap::new();
        for &part in parts {
            let mut rest = part;
            while let Some((number, wire)) = wire::next(&mut rest)? {
                self.charge(VALUE_SIZE)?;
                if let Wire::Group(content) = wire {
                    // It was scanned for its end, and a group within it will be scanned again.
                    self.charge(content.len())?;
                }
                let Some(field) = descriptor.get_field(number) else {
                    let values = unknown.entry(number).or_default();
                    if values.is_empty() {
                        // A list, and a name.
                        self.charge(MESSAGE_SIZE)?;
                    }
                    values.push(self.unknown(wire)?);
                    continue;
                };
                let place = place(field.path());
                if let Some(oneof) = field.containing_oneof()
                    && let Some(before) = chosen.insert(self::place(oneof.path()), place)
                    && before != place
                {
                    known.remove(&before);
                }
                let (_, found) = known
                    .entry(place)
                    .or_insert_with(|| (field.clone(), Occurrences::none(&field)));
                self.field(&field, wire, found, depth)?;
            }
        }
        let fields = self.fields(known, unknown, depth)?;
        match descriptor.full_name() {
            "google.protobuf.Any" => self.any(descriptor.parent_pool(), fields, depth),
            name => Ok(well_known::mapped(name, fields)),
        }
    }

    /// The values of what was found, in the order of the declaration; unknown fields come last.
    fn fields(
        &mut self,
        known: Known<'_>,
        unknown: BTreeMap<u32, Vec<Value>>,
        depth: usize,
    ) -> Result<Map<String, Value>, ValueError> {
        let mut fields = Map::new();
        for (field, found) in known.into_values() {
            let value = match found {
                Occurrences::List(items) if items.is_empty() => None,
                Occurrences::List(items) => Some(Value::Array(items)),
                Occurrences::Map(entries) => {
                    Some(entries.into_iter().map(|((_, k), v)| (k, v)).collect())
                }
                Occurrences::Single(wires) if is_absent(&field, &wires) => None,
                Occurrences::Single(wires) => Some(self.single(&field, &wires, depth)?),
            };
            if let Some(value) = value {
                let key = field_key(&field);
                self.charge(key.len())?;
                fields.insert(key, value);
            }
        }
        for (number, mut values) in unknown {
            let value = match values.len() {
                1 => values.remove(0),
                _ => Value::Array(values),
            };
            fields.insert(format!("#{number}"), value);
        }
        Ok(fields)
    }

    /// Adds one occurrence of a field to what was found before.
    fn field<'a>(
        &mut self,
        field: &FieldDescriptor,
        wire: Wire<'a>,
        found: &mut Occurrences<'a>,
        depth: usize,
    ) -> Result<(), ValueError> {
        let wire_type = wire::type_of(field);
        let is_packable = ![WireType::LengthDelimited, WireType::StartGroup].contains(&wire_type);
        match (found, wire) {
            (Occurrences::Map(entries), _) => {
                let (key, value) = self.entry(field, wire, depth)?;
                entries.insert(key, value);
            }
            (Occurrences::List(items), Wire::Bytes(mut packed)) if is_packable => {
                while !packed.is_empty() {
                    self.charge(VALUE_SIZE)?;
                    let wire = wire::scalar(wire_type, &mut packed)?;
                    items.push(self.single(field, &[wire], depth)?);
                }
            }
            (Occurrences::List(items), _) => items.push(self.single(field, &[wire], depth)?),
            // Checked here: of several occurrences only the last one counts, and a default is left out.
            (Occurrences::Single(_), _) if wire.wire_type() != wire_type => Err(mismatch(field))?,
            (Occurrences::Single(wires), _) => {
                if !matches!(field.kind(), Kind::Message(_)) {
                    wires.clear();
                }
                wires.push(wire);
            }
        }
        Ok(())
    }

    /// The key of a map's entry, by which it is sorted, and its value. What is missing is the default.
    fn entry(
        &mut self,
        field: &FieldDescriptor,
        wire: Wire<'_>,
        depth: usize,
    ) -> Result<((i128, String), Value), ValueError> {
        let (Kind::Message(entry), Wire::Bytes(mut rest)) = (field.kind(), wire) else {
            return Err(mismatch(field));
        };
        let (Some(key_field), Some(value_field)) = (entry.get_field(1), entry.get_field(2)) else {
            return Err(mismatch(field));
        };
        let (mut key, mut value) = (
            Occurrences::none(&key_field),
            Occurrences::none(&value_field),
        );
        while let Some((number, wire)) = wire::next(&mut rest)? {
            self.charge(VALUE_SIZE)?;
            match number {
                1 => self.field(&key_field, wire, &mut key, depth)?,
                2 => self.field(&value_field, wire, &mut value, depth)?,
                _ => {}
            }
        }
        let (Occurrences::Single(key), Occurrences::Single(value)) = (key, value) else {
            return Err(mismatch(field));
        };
        let key = match self.single(&key_field, &key, depth)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let number = match key_field.kind() {
            Kind::String => 0,
            _ => key.parse().unwrap_or_default(),
        };
        let value = self.single(&value_field, &value, depth)?;
        Ok(((number, key), value))
    }

    /// The value of a field that occurred so; the default if it did not occur.
    fn single(
        &mut self,
        field: &FieldDescriptor,
        wires: &[Wire<'_>],
        depth: usize,
    ) -> Result<Value, ValueError> {
        let kind = field.kind();
        let last = wires.last().copied();
        let wire = last.or_else(|| Wire::default_of(&kind));
        let wire = wire.ok_or_else(|| mismatch(field))?;
        Ok(match (kind, wire) {
            (Kind::Message(message), _) => {
                let parts = wires.iter().map(|wire| wire.part(field.is_group()));
                let parts: Option<Vec<_>> = parts.collect();
                let parts = parts.ok_or_else(|| mismatch(field))?;
                self.message(&message, &parts, depth + 1)?
            }
            (Kind::Bool, Wire::Varint(n)) => (n != 0).into(),
            (Kind::Int32, Wire::Varint(n)) => (n as i32).into(),
            (Kind::Int64, Wire::Varint(n)) => (n as i64).to_string().into(),
            (Kind::Uint32, Wire::Varint(n)) => (n as u32).into(),
            (Kind::Uint64, Wire::Varint(n)) => n.to_string().into(),
            (Kind::Sint32, Wire::Varint(n)) => (unzigzag((n as u32).into()) as i32).into(),
            (Kind::Sint64, Wire::Varint(n)) => unzigzag(n).to_string().into(),
            (Kind::Enum(of), Wire::Varint(n)) => self.enum_value(&of, n as i32)?,
            (Kind::Fixed32, Wire::Fixed32(n)) => n.into(),
            (Kind::Sfixed32, Wire::Fixed32(n)) => (n as i32).into(),
            (Kind::Float, Wire::Fixed32(n)) => well_known::float(f32::from_bits(n)),
            (Kind::Fixed64, Wire::Fixed64(n)) => n.to_string().into(),
            (Kind::Sfixed64, Wire::Fixed64(n)) => (n as i64).to_string().into(),
            (Kind::Double, Wire::Fixed64(n)) => well_known::double(f64::from_bits(n)),
            (Kind::String, Wire::Bytes(bytes)) => {
                self.charge(bytes.len())?;
                let text = str::from_utf8(bytes);
                let error = |_| ValueError::Text(field.full_name().to_owned());
                text.map_err(error)?.into()
            }
            (Kind::Bytes, Wire::Bytes(bytes)) => self.base64(bytes)?,
            _ => return Err(mismatch(field)),
        })
    }

    /// The name of an enum's value, or the number of one that the schema does not have.
    fn enum_value(&mut self, of: &EnumDescriptor, number: i32) -> Result<Value, ValueError> {
        Ok(match of.get_value(number) {
            Some(_) if of.full_name() == "google.protobuf.NullValue" => Value::Null,
            Some(value) => {
                self.charge(value.name().len())?;
                value.name().into()
            }
            None => number.into(),
        })
    }

    fn base64(&mut self, bytes: &[u8]) -> Result<Value, ValueError> {
        self.charge(bytes.len() / 3 * 4)?;
        Ok(BASE64_STANDARD.encode(bytes).into())
    }

    /// A field that the schema does not have. Of its type only the encoding is known.
    fn unknown(&mut self, wire: Wire<'_>) -> Result<Value, ValueError> {
        if !matches!(wire, Wire::Varint(_) | Wire::Bytes(_)) {
            self.charge(MESSAGE_SIZE)?;
        }
        Ok(match wire {
            Wire::Varint(n) => n.into(),
            Wire::Fixed64(n) => json!({"fixed64": n.to_string()}),
            Wire::Fixed32(n) => json!({"fixed32": n}),
            Wire::Bytes(bytes) => self.base64(bytes)?,
            Wire::Group(bytes) => json!({"group": self.base64(bytes)?}),
        })
    }

    /// A message within a message, expanded if its type is known.
    fn any(
        &mut self,
        pool: &DescriptorPool,
        fields: Map<String, Value>,
        depth: usize,
    ) -> Result<Value, ValueError> {
        if fields.is_empty() {
            return Ok(Value::Object(fields));
        }
        // The plain fields, and the object that is made of them.
        self.charge(2 * MESSAGE_SIZE)?;
        let text = |key| fields.get(key).and_then(Value::as_str).unwrap_or_default();
        let (url, encoded) = (text("typeUrl"), text("value"));
        let name = url.rsplit('/').next().unwrap_or_default();
        let (inner, is_wrapped) = match pool.get_message_by_name(name) {
            _ if well_known::has_unknown(&fields) => return Ok(well_known::marked(fields)),
            None => (encoded.into(), true),
            Some(descriptor) => {
                let bytes = BASE64_STANDARD.decode(encoded).unwrap_or_default();
                match self.message(&descriptor, &[&bytes], depth + 1) {
                    Ok(value) => (value, well_known::is_mapped(name)),
                    Err(limit @ (ValueError::TooDeep | ValueError::TooLarge)) => return Err(limit),
                    // Not to be taken for a message with a field `value`.
                    Err(_) => return Ok(well_known::marked(fields)),
                }
            }
        };
        let mut expanded = Map::new();
        expanded.insert("@type".to_owned(), url.into());
        match inner {
            Value::Object(fields) if !is_wrapped => expanded.extend(fields),
            value => _ = expanded.insert("value".to_owned(), value),
        }
        Ok(Value::Object(expanded))
    }
}

impl Occurrences<'_> {
    fn none(field: &FieldDescriptor) -> Self {
        match (field.is_map(), field.is_list()) {
            (true, _) => Self::Map(BTreeMap::new()),
            (_, true) => Self::List(Vec::new()),
            _ => Self::Single(Vec::new()),
        }
    }
}

/// The place of a definition among its neighbours.
fn place(path: &[i32]) -> i32 {
    path.last().copied().unwrap_or_default()
}

/// Whether the last value of a field without presence is its default: zero bits, once it is cut to its size.
fn is_absent(field: &FieldDescriptor, wires: &[Wire<'_>]) -> bool {
    if field.supports_presence() {
        return false;
    }
    match (wires.last(), field.kind()) {
        (Some(Wire::Varint(n)), Kind::Bool | Kind::Int64 | Kind::Uint64 | Kind::Sint64) => *n == 0,
        (Some(Wire::Varint(n)), _) => *n as u32 == 0,
        (Some(Wire::Fixed64(n)), _) => *n == 0,
        (Some(Wire::Fixed32(n)), _) => *n == 0,
        (Some(Wire::Bytes(bytes)), _) => bytes.is_empty(),
        (Some(Wire::Group(_)), _) => false,
        (None, _) => true,
    }
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn mismatch(field: &FieldDescriptor) -> ValueError {
    ValueError::FieldType(field.full_name().to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use prost::{
        Message as _,
        bytes::Bytes,
        encoding::{WireType, encode_key, encode_varint},
    };
    use prost_reflect::{DynamicMessage, MapKey};

    use super::*;

    const PROTO: &str = r##"
        syntax = "proto3";
        package shapes;
        import "google/protobuf/any.proto";
        import "google/protobuf/duration.proto";
        import "google/protobuf/empty.proto";
        import "google/protobuf/field_mask.proto";
        import "google/protobuf/struct.proto";
        import "google/protobuf/timestamp.proto";
        import "google/protobuf/wrappers.proto";

        enum Color { NONE = 0; RED = 1; }

        message All {
            // Declared in another order than numbered.
            string text = 3;
            int64 i64 = 1;
            int32 i32 = 2;
            uint32 u32 = 4;
            uint64 u64 = 5;
            sint32 s32 = 6;
            sint64 s64 = 7;
            fixed32 f32 = 8;
            fixed64 f64 = 9;
            sfixed32 sf32 = 10;
            sfixed64 sf64 = 11;
            float small = 12;
            double large = 13;
            bool flag = 14;
            bytes raw = 15;
            Color color = 16;
            All nested = 17;
            repeated sint32 packed = 18;
            repeated string texts = 19;
            repeated All items = 20;
            map<string, int32> counts = 21;
            map<sint64, All> parts = 22;
            map<bool, Color> colors = 23;
            oneof choice {
                int32 number = 24;
                All message = 25;
                google.protobuf.NullValue nothing = 26;
            }
            optional double maybe = 27;
            google.protobuf.Any any = 28;
            google.protobuf.Timestamp time = 29;
            google.protobuf.Duration span = 30;
            google.protobuf.FieldMask mask = 31;
            google.protobuf.Struct object = 32;
            google.protobuf.Value value = 33;
            google.protobuf.ListValue list = 34;
            google.protobuf.Int64Value wrapped = 35;
            google.protobuf.BytesValue blob = 36;
            google.protobuf.Empty empty = 37;
            string odd = 38 [json_name = "#7"];
        }
    "##;

    fn compile(proto: &str, message: &str) -> MessageDescriptor {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shapes.proto");
        std::fs::write(&file, proto).unwrap();
        let set = protox::compile([file], [folder.path()]).unwrap();
        let pool = DescriptorPool::from_file_descriptor_set(set).unwrap();
        pool.get_message_by_name(message).unwrap()
    }

    static SHAPES: LazyLock<MessageDescriptor> = LazyLock::new(|| compile(PROTO, "shapes.All"));

    /// A field's tag.
    fn tag(number: u32, wire_type: WireType) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_key(number, wire_type, &mut bytes);
        bytes
    }

    fn varint(number: u32, value: u64) -> Vec<u8> {
        let mut bytes = tag(number, WireType::Varint);
        encode_varint(value, &mut bytes);
        bytes
    }

    fn bytes(number: u32, content: impl AsRef<[u8]>) -> Vec<u8> {
        let mut bytes = tag(number, WireType::LengthDelimited);
        encode_varint(content.as_ref().len() as u64, &mut bytes);
        [&bytes, content.as_ref()].concat()
    }

    fn all(parts: &[Vec<u8>]) -> Value {
        value(&SHAPES, &parts.concat()).unwrap()
    }

    fn wrapped(url: &str, content: &[u8]) -> Vec<u8> {
        bytes(28, [bytes(1, url), bytes(2, content)].concat())
    }

    #[test]
    fn fields_are_shown_in_declared_order_with_the_mapping_of_their_type() {
        let fixed64 = |number, value: u64| {
            [
                tag(number, WireType::SixtyFourBit),
                value.to_le_bytes().to_vec(),
            ]
            .concat()
        };
        let fixed32 = |number, value: u32| {
            [
                tag(number, WireType::ThirtyTwoBit),
                value.to_le_bytes().to_vec(),
            ]
            .concat()
        };
        let shown = all(&[
            varint(1, u64::MAX),
            varint(2, u64::MAX),
            bytes(3, "é\"\u{1b}"),
            varint(4, u32::MAX.into()),
            varint(5, u64::MAX),
            varint(6, 1),
            varint(7, u64::MAX),
            fixed32(8, u32::MAX),
            fixed64(9, u64::MAX),
            fixed32(10, u32::MAX),
            fixed64(11, u64::MAX),
            fixed32(12, 0.1f32.to_bits()),
            fixed64(13, (-0.0f64).to_bits()),
            varint(14, 2),
            bytes(15, [255, 0]),
            varint(16, 1),
            bytes(18, [1, 0, 2]),
            varint(18, 3),
            bytes(19, ""),
            bytes(23, [varint(1, 1), varint(2, 9)].concat()),
            bytes(23, []),
            varint(27, 0)[..0].to_vec(),
            fixed64(27, 0),
        ]);
        let expected = json!({
            "text": "é\"\u{1b}", "i64": "-1", "i32": -1, "u32": u32::MAX, "u64": u64::MAX.to_string(),
            "s32": -1, "s64": i64::MIN.to_string(), "f32": u32::MAX, "f64": u64::MAX.to_string(),
            "sf32": -1, "sf64": "-1", "small": 0.1, "large": -0.0, "flag": true, "raw": "/wA=",
            "color": "RED", "packed": [-1, 0, 1, -2], "texts": [""],
            "colors": {"false": "NONE", "true": 9}, "maybe": 0.0,
        });
        assert_eq!(shown.to_string(), expected.to_string());
    }

    #[test]
    fn defaults_without_presence_are_absent_and_others_are_shown() {
        let zero = [
            varint(2, 1 << 32),
            bytes(3, ""),
            varint(14, 0),
            varint(16, 0),
            bytes(18, []),
        ];
        assert_eq!(all(&zero), json!({}));
        let present = [bytes(17, []), varint(24, 0), bytes(37, []), bytes(35, [])];
        assert_eq!(
            all(&present),
            json!({"nested": {}, "number": 0, "wrapped": "0", "empty": {}})
        );
        assert_eq!(all(&[varint(26, 0)]), json!({"nothing": null}));
    }

    #[test]
    fn repeated_single_fields_are_merged_and_of_a_oneof_the_last_member_counts() {
        let merged = [
            bytes(17, varint(2, 1)),
            varint(2, 5),
            bytes(17, bytes(3, "a")),
            varint(2, 6),
        ];
        assert_eq!(
            all(&merged),
            json!({"i32": 6, "nested": {"text": "a", "i32": 1}})
        );
        let message = |number| bytes(25, varint(2, number));
        assert_eq!(
            all(&[varint(24, 1), message(2)]),
            json!({"message": {"i32": 2}})
        );
        assert_eq!(
            all(&[message(2), varint(24, 1), message(0)]),
            json!({"message": {}})
        );
        let entry = |key: &str, n| bytes(21, [bytes(1, key), varint(2, n)].concat());
        assert_eq!(
            all(&[entry("b", 1), entry("a", 2), entry("b", 3)]).to_string(),
            r#"{"counts":{"a":2,"b":3}}"#
        );
        let part = |key| bytes(22, varint(1, key));
        // Keys are sorted as numbers: 10, 9, -1.
        assert_eq!(
            all(&[part(20), part(18), part(1), part(18)]).to_string(),
            r#"{"parts":{"-1":{},"9":{},"10":{}}}"#
        );
    }

    #[test]
    fn unknown_fields_are_shown_by_number() {
        let group = [
            tag(104, WireType::StartGroup),
            varint(1, 1),
            tag(104, WireType::EndGroup),
        ]
        .concat();
        let fixed = [tag(103, WireType::ThirtyTwoBit), vec![7, 0, 0, 0]].concat();
        let parts = [
            group,
            varint(102, 7),
            fixed,
            bytes(101, "hi"),
            varint(102, 8),
            varint(2, 1),
        ];
        assert_eq!(
            all(&parts).to_string(),
            json!({
                "i32": 1, "#101": "aGk=", "#102": [7, 8], "#103": {"fixed32": 7}, "#104": {"group": "CAE="},
            })
            .to_string()
        );
        assert_eq!(
            all(&[bytes(38, "x"), varint(7000, 1)]),
            json!({"##7": "x", "#7000": 1})
        );
    }

    #[test]
    fn well_known_types_are_mapped_and_plain_where_that_is_impossible() {
        let second = |seconds: i64, nanos: i32| {
            [varint(1, seconds as u64), varint(2, nanos as u64)].concat()
        };
        for (number, content, expected) in [
            (29, second(1, 0), json!({"time": "1970-01-01T00:00:01Z"})),
            (
                29,
                second(-62_135_596_800, 1000),
                json!({"time": "0001-01-01T00:00:00.000001Z"}),
            ),
            (
                29,
                second(253_402_300_799, 999_999_999),
                json!({"time": "9999-12-31T23:59:59.999999999Z"}),
            ),
            (
                29,
                second(253_402_300_800, 0),
                json!({"time": {"seconds": "253402300800"}}),
            ),
            (29, second(0, -1), json!({"time": {"nanos": -1}})),
            (29, varint(9, 1), json!({"time": {"#9": 1}})),
            (30, second(0, 0), json!({"span": "0s"})),
            (30, second(-1, -500_000_000), json!({"span": "-1.500s"})),
            (30, second(0, -1), json!({"span": "-0.000000001s"})),
            (
                30,
                second(1, -1),
                json!({"span": {"seconds": "1", "nanos": -1}}),
            ),
            (31, vec![], json!({"mask": ""})),
            (
                31,
                [bytes(1, "a_b.c"), bytes(1, "d")].concat(),
                json!({"mask": "aB.c,d"}),
            ),
            (31, bytes(1, "aB"), json!({"mask": {"paths": ["aB"]}})),
            (31, bytes(1, ""), json!({"mask": {"paths": [""]}})),
            (31, bytes(1, "a,b"), json!({"mask": {"paths": ["a,b"]}})),
            (35, varint(1, 5), json!({"wrapped": "5"})),
            (36, bytes(1, [0]), json!({"blob": "AA=="})),
            (36, varint(2, 0), json!({"blob": {"#2": 0}})),
            (34, vec![], json!({"list": []})),
            (34, bytes(1, varint(1, 0)), json!({"list": [null]})),
            (33, vec![], json!({"value": {"#": {}}})),
            (33, varint(1, 1), json!({"value": {"#": {"nullValue": 1}}})),
            (33, bytes(3, "s"), json!({"value": "s"})),
            (33, bytes(5, []), json!({"value": {}})),
            (
                33,
                bytes(5, varint(9, 0)),
                json!({"value": {"#": {"structValue": {"#": {"#9": 0}}}}}),
            ),
            (
                33,
                bytes(6, varint(9, 0)),
                json!({"value": {"#": {"listValue": {"#9": 0}}}}),
            ),
            (
                32,
                bytes(1, [bytes(1, "#"), bytes(2, varint(4, 1))].concat()),
                json!({"object": {"##": true}}),
            ),
        ] {
            assert_eq!(all(&[bytes(number, content)]), expected);
        }
        let nan = [
            tag(2, WireType::SixtyFourBit),
            f64::NAN.to_le_bytes().to_vec(),
        ]
        .concat();
        assert_eq!(
            all(&[bytes(33, nan)]),
            json!({"value": {"#": {"numberValue": "NaN"}}})
        );
    }

    #[test]
    fn an_any_is_expanded_if_its_type_is_known() {
        let blob = bytes(1, [0]);
        for (url, content, expected) in [
            ("", &[][..], json!({})),
            (
                "x/shapes.All",
                &varint(2, 5),
                json!({"@type": "x/shapes.All", "i32": 5}),
            ),
            (
                "x/google.protobuf.BytesValue",
                &blob,
                json!({"@type": "x/google.protobuf.BytesValue", "value": "AA=="}),
            ),
            (
                "x/google.protobuf.Empty",
                &[],
                json!({"@type": "x/google.protobuf.Empty", "value": {}}),
            ),
            (
                "x/no.Type",
                &[1],
                json!({"@type": "x/no.Type", "value": "AQ=="}),
            ),
            (
                "x/shapes.All",
                &[1],
                json!({"#": {"typeUrl": "x/shapes.All", "value": "AQ=="}}),
            ),
        ] {
            assert_eq!(all(&[wrapped(url, content)]), json!({"any": expected}));
        }
        // The order of a map's entries within does not count.
        let entry = |key: &str| bytes(21, [bytes(1, key), varint(2, 1)].concat());
        let [a, b] = [["a", "b"], ["b", "a"]]
            .map(|keys| all(&[wrapped("/shapes.All", &keys.map(entry).concat())]).to_string());
        assert_eq!(a, b);
    }

    #[test]
    fn answers_that_do_not_match_are_errors() {
        let deep = |number, levels| (0..levels).fold(Vec::new(), |inner, _| bytes(number, inner));
        let struct_deep = (0..60).fold(bytes(3, ""), |inner, _| bytes(6, bytes(1, inner)));
        let in_any = (0..200).fold(vec![], |inner, _| wrapped("/shapes.All", &inner));
        assert!(value(&SHAPES, &deep(17, 99)).is_ok());
        for (content, expected) in [
            (
                bytes(2, [1]),
                "the field shapes.All.i32 has another type than in the schema",
            ),
            (
                varint(3, 0),
                "the field shapes.All.text has another type than in the schema",
            ),
            (
                bytes(2, []),
                "the field shapes.All.i32 has another type than in the schema",
            ),
            (
                [bytes(2, [1]), varint(2, 1)].concat(),
                "the field shapes.All.i32 has another type than in the schema",
            ),
            (
                [bytes(24, []), bytes(25, [])].concat(),
                "the field shapes.All.number has another type than in the schema",
            ),
            (
                bytes(23, [bytes(2, []), varint(2, 1)].concat()),
                "the field shapes.All.ColorsEntry.value has another type than in the schema",
            ),
            (
                varint(17, 1),
                "the field shapes.All.nested has another type than in the schema",
            ),
            (
                varint(21, 1),
                "the field shapes.All.counts has another type than in the schema",
            ),
            (bytes(3, [255]), "the string shapes.All.text is not UTF-8"),
            (bytes(3, "abc")[..4].to_vec(), "the message is truncated"),
            (vec![9, 0], "the message is truncated"),
            (
                deep(17, 200),
                "the message is nested more than 100 levels deep",
            ),
            (
                deep(20, 60),
                "the message is nested more than 100 levels deep",
            ),
            (
                bytes(33, struct_deep),
                "the message is nested more than 100 levels deep",
            ),
            (in_any, "the message is nested more than 100 levels deep"),
        ] {
            let error = value(&SHAPES, &content).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        for content in [
            &b"\x0b"[..],
            b"\x0c",
            b"\x0f",
            b"\x03\xff",
            b"\x10\xff",
            b"\x83\x06\x8b\x06\x84\x06",
        ] {
            assert!(value(&SHAPES, content).is_err(), "{content:?}");
        }
    }

    /// Four million numbers of one byte would take 300 MiB.
    #[test]
    fn the_size_of_a_value_is_bounded() {
        let numbers = |count: usize| value(&SHAPES, &bytes(18, vec![1; count]));
        assert!(numbers(200_000).is_ok());
        let messages = |count: usize| value(&SHAPES, &[bytes(20, [])].concat().repeat(count));
        assert!(messages(60_000).is_ok());
        for too_large in [numbers(4 << 20), messages(2 << 20), messages(70_000)] {
            assert!(matches!(too_large, Err(ValueError::TooLarge)));
        }
        let numbered = (1000..71_000).flat_map(|number| varint(number, 7));
        let unknown = value(&SHAPES, &numbered.collect::<Vec<u8>>());
        assert!(matches!(unknown, Err(ValueError::TooLarge)));
        let text = bytes(3, "x".repeat(64 << 20));
        assert!(value(&SHAPES, &text).is_ok());
    }

    /// The first value of an enum is its default, and in proto2 it may have any number.
    #[test]
    fn an_enum_value_that_is_missing_in_a_map_is_the_first_one() {
        let proto = "syntax = \"proto2\"; enum Level { LOW = 3; NONE = 0; } \
                     message M { map<string, Level> levels = 1; }";
        let entry = bytes(1, bytes(1, "a"));
        let shown = value(&compile(proto, "M"), &entry).unwrap();
        assert_eq!(shown, json!({"levels": {"a": "LOW"}}));
    }

    #[test]
    fn names_of_enum_values_count_for_the_size_of_a_value() {
        let name = "X".repeat(1_000);
        let proto = format!(
            "syntax = \"proto3\"; enum E {{ {name} = 0; }} message M {{ repeated E values = 1; }}"
        );
        let message = compile(&proto, "M");
        assert!(value(&message, &bytes(1, vec![0; 10_000])).is_ok());
        let too_large = value(&message, &bytes(1, vec![0; 100_000]));
        assert!(matches!(too_large, Err(ValueError::TooLarge)));
    }

    #[test]
    fn names_of_fields_count_for_the_size_of_a_value() {
        let name = "x".repeat(1_000);
        let proto =
            format!("syntax = \"proto3\"; message M {{ repeated M items = 1; int32 {name} = 2; }}");
        let message = compile(&proto, "M");
        let items = |count| value(&message, &bytes(1, varint(2, 1)).repeat(count));
        assert!(items(10_000).is_ok());
        assert!(matches!(items(40_000), Err(ValueError::TooLarge)));
    }

    /// The end of a group is found by a scan, and each group within it needs another.
    #[test]
    fn scans_of_groups_within_groups_count_for_the_size_of_a_value() {
        const DEPTH: usize = 28;
        let mut proto = "syntax = \"proto2\"; message M {".to_owned();
        for level in 0..DEPTH {
            proto += &format!("optional group G{level} = 1 {{");
        }
        proto += "optional int32 last = 2;";
        proto += &"}".repeat(DEPTH + 1);
        let message = compile(&proto, "M");
        let group = |fields: usize| {
            let (start, end) = (
                tag(1, WireType::StartGroup).repeat(DEPTH),
                tag(1, WireType::EndGroup).repeat(DEPTH),
            );
            value(
                &message,
                &[start, varint(2, 1).repeat(fields), end].concat(),
            )
        };
        assert!(group(10_000).is_ok());
        assert!(matches!(group(220_000), Err(ValueError::TooLarge)));
    }

    fn scalars() -> impl Strategy<Value = DynamicMessage> {
        use prost_reflect::Value as V;
        let (small, text) = (any::<f32>(), any::<String>());
        let parts = (
            any::<(i64, i32, u32, u64, bool)>(),
            (small, any::<f64>(), text, any::<Vec<u8>>(), 0..3),
            (any::<Vec<i32>>(), any::<Option<f64>>()),
            prop::collection::hash_map(any::<String>(), any::<i32>(), 0..4),
        );
        parts.prop_map(|((a, b, c, d, e), (f, g, h, i, j), (k, l), counts)| {
            let mut message = DynamicMessage::new(SHAPES.clone());
            let counts = counts
                .into_iter()
                .map(|(k, v)| (MapKey::String(k), V::I32(v)));
            let packed = k.into_iter().map(V::I32).collect();
            for (name, value) in [
                ("i64", V::I64(a)),
                ("i32", V::I32(b)),
                ("u32", V::U32(c)),
                ("u64", V::U64(d)),
                ("flag", V::Bool(e)),
                ("small", V::F32(f)),
                ("large", V::F64(g)),
                ("text", V::String(h)),
                ("raw", V::Bytes(Bytes::from(i))),
                ("color", V::EnumNumber(j)),
                ("s32", V::I32(b)),
                ("s64", V::I64(a)),
                ("f32", V::U32(c)),
                ("f64", V::U64(d)),
                ("sf32", V::I32(b)),
                ("sf64", V::I64(a)),
                ("packed", V::List(packed)),
                ("counts", V::Map(counts.collect())),
            ] {
                message.set_field_by_name(name, value);
            }
            if let Some(maybe) = l {
                message.set_field_by_name("maybe", V::F64(maybe));
            }
            message
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_bytes_do_not_panic(content in any::<Vec<u8>>(), number in 1u32..40) {
            let _ = value(&SHAPES, &content);
            let _ = value(&SHAPES, &bytes(number, content));
        }

        /// As another implementation of the mapping has it, up to the digits of `float` and the order of keys.
        #[test]
        fn scalars_agree_with_another_implementation(message in scalars(), nested in scalars()) {
            use prost_reflect::Value as V;
            let mut message = message;
            message.set_field_by_name("items", V::List(vec![V::Message(nested.clone())]));
            message.set_field_by_name("nested", V::Message(nested));
            let ours = value(&SHAPES, &message.encode_to_vec()).unwrap();
            let mut theirs = serde_json::to_value(&message).unwrap();
            for path in ["/small", "/nested/small", "/items/0/small"] {
                if let Some(number) = theirs.pointer_mut(path).filter(|v| v.is_number()) {
                    *number = well_known::float(number.as_f64().unwrap() as f32);
                }
            }
            prop_assert_eq!(ours, theirs);
        }
    }
}

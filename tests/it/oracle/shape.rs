//! Random message types, and how they are written in a `.proto` file.

use std::fmt::Write as _;

use fastrand::Rng;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Text,
    Bytes,
    Enum,
    /// The message of this number.
    Message(usize),
    Timestamp,
    Duration,
    FieldMask,
    Empty,
    Struct,
    Json,
    JsonList,
    Any,
    /// The wrapper of [`WRAPPED`] at this index.
    Wrapper(usize),
}

pub(super) const SCALARS: [(Kind, &str); 16] = [
    (Kind::Bool, "bool"),
    (Kind::Int32, "int32"),
    (Kind::Int64, "int64"),
    (Kind::Uint32, "uint32"),
    (Kind::Uint64, "uint64"),
    (Kind::Sint32, "sint32"),
    (Kind::Sint64, "sint64"),
    (Kind::Fixed32, "fixed32"),
    (Kind::Fixed64, "fixed64"),
    (Kind::Sfixed32, "sfixed32"),
    (Kind::Sfixed64, "sfixed64"),
    (Kind::Float, "float"),
    (Kind::Double, "double"),
    (Kind::Text, "string"),
    (Kind::Bytes, "bytes"),
    (Kind::Enum, "Color"),
];

const KNOWN: [(Kind, &str); 8] = [
    (Kind::Timestamp, "Timestamp"),
    (Kind::Duration, "Duration"),
    (Kind::FieldMask, "FieldMask"),
    (Kind::Empty, "Empty"),
    (Kind::Struct, "Struct"),
    (Kind::Json, "Value"),
    (Kind::JsonList, "ListValue"),
    (Kind::Any, "Any"),
];

pub(super) const WRAPPED: [(Kind, &str); 9] = [
    (Kind::Double, "DoubleValue"),
    (Kind::Float, "FloatValue"),
    (Kind::Int64, "Int64Value"),
    (Kind::Uint64, "UInt64Value"),
    (Kind::Int32, "Int32Value"),
    (Kind::Uint32, "UInt32Value"),
    (Kind::Bool, "BoolValue"),
    (Kind::Text, "StringValue"),
    (Kind::Bytes, "BytesValue"),
];

const KEYS: [usize; 9] = [0, 1, 2, 3, 4, 5, 8, 10, 13];

/// The values of the enum `Color`.
pub(super) const COLORS: [(i32, &str); 3] = [(0, "NONE"), (1, "RED"), (-1, "BLUE")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cardinality {
    /// Without presence; of a message as usual.
    Implicit,
    Optional,
    Repeated,
    /// With keys of this type.
    Map(Kind),
    Oneof,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// Its key in JSON.
    pub(super) key: String,
    pub(super) kind: Kind,
    pub(super) cardinality: Cardinality,
}

/// Messages that may contain each other. The first is the answer.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) id: usize,
    pub(super) messages: Vec<Vec<Field>>,
}

impl Shape {
    pub(super) fn random(id: usize, rng: &mut Rng) -> Self {
        let count = rng.usize(1..4);
        let mut messages = Vec::new();
        for _ in 0..count {
            let mut numbers: Vec<u32> = (1..40).collect();
            rng.shuffle(&mut numbers);
            numbers.truncate(rng.usize(1..9));
            let fields = numbers.into_iter().map(|n| Field::random(n, count, rng));
            messages.push(fields.collect());
        }
        Self { id, messages }
    }

    /// The full name of a message.
    pub(super) fn name(&self, message: usize) -> String {
        format!("shapes.M{}x{message}", self.id)
    }

    /// Its definitions and a service that answers with it.
    pub(super) fn proto(&self) -> String {
        let mut text = String::new();
        for (message, fields) in self.messages.iter().enumerate() {
            writeln!(text, "message M{}x{message} {{", self.id).unwrap();
            let (oneof, others): (Vec<_>, Vec<_>) = fields
                .iter()
                .partition(|field| field.cardinality == Cardinality::Oneof);
            for field in others {
                text += &self.declaration(field);
            }
            if !oneof.is_empty() {
                text += "oneof choice {\n";
                for field in oneof {
                    text += &self.declaration(field);
                }
                text += "}\n";
            }
            text += "}\n";
        }
        let answer = format!("M{}x0", self.id);
        writeln!(
            text,
            "service S{} {{ rpc Get({answer}) returns ({answer}); }}",
            self.id
        )
        .unwrap();
        text
    }

    fn declaration(&self, field: &Field) -> String {
        let of = |kind| match kind {
            Kind::Message(message) => format!("M{}x{message}", self.id),
            Kind::Wrapper(index) => format!("google.protobuf.{}", WRAPPED[index].1),
            kind => match SCALARS.iter().find(|(scalar, _)| *scalar == kind) {
                Some((_, name)) => (*name).to_owned(),
                None => {
                    let known = KNOWN.iter().find(|(known, _)| *known == kind);
                    format!("google.protobuf.{}", known.unwrap().1)
                }
            },
        };
        let kind = match field.cardinality {
            Cardinality::Implicit | Cardinality::Oneof => of(field.kind),
            Cardinality::Optional => format!("optional {}", of(field.kind)),
            Cardinality::Repeated => format!("repeated {}", of(field.kind)),
            Cardinality::Map(key) => format!("map<{}, {}>", of(key), of(field.kind)),
        };
        let number = field.number;
        let (name, option) = match field.key.strip_prefix('#') {
            Some(json_name) => (
                format!("f_{number}"),
                format!(" [json_name = {json_name:?}]"),
            ),
            None => (format!("a_field{number}"), String::new()),
        };
        format!("{kind} {name} = {number}{option};\n")
    }
}

impl Field {
    fn random(number: u32, messages: usize, rng: &mut Rng) -> Self {
        let kind = match rng.u8(0..10) {
            0..5 => SCALARS[rng.usize(..SCALARS.len())].0,
            5..7 => Kind::Message(rng.usize(..messages)),
            7..9 => KNOWN[rng.usize(..KNOWN.len())].0,
            _ => Kind::Wrapper(rng.usize(..WRAPPED.len())),
        };
        let cardinality = match rng.u8(0..8) {
            0..2 => Cardinality::Implicit,
            2 => Cardinality::Optional,
            3..5 => Cardinality::Repeated,
            5..7 => Cardinality::Map(SCALARS[KEYS[rng.usize(..KEYS.len())]].0),
            _ => Cardinality::Oneof,
        };
        let key = match rng.u8(0..12) {
            // A name that could be taken for an unknown field's has a mark before it.
            0 => format!("##{number}"),
            _ => format!("aField{number}"),
        };
        Self {
            number,
            key,
            kind,
            cardinality,
        }
    }
}

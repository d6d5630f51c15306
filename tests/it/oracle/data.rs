//! Random messages. Two are equal if and only if their data are: what a message does not tell apart has one form here.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::shape::{COLORS, Cardinality, Field, Kind, Shape, WRAPPED};

/// What one field or element holds. Floats are their bits, with one NaN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Data {
    /// Of every type of integer.
    Integer(i128),
    Float(u32),
    Double(u64),
    Text(String),
    Bytes(Vec<u8>),
    Message(Message),
    /// A `Timestamp` or `Duration`, with unknown fields or not.
    Time(i64, i32, bool),
    Mask(Vec<String>),
    /// The wrapped value; its default is absent on the wire.
    Wrapped(Box<Data>),
    Json(Json),
    /// A message in an `Any`: the URL, and the content by its type.
    Any(String, Box<Content>),
}

/// The content of an `Any`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// The message of this number.
    Known(usize, Message),
    /// A wrapper.
    Wrapped(usize, Data),
    /// A type that the schema does not have.
    Unknown(Vec<u8>),
    /// Bytes that are not a message of their type.
    Damaged(Vec<u8>),
}

/// A `google.protobuf.Value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Json {
    Unset,
    Null,
    Number(u64),
    Text(String),
    Bool(bool),
    Struct(BTreeMap<String, Json>),
    List(Vec<Json>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Occurrence {
    One(Data),
    List(Vec<Data>),
    /// By keys as they are in JSON.
    Map(BTreeMap<String, Data>),
}

/// An unknown field's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unknown {
    Varint(u64),
    Fixed64(u64),
    Bytes(Vec<u8>),
    Group(u8),
    Fixed32(u32),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Message {
    /// By number.
    pub(super) fields: BTreeMap<u32, Occurrence>,
    pub(super) unknown: BTreeMap<u32, Vec<Unknown>>,
}

/// Keys of maps, and how a path shows them.
pub(super) const KEYS: [(&str, &str); 7] = [
    ("k1", ".k1"),
    ("a.b", "[\"a.b\"]"),
    ("", "[\"\"]"),
    ("x \"y\"", "[\"x \\\"y\\\"\"]"),
    ("é", "[\"é\"]"),
    ("\u{202e}", "[\"\\u202e\"]"),
    ("#1", ".#1"),
];

const INTEGERS: [i64; 8] = [0, 0, 1, -1, 2, i32::MAX as i64, i64::MIN, 1 << 40];
const DOUBLES: [f64; 8] = [
    0.0,
    -0.0,
    1.0,
    0.1,
    -1e300,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];
const TEXTS: [&str; 6] = ["", "a", "b", "0", "NaN", "héé\u{1b}\u{202e}"];

fn one<T: Clone>(of: &[T], rng: &mut Rng) -> T {
    of[rng.usize(..of.len())].clone()
}

/// The integers that a type can hold, as it cuts what is larger.
pub(super) fn cut(kind: Kind, n: i64) -> i128 {
    match kind {
        Kind::Bool => (n != 0).into(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Enum => (n as i32).into(),
        Kind::Uint32 | Kind::Fixed32 => (n as u32).into(),
        Kind::Uint64 | Kind::Fixed64 => (n as u64).into(),
        _ => n.into(),
    }
}

impl Data {
    pub(super) fn random(kind: Kind, shape: &Shape, depth: usize, rng: &mut Rng) -> Self {
        match kind {
            Kind::Float => Self::Float((one(&DOUBLES, rng) as f32).to_bits()),
            Kind::Double => Self::Double(one(&DOUBLES, rng).to_bits()),
            Kind::Text => Self::Text(one(&TEXTS, rng).to_owned()),
            Kind::Bytes => Self::Bytes(one(&TEXTS, rng).as_bytes().to_vec()),
            Kind::Enum => Self::Integer([COLORS[0].0, 1, -1, 7][rng.usize(..4)].into()),
            Kind::Message(number) => Self::Message(Message::random(number, shape, depth + 1, rng)),
            Kind::Timestamp | Kind::Duration => {
                let seconds = [0, 1, -1, 951_782_400, -62_135_596_800, 253_402_300_799];
                let far = [253_402_300_800, -62_135_596_801, 315_576_000_001, i64::MAX];
                let seconds = if rng.u8(..5) == 0 {
                    one(&far, rng)
                } else {
                    one(&seconds, rng)
                };
                let nanos = one(&[0, 0, 5_000_000, 1000, 999_999_999, -1], rng);
                Self::Time(seconds, nanos, rng.u8(..20) == 0)
            }
            Kind::FieldMask => {
                let paths = ["a", "b_c", "b_c.d", "aB", "x_", "", "_y", "p,q", "__z"];
                let safe = rng.bool();
                let count = rng.usize(..3);
                let path = |_| one(if safe { &paths[..3] } else { &paths[..] }, rng).to_owned();
                Self::Mask((0..count).map(path).collect())
            }
            Kind::Empty => Self::Message(Message::default()),
            Kind::Wrapper(index) => {
                Self::Wrapped(Box::new(Self::random(WRAPPED[index].0, shape, depth, rng)))
            }
            Kind::Json => Self::Json(Json::random(depth, rng)),
            Kind::Struct => Self::Json(Json::random_struct(depth, rng)),
            Kind::JsonList => Self::Json(Json::List(
                (0..rng.usize(..3))
                    .map(|_| Json::random(depth + 1, rng))
                    .collect(),
            )),
            Kind::Any => {
                let host = one(&["type.googleapis.com/", "/", "x/y/"], rng);
                let number = rng.usize(..shape.messages.len());
                let of = |name: &str| format!("{host}{name}");
                let (url, content) = match rng.u8(..8) {
                    0 => (of("no.Such"), Content::Unknown(vec![1, 2])),
                    1 => (of(&shape.name(number)), Content::Damaged(vec![0xff])),
                    2 => {
                        let index = rng.usize(..WRAPPED.len());
                        let value = Self::random(WRAPPED[index].0, shape, depth, rng);
                        (
                            of(&format!("google.protobuf.{}", WRAPPED[index].1)),
                            Content::Wrapped(index, value),
                        )
                    }
                    3 => (String::new(), Content::Unknown(Vec::new())),
                    _ => (
                        of(&shape.name(number)),
                        Content::Known(number, Message::random(number, shape, depth + 1, rng)),
                    ),
                };
                Self::Any(url, Box::new(content))
            }
            kind => Self::Integer(cut(kind, one(&INTEGERS, rng))),
        }
    }

    /// Whether a field without presence is absent if it has this value.
    pub(super) fn is_default(&self) -> bool {
        match self {
            Self::Integer(n) => *n == 0,
            Self::Float(bits) => *bits == 0,
            Self::Double(bits) => *bits == 0,
            Self::Text(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            _ => false,
        }
    }
}

impl Json {
    fn random(depth: usize, rng: &mut Rng) -> Self {
        match rng.u8(..if depth > 3 { 5 } else { 7 }) {
            0 => Self::Unset,
            1 => Self::Null,
            2 => Self::Number(one(&DOUBLES, rng).to_bits()),
            3 => Self::Text(one(&TEXTS, rng).to_owned()),
            4 => Self::Bool(rng.bool()),
            5 => Self::random_struct(depth, rng),
            _ => Self::List(
                (0..rng.usize(..3))
                    .map(|_| Self::random(depth + 1, rng))
                    .collect(),
            ),
        }
    }

    fn random_struct(depth: usize, rng: &mut Rng) -> Self {
        let entry = |_| (one(&KEYS, rng).0.to_owned(), Self::random(depth + 1, rng));
        Self::Struct((0..3).map(entry).collect())
    }
}

impl Message {
    pub(super) fn random(number: usize, shape: &Shape, depth: usize, rng: &mut Rng) -> Self {
        let mut message = Self::default();
        let sparse = [7, 4, 2, 1, 0][depth.min(4)];
        for field in &shape.messages[number] {
            if rng.u8(..10) < sparse {
                message.set(field, number, shape, depth, rng);
            }
        }
        message
    }

    /// Gives a field another random value, which may be to be absent.
    fn set(&mut self, field: &Field, number: usize, shape: &Shape, depth: usize, rng: &mut Rng) {
        let mut data = || Data::random(field.kind, shape, depth, rng);
        let value = match field.cardinality {
            Cardinality::Repeated => Occurrence::List((0..3).map(|_| data()).collect()),
            Cardinality::Map(key) => {
                let mut map = BTreeMap::new();
                for _ in 0..3 {
                    let value = Data::random(field.kind, shape, depth, rng);
                    map.insert(random_key(key, rng), value);
                }
                Occurrence::Map(map)
            }
            _ => Occurrence::One(data()),
        };
        let is_absent = match (&value, field.cardinality) {
            (Occurrence::One(data), Cardinality::Implicit) => data.is_default(),
            _ => false,
        };
        if field.cardinality == Cardinality::Oneof {
            for other in &shape.messages[number] {
                if other.cardinality == Cardinality::Oneof {
                    self.fields.remove(&other.number);
                }
            }
        }
        self.fields.remove(&field.number);
        if !is_absent {
            self.fields.insert(field.number, value);
        }
    }

    /// Changes something, deep inside or here.
    pub(super) fn drift(&mut self, number: usize, shape: &Shape, depth: usize, rng: &mut Rng) {
        let field = &shape.messages[number][rng.usize(..shape.messages[number].len())];
        match (rng.u8(..6), self.fields.get_mut(&field.number)) {
            (0, _) => {
                let unknown = match rng.u8(..5) {
                    0 => Unknown::Varint(rng.u64(..3)),
                    1 => Unknown::Fixed64(rng.u64(..3)),
                    2 => Unknown::Bytes(vec![rng.u8(..3)]),
                    3 => Unknown::Group(rng.u8(..3)),
                    _ => Unknown::Fixed32(rng.u32(..3)),
                };
                let values = self.unknown.entry(rng.u32(1000..1003)).or_default();
                values.push(unknown);
            }
            (1, _) => _ = self.fields.remove(&field.number),
            (2, Some(Occurrence::List(list))) => {
                let last = list.pop();
                if rng.bool() {
                    list.splice(0..0, last);
                }
                if list.is_empty() {
                    self.fields.remove(&field.number);
                }
            }
            (_, Some(Occurrence::One(Data::Message(inner)))) if depth < 4 => {
                if let Kind::Message(number) = field.kind {
                    inner.drift(number, shape, depth + 1, rng);
                }
            }
            _ => self.set(field, number, shape, depth, rng),
        }
    }
}

fn random_key(kind: Kind, rng: &mut Rng) -> String {
    match kind {
        Kind::Text => one(&KEYS, rng).0.to_owned(),
        Kind::Bool => rng.bool().to_string(),
        kind => cut(kind, one(&INTEGERS, rng)).to_string(),
    }
}

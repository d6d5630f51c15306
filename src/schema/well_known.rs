//! How the well-known types of protobuf look in JSON.
//!
//! Each is made from the plain fields of its message. Where the mapping has no text for them, they stay as they are, and
//! where they could be taken for another value, [`marked`].

use prost_types::{Duration, Timestamp};
use serde_json::{Map, Number, Value, json};

/// The first and the last second of a timestamp with a year of four digits.
const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The seconds of the longest duration, about 10,000 years.
const MAX_DURATION: i64 = 315_576_000_000;

/// The value of a message from its plain fields.
pub(super) fn mapped(name: &str, mut fields: Map<String, Value>) -> Value {
    let Some(name) = name.strip_prefix("google.protobuf.") else {
        return Value::Object(fields);
    };
    let value = match name {
        "Struct" | "Value" if has_unknown(&fields) => return marked(fields),
        _ if has_unknown(&fields) => None,
        "Timestamp" => timestamp(&fields),
        "Duration" => duration(&fields),
        "FieldMask" => field_mask(&fields),
        "Struct" => Some(struct_value(fields.remove("fields"))),
        "ListValue" => Some(fields.remove("values").unwrap_or(json!([]))),
        "Value" => match json_kind(&fields) {
            Some(kind) => fields.remove(kind),
            None => return marked(fields),
        },
        _ => wrapper_default(name).map(|zero| fields.remove("value").unwrap_or(zero)),
    };
    value.unwrap_or(Value::Object(fields))
}

/// Whether a type has a mapping of its own, which an `Any` holds under the key `value`.
pub(super) fn is_mapped(name: &str) -> bool {
    let Some(name) = name.strip_prefix("google.protobuf.") else {
        return false;
    };
    let others = [
        "Any",
        "Timestamp",
        "Duration",
        "FieldMask",
        "Struct",
        "ListValue",
        "Value",
        "Empty",
    ];
    others.contains(&name) || wrapper_default(name).is_some()
}

/// The plain fields of a message where any object could be the value of another one.
pub(super) fn marked(fields: Map<String, Value>) -> Value {
    json!({"#": fields})
}

/// Whether there are unknown fields among those of a well-known type.
pub(super) fn has_unknown(fields: &Map<String, Value>) -> bool {
    fields.keys().any(|key| key.starts_with('#'))
}

/// A number, or the mapping's text for what is none. Every NaN is the same.
pub(super) fn double(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// As [`double`], with the digits that a `float` has: 0.1 and not 0.10000000149011612.
pub(super) fn float(value: f32) -> Value {
    double(value.to_string().parse().unwrap_or(value.into()))
}

fn wrapper_default(name: &str) -> Option<Value> {
    Some(match name {
        "DoubleValue" | "FloatValue" => 0.0.into(),
        "Int64Value" | "UInt64Value" => "0".into(),
        "Int32Value" | "UInt32Value" => 0.into(),
        "BoolValue" => false.into(),
        "StringValue" | "BytesValue" => "".into(),
        _ => return None,
    })
}

fn seconds_and_nanos(fields: &Map<String, Value>) -> Option<(i64, i32)> {
    let seconds = fields.get("seconds").map_or(Some("0"), Value::as_str)?;
    let nanos = fields.get("nanos").map_or(Some(0), Value::as_i64)?;
    Some((seconds.parse().ok()?, nanos.try_into().ok()?))
}

fn timestamp(fields: &Map<String, Value>) -> Option<Value> {
    let (seconds, nanos) = seconds_and_nanos(fields)?;
    let is_valid = TIMESTAMPS.contains(&seconds) && (0..1_000_000_000).contains(&nanos);
    is_valid.then(|| Timestamp { seconds, nanos }.to_string().into())
}

fn duration(fields: &Map<String, Value>) -> Option<Value> {
    let (seconds, nanos) = seconds_and_nanos(fields)?;
    let is_valid = (-MAX_DURATION..=MAX_DURATION).contains(&seconds)
        && (-999_999_999..=999_999_999).contains(&nanos)
        && seconds.signum() * i64::from(nanos.signum()) >= 0;
    is_valid.then(|| Duration { seconds, nanos }.to_string().into())
}

/// The paths in camel case, if their names can be found again.
fn field_mask(fields: &Map<String, Value>) -> Option<Value> {
    let paths = fields.get("paths").and_then(Value::as_array);
    let mut text = String::new();
    for (index, path) in paths.into_iter().flatten().enumerate() {
        let path = path.as_str().filter(|path| !path.is_empty())?;
        if index > 0 {
            text.push(',');
        }
        let mut chars = path.chars();
        while let Some(c) = chars.next() {
            match c {
                '_' => {
                    let next = chars.next().filter(char::is_ascii_lowercase)?;
                    text.push(next.to_ascii_uppercase());
                }
                ',' | 'A'..='Z' => return None,
                c => text.push(c),
            }
        }
    }
    Some(text.into())
}

/// An object; a key that begins with `#` gets another one, so that it is not taken for a mark.
fn struct_value(fields: Option<Value>) -> Value {
    let Some(Value::Object(entries)) = fields else {
        return json!({});
    };
    let entries = entries.into_iter().map(|(key, value)| {
        let mark = if key.starts_with('#') { "#" } else { "" };
        (format!("{mark}{key}"), value)
    });
    Value::Object(entries.collect())
}

/// Which field of a `Value` is set, if JSON has such a value as well.
fn json_kind(fields: &Map<String, Value>) -> Option<&'static str> {
    let (kind, value) = fields.iter().next()?;
    Some(match &**kind {
        "nullValue" if value.is_null() => "nullValue",
        "numberValue" if value.is_number() => "numberValue",
        "stringValue" => "stringValue",
        "boolValue" => "boolValue",
        "structValue" if value.get("#").is_none() => "structValue",
        "listValue" if value.is_array() => "listValue",
        _ => return None,
    })
}

//! Paths into a value of JSON: `limits.maxQps`, `items[0].name`, `labels["a.b"]`, and patterns with `[]` for any
//! element.
//!
//! What is displayed can be parsed again. A key that is not a plain name is written as a JSON string in brackets, with
//! characters that a terminal could execute or hide in escaped form.

use std::{
    fmt::{self, Write as _},
    str::FromStr,
};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::untrusted::{Untrusted, is_printable};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The field or map entry of this name.
    Key(String),
    /// The element at this index of a list.
    Index(usize),
    /// Any element of a list, or any entry of a map.
    Any,
}

/// A step within a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathStep<'a> {
    /// To the field or map entry of this name.
    Key(&'a str),
    /// To the element at this index of a list.
    Index(usize),
}

impl Segment {
    /// Whether the pattern of this segment covers a step.
    #[must_use]
    pub fn covers(&self, step: PathStep<'_>) -> bool {
        match (self, step) {
            (Self::Any, _) => true,
            (Self::Key(name), PathStep::Key(key)) => name == key,
            (Self::Index(index), PathStep::Index(at)) => *index == at,
            _ => false,
        }
    }
}

/// The place of one part of a value; without a step it is the whole value, displayed as `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

impl<'a> FromIterator<PathStep<'a>> for Path {
    fn from_iter<I: IntoIterator<Item = PathStep<'a>>>(steps: I) -> Self {
        let segments = steps.into_iter().map(|step| match step {
            PathStep::Key(key) => Segment::Key(key.to_owned()),
            PathStep::Index(index) => Segment::Index(index),
        });
        Self(segments.collect())
    }
}

/// A pattern of paths. It covers a path that it matches, and everything below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(Vec<Segment>);

impl PathPattern {
    /// The steps of the pattern.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The pattern without `[]` at its end, because all elements together are the list.
    #[must_use]
    pub fn whole(&self) -> Self {
        let mut segments = self.segments();
        while let Some((Segment::Any, before)) = segments.split_last() {
            segments = before;
        }
        Self(segments.to_vec())
    }

    /// The parts of a value that the pattern matches, in their order.
    #[must_use]
    pub fn select<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut selected = vec![value];
        for segment in &self.0 {
            let below = |value: &'a Value| match (value, segment) {
                (Value::Object(fields), Segment::Any) => fields.values().collect(),
                (Value::Object(fields), Segment::Key(name)) => {
                    fields.get(name).into_iter().collect()
                }
                (Value::Array(items), Segment::Any) => items.iter().collect(),
                (Value::Array(items), Segment::Index(index)) => {
                    items.get(*index).into_iter().collect()
                }
                _ => Vec::new(),
            };
            selected = selected.into_iter().flat_map(below).collect();
        }
        selected
    }
}

impl From<Vec<Segment>> for PathPattern {
    fn from(segments: Vec<Segment>) -> Self {
        Self(segments)
    }
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the path \"{path}\" is not valid: {reason}; write a.b, items[].name or labels[\"a.b\"]")]
pub struct PathError {
    path: Untrusted,
    reason: &'static str,
}

impl FromStr for PathPattern {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text == "." {
            return Ok(Self(Vec::new()));
        }
        let error = |reason| PathError {
            path: Untrusted::new(text),
            reason,
        };
        let (mut segments, mut rest) = (Vec::new(), text);
        while !rest.is_empty() || segments.is_empty() {
            let segment = match rest.strip_prefix('[') {
                Some(inside) => bracket(inside),
                None => name(rest, segments.is_empty()),
            };
            let (segment, behind) = segment.map_err(error)?;
            segments.push(segment);
            rest = behind;
        }
        Ok(Self(segments))
    }
}

/// Reads a name, and returns what is behind it. All but the first have a point before them.
fn name(text: &str, first: bool) -> Result<(Segment, &str), &'static str> {
    let text = match text.strip_prefix('.') {
        Some(text) if !first => text,
        None if first => text,
        Some(_) => return Err("a name is missing"),
        None => return Err("a point is missing behind a bracket"),
    };
    let end = text.find(['.', '[', ']', '"']).unwrap_or(text.len());
    match text.split_at(end) {
        ("", _) => Err("a name is missing"),
        (name, behind) => Ok((Segment::Key(name.to_owned()), behind)),
    }
}

/// Reads what is in a bracket, and returns what is behind it.
fn bracket(text: &str) -> Result<(Segment, &str), &'static str> {
    let (segment, behind) = if text.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let Some(Ok(key)) = strings.next() else {
            return Err("a quoted name is not a JSON string");
        };
        (Segment::Key(key), &text[strings.byte_offset()..])
    } else {
        let end = text.find(']').unwrap_or(text.len());
        let segment =
            match &text[..end] {
                "" => Segment::Any,
                index => Segment::Index(index.parse().map_err(
                    |_| "a bracket holds nothing, an index, or a name in double quotes",
                )?),
            };
        (segment, &text[end..])
    };
    let behind = behind.strip_prefix(']');
    behind
        .map(|behind| (segment, behind))
        .ok_or("a bracket is not closed")
}

fn write_segments(segments: &[Segment], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Any => f.write_str("[]")?,
            Segment::Index(index) => write!(f, "[{index}]")?,
            Segment::Key(key) if is_plain(key) && place == 0 => f.write_str(key)?,
            Segment::Key(key) if is_plain(key) => write!(f, ".{key}")?,
            Segment::Key(key) => {
                f.write_char('[')?;
                write_quoted(key, f)?;
                f.write_char(']')?;
            }
        }
    }
    match segments {
        [] => f.write_char('.'),
        _ => Ok(()),
    }
}

/// Whether a key needs no quotes: a field's name, `#17` or `@type`.
fn is_plain(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-#@".contains(c);
    !key.is_empty() && key.chars().all(plain)
}

/// Writes a JSON string of printable characters.
fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if is_printable(c) => f.write_char(c)?,
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(f, "\\u{unit:04x}")?;
                }
            }
        }
    }
    f.write_char('"')
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_segments(&self.0, f)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_segments(&self.0, f)
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for PathPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> Result<Vec<Segment>, &'static str> {
        let pattern: Result<PathPattern, PathError> = text.parse();
        pattern.map(|p| p.0).map_err(|error| error.reason)
    }

    #[test]
    fn names_brackets_and_quoted_keys_are_parsed() {
        let key = |name: &str| Segment::Key(name.to_owned());
        for (text, expected) in [
            (".", vec![]),
            ("a", vec![key("a")]),
            ("a.b", vec![key("a"), key("b")]),
            (
                "items[].name",
                vec![key("items"), Segment::Any, key("name")],
            ),
            ("[3][]", vec![Segment::Index(3), Segment::Any]),
            (
                r#"labels["a.b]\"\u00e9"].#17"#,
                vec![key("labels"), key("a.b]\"é"), key("#17")],
            ),
        ] {
            assert_eq!(parsed(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn damaged_paths_are_rejected_with_the_reason() {
        for (text, reason) in [
            ("", "a name is missing"),
            ("..", "a name is missing"),
            (".a", "a name is missing"),
            ("a.", "a name is missing"),
            ("a[]b", "a point is missing behind a bracket"),
            ("a]", "a point is missing behind a bracket"),
            ("a[", "a bracket is not closed"),
            ("a[3", "a bracket is not closed"),
            (r#"a["b""#, "a bracket is not closed"),
            (r#"a["b"#, "a quoted name is not a JSON string"),
            (
                "a[b]",
                "a bracket holds nothing, an index, or a name in double quotes",
            ),
        ] {
            assert_eq!(parsed(text), Err(reason), "{text}");
        }
        let error = "a\u{1b}[".parse::<PathPattern>().unwrap_err();
        assert!(error.to_string().starts_with(r#"the path "a\u{1b}[" is"#));
    }

    #[test]
    fn a_pattern_selects_in_lists_and_maps() {
        let value =
            json!({"items": [{"n": 1}, {"m": 2}, {"n": 3}], "labels": {"a.b": "x", "c": "y"}});
        let select = |text: &str| {
            let pattern: PathPattern = text.parse().unwrap();
            let selected = pattern.select(&value).into_iter().cloned();
            Value::Array(selected.collect())
        };
        assert_eq!(select("items[].n"), json!([1, 3]));
        assert_eq!(select("items[1]"), json!([{"m": 2}]));
        assert_eq!(select(r#"labels["a.b"]"#), json!(["x"]));
        assert_eq!(select("labels[]"), json!(["x", "y"]));
        assert_eq!(select("labels[0]"), json!([]));
        assert_eq!(select("items.n"), json!([]));
        assert_eq!(select("."), json!([value]));
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_parsed_again(
            segments in prop::collection::vec(
                prop_oneof![
                    any::<String>().prop_map(Segment::Key),
                    "[a-z#@]{1,3}".prop_map(Segment::Key),
                    any::<usize>().prop_map(Segment::Index),
                    Just(Segment::Any),
                ],
                0..5,
            )
        ) {
            let text = Path(segments.clone()).to_string();
            prop_assert!(text.chars().all(is_printable), "{text:?}");
            prop_assert_eq!(parsed(&text), Ok(segments));
        }
    }
}

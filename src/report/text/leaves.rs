//! The texts of leaves and their values, which peers sent: each is an [`Untrusted`] excerpt.

use std::fmt;

use serde_json::Value;

use crate::{compare::Difference, path::PathStep, untrusted::Untrusted};

/// A leaf and its value.
pub struct LeafText {
    /// Where it is.
    pub path: String,
    /// What is there.
    pub value: String,
}

/// A leaf with another value than the reference has.
pub struct DifferenceText {
    /// Where it is.
    pub path: String,
    /// What the reference has there.
    pub reference: String,
    /// What the group has there.
    pub value: String,
}

impl DifferenceText {
    pub(crate) fn new(difference: &Difference) -> Self {
        let Difference {
            path,
            reference,
            value,
        } = difference;
        let [reference, value] = match [reference, value] {
            [Some(Value::String(a)), Some(Value::String(b))] => {
                let start = differing_start(a, b);
                [a, b].map(|text| string_text(text, start))
            }
            values => values.map(|value| value.as_ref().map_or("absent".to_owned(), excerpt)),
        };
        Self {
            path: excerpt(path),
            reference,
            value,
        }
    }
}

/// Where two long texts begin to differ, if an excerpt of their beginnings would not show it.
fn differing_start(a: &str, b: &str) -> usize {
    const CONTEXT: usize = 10;
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    match same + CONTEXT > Untrusted::MAX_CHARS {
        true => same - CONTEXT,
        false => 0,
    }
}

/// A string of JSON from a character on.
fn string_text(text: &str, start: usize) -> String {
    let rest: String = text.chars().skip(start).collect();
    match start {
        0 => excerpt(&Value::String(rest)),
        _ => format!("…{}", excerpt(&Value::String(rest))),
    }
}

/// A value or a path in one short line that is safe to print.
pub(crate) fn excerpt(text: &impl fmt::Display) -> String {
    Untrusted::new(&text.to_string()).to_string()
}

/// Visits what is not divided further: all but objects and lists that have parts.
pub(super) fn for_each_leaf<'a>(
    value: &'a Value,
    path: &mut Vec<PathStep<'a>>,
    visit: &mut impl FnMut(&[PathStep<'a>], &'a Value),
) {
    let mut inside = |step, value| {
        path.push(step);
        for_each_leaf(value, path, visit);
        path.pop();
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                inside(PathStep::Key(key), value);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                inside(PathStep::Index(index), value);
            }
        }
        leaf => visit(path, leaf),
    }
}

//! How two values differ, leaf by leaf.

use serde::Serialize;
use serde_json::{Number, Value};

use crate::path::{Path, PathStep};

/// The most differences that are listed of two values; hostile answers may differ in every byte.
pub const MAX_DIFFERENCES: usize = 1000;

/// A part that two values do not share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Where it is.
    pub path: Path,
    /// What the reference has there; `None` if nothing, and then not serialized, because a value may be null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Value>,
    /// What the other value has there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// The differences of two values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// The first [`MAX_DIFFERENCES`] of them, in the order of the reference.
    pub listed: Vec<Difference>,
    /// How many more there are.
    pub omitted: usize,
}

impl Differences {
    /// How many there are, listed or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.listed.len() + self.omitted
    }
}

/// Compares two values. Lists are compared by index and objects by key.
///
/// A part that only one of them has is one difference, however much is in it: a message that an old server does not
/// know would otherwise be a line for each of its fields.
#[must_use]
pub fn differences(reference: &Value, value: &Value) -> Differences {
    let mut found = Differences::default();
    walk(Some(reference), Some(value), &mut Vec::new(), &mut found);
    found
}

fn walk<'a>(
    reference: Option<&'a Value>,
    value: Option<&'a Value>,
    path: &mut Vec<PathStep<'a>>,
    found: &mut Differences,
) {
    match (reference, value) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let added = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(added) {
                path.push(PathStep::Key(key));
                walk(a.get(key), b.get(key), path, found);
                path.pop();
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                path.push(PathStep::Index(index));
                walk(a.get(index), b.get(index), path, found);
                path.pop();
            }
        }
        (Some(Value::Number(a)), Some(Value::Number(b))) if is_same(a, b) => {}
        (Some(a), Some(b)) if a == b && !a.is_number() => {}
        _ if found.listed.len() == MAX_DIFFERENCES => found.omitted += 1,
        _ => found.listed.push(Difference {
            path: path.iter().copied().collect(),
            reference: reference.cloned(),
            value: value.cloned(),
        }),
    }
}

/// Zero and negative zero are not the same, as in their text.
fn is_same(a: &Number, b: &Number) -> bool {
    let is_negative = |n: &Number| n.as_f64().is_some_and(f64::is_sign_negative);
    a == b && is_negative(a) == is_negative(b)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(reference: Value, value: Value) -> Vec<(String, Option<Value>, Option<Value>)> {
        let listed = differences(&reference, &value).listed.into_iter();
        listed
            .map(|d| (d.path.to_string(), d.reference, d.value))
            .collect()
    }

    #[test]
    fn differing_leaves_are_listed_with_their_paths() {
        let reference =
            json!({"version": "1.8.2", "limits": {"maxQps": 500, "burst": 1}, "n": 0.0});
        assert_eq!(found(reference.clone(), reference.clone()), []);
        let value =
            json!({"limits": {"burst": 1}, "version": "1.8.1", "n": -0.0, "new": {"a": [1]}});
        assert_eq!(
            found(reference, value),
            [
                (
                    "version".to_owned(),
                    Some(json!("1.8.2")),
                    Some(json!("1.8.1"))
                ),
                ("limits.maxQps".to_owned(), Some(json!(500)), None),
                ("n".to_owned(), Some(json!(0.0)), Some(json!(-0.0))),
                ("new".to_owned(), None, Some(json!({"a": [1]}))),
            ]
        );
    }

    #[test]
    fn lists_are_compared_by_index_and_kinds_are_not_mixed() {
        assert_eq!(
            found(json!([1, {"a": 2}, 3]), json!([1, {"a": null}])),
            [
                ("[1].a".to_owned(), Some(json!(2)), Some(json!(null))),
                ("[2]".to_owned(), Some(json!(3)), None),
            ]
        );
        assert_eq!(
            found(json!({"a": {}}), json!({"a": []})),
            [("a".to_owned(), Some(json!({})), Some(json!([])))]
        );
        assert_eq!(
            found(json!("1"), json!(1)),
            [(".".to_owned(), Some(json!("1")), Some(json!(1)))]
        );
    }

    #[test]
    fn differences_above_the_limit_are_counted() {
        let numbers = |offset: usize| json!(Vec::from_iter((0..1234).map(|n| n + offset)));
        let found = differences(&numbers(0), &numbers(1));
        assert_eq!((found.listed.len(), found.omitted), (MAX_DIFFERENCES, 234));
        assert_eq!(found.count(), 1234);
    }
}

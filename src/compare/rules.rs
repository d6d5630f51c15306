//! Which parts of an answer count.

use serde_json::{Map, Value};

use crate::path::{PathPattern, PathStep, Segment};

/// Which parts of an answer are compared: `--only` chooses, and `--ignore` takes away from what is chosen.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    ignore: Vec<PathPattern>,
    only: Vec<PathPattern>,
}

impl Rules {
    /// Rules from patterns. Without `only` everything counts.
    ///
    /// A pattern that ends in `[]` is taken without it.
    #[must_use]
    pub fn new(ignore: &[PathPattern], only: &[PathPattern]) -> Self {
        let whole = |patterns: &[PathPattern]| patterns.iter().map(PathPattern::whole).collect();
        Self {
            ignore: whole(ignore),
            only: whole(only),
        }
    }

    /// The value without the parts that do not count.
    ///
    /// What stays has its path: an element that does not count is `{}` or `null` if others follow it. A message that is left
    /// empty is removed, so that a message with only ignored fields equals an absent one; an element of a list stays,
    /// because the length of the list counts.
    #[must_use]
    pub fn prune(&self, value: Value) -> Value {
        let root = Active {
            ignore: self.ignore.iter().map(PathPattern::segments).collect(),
            only: match &*self.only {
                [] => None,
                only => Some(only.iter().map(PathPattern::segments).collect()),
            },
            is_named: false,
        };
        root.prune(value)
            .unwrap_or_else(|| Value::Object(Map::new()))
    }
}

/// The patterns that match the path to one part, each as the segments that are left of it.
struct Active<'a> {
    ignore: Vec<&'a [Segment]>,
    /// `None` where everything counts.
    only: Option<Vec<&'a [Segment]>>,
    /// Whether a pattern of `ignore` names this part, and does not mean any element.
    is_named: bool,
}

impl<'a> Active<'a> {
    /// The patterns that match one step more.
    fn at(&self, step: PathStep<'_>) -> Self {
        let next = |patterns: &[&'a [Segment]]| {
            let matching = patterns
                .iter()
                .filter_map(|pattern| pattern.split_first())
                .filter(|(first, _)| first.covers(step));
            matching.map(|(_, rest)| rest).collect()
        };
        let named = |pattern: &&'a [Segment]| match pattern.first() {
            Some(first @ Segment::Key(_)) => first.covers(step),
            _ => false,
        };
        Self {
            ignore: next(&self.ignore),
            only: self.only.as_deref().map(next),
            is_named: self.ignore.iter().any(named),
        }
    }

    /// What stands for an element that does not count: `{}` where fields of it would, otherwise `null`.
    fn hole(&self) -> Value {
        let mut only = self.only.iter().flatten();
        match only.any(|rest| matches!(rest.first(), Some(Segment::Key(_)))) {
            true => Value::Object(Map::new()),
            false => Value::Null,
        }
    }

    fn prune(mut self, value: Value) -> Option<Value> {
        if self.ignore.iter().any(|rest| rest.is_empty()) {
            return None;
        }
        if let Some(only) = &self.only {
            if only.is_empty() {
                return None;
            }
            if only.iter().any(|rest| rest.is_empty()) {
                self.only = None;
            }
        }
        let counts = self.only.is_none();
        if counts && self.ignore.is_empty() {
            return Some(value);
        }
        // Whether it counts that there is a part here, whatever is in it.
        let counts_empty = counts && !self.is_named;
        match value {
            Value::Object(fields) => {
                let kept = fields.into_iter().filter_map(|(key, value)| {
                    let value = self.at(PathStep::Key(&key)).prune(value)?;
                    Some((key, value))
                });
                let kept: Map<_, _> = kept.collect();
                (counts_empty || !kept.is_empty()).then_some(Value::Object(kept))
            }
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                let (mut kept, mut end) = (Vec::new(), 0);
                for (index, item) in items {
                    let active = self.at(PathStep::Index(index));
                    let hole = active.hole();
                    let item = active.prune(item);
                    if item.is_some() {
                        end = index + 1;
                    }
                    kept.push(item.unwrap_or(hole));
                }
                kept.truncate(end);
                (counts_empty || !kept.is_empty()).then_some(Value::Array(kept))
            }
            leaf => counts.then_some(leaf),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patterns(texts: &[&str]) -> Vec<PathPattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn pruned(ignore: &[&str], only: &[&str], value: &Value) -> Value {
        Rules::new(&patterns(ignore), &patterns(only)).prune(value.clone())
    }

    #[test]
    fn ignored_parts_are_removed_with_everything_below() {
        let value =
            json!({"a": 1, "b": {"c": 2, "d": {"e": 3}}, "l": [{"x": 1, "y": 2}, {"x": 3}]});
        assert_eq!(pruned(&[], &[], &value), value);
        assert_eq!(
            pruned(&["a", "b.d", "l[].x"], &[], &value),
            json!({"b": {"c": 2}, "l": [{"y": 2}, {}]})
        );
        assert_eq!(
            pruned(&["l[]", "b"], &[], &value),
            json!({"a": 1}),
            "all elements are the list"
        );
        assert_eq!(pruned(&["."], &[], &value), json!({}));
    }

    #[test]
    fn a_message_of_ignored_fields_equals_an_absent_one() {
        for value in [json!({"m": {"x": 1}}), json!({"m": {}}), json!({})] {
            assert_eq!(pruned(&["m.x"], &[], &value), json!({}), "{value}");
        }
        for value in [json!({"l": [1]}), json!({})] {
            assert_eq!(pruned(&["l[0]"], &[], &value), json!({}), "{value}");
        }
        assert_eq!(
            pruned(&["m.x"], &[], &json!({"m": {"x": 1, "y": {}}})),
            json!({"m": {"y": {}}})
        );
    }

    #[test]
    fn chosen_parts_keep_their_paths() {
        let value = json!({"a": 1, "m": {}, "l": [{"x": 1}, {"x": 2, "y": 3}, {"x": 4}]});
        assert_eq!(
            pruned(&[], &["l[].y", "a"], &value),
            json!({"a": 1, "l": [{}, {"y": 3}]})
        );
        assert_eq!(pruned(&[], &["m"], &value), json!({"m": {}}));
        assert_eq!(pruned(&[], &["m.z"], &value), json!({}));
        assert_eq!(
            pruned(&["l[1]"], &["l"], &value),
            json!({"l": [{"x": 1}, null, {"x": 4}]})
        );
        assert_eq!(pruned(&[], &["."], &value), value);
    }
}

//! Labels of endpoints: what a discovery file states about a target beside its address.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde::{Serialize, Serializer};

use crate::untrusted::printable;

/// The labels of an endpoint, by name. Endpoints with equal labels share them.
///
/// Names and values are printable: a control character is replaced by its escape, `\u{1b}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// The value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// Makes labels of pairs, and keeps one copy of equal texts and equal sets.
#[derive(Debug, Default)]
pub struct LabelInterner {
    texts: HashSet<Arc<str>>,
    sets: HashSet<Labels>,
}

impl LabelInterner {
    /// The labels of these pairs; `None` if none is left.
    ///
    /// As in Prometheus, an empty value is an absent label, and names that begin with `__` are left out: they are
    /// input to its relabelling and gone after it. Of two pairs with one name the later counts.
    pub fn labels<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Option<Labels> {
        let mut labels = BTreeMap::new();
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            if !name.starts_with("__") && !value.is_empty() {
                labels.insert(self.text(name), self.text(value));
            }
        }
        if labels.is_empty() {
            return None;
        }
        let labels = Labels(labels.into_iter().collect());
        if let Some(known) = self.sets.get(&labels) {
            return Some(known.clone());
        }
        self.sets.insert(labels.clone());
        Some(labels)
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        let text = printable(text);
        if let Some(known) = self.texts.get(&*text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_the_rules_of_prometheus_and_are_printable() {
        let mut interner = LabelInterner::default();
        let pairs = [
            ("zone", "b"),
            ("__meta_kubernetes_pod_name", "web-0"),
            ("__address__", "10.0.0.1:80"),
            ("empty", ""),
            ("zone", "a\x1b[2J"),
            ("room", "B"),
        ];
        let labels = interner.labels(pairs).unwrap();
        let found: Vec<_> = labels.iter().collect();
        assert_eq!(found, [("room", "B"), ("zone", r"a\u{1b}[2J")]);
        assert_eq!(labels.get("room"), Some("B"));
        assert_eq!(labels.get("empty"), None);
        assert_eq!(
            serde_json::to_string(&labels).unwrap(),
            r#"{"room":"B","zone":"a\\u{1b}[2J"}"#
        );
        assert_eq!(interner.labels([("__x", "1"), ("y", "")]), None);
    }

    #[test]
    fn equal_labels_are_kept_once() {
        let mut interner = LabelInterner::default();
        let a = interner.labels([("zone", "a"), ("room", "B")]).unwrap();
        let b = interner.labels([("room", "B"), ("zone", "a")]).unwrap();
        let c = interner.labels([("zone", "a")]).unwrap();
        assert!(Arc::ptr_eq(&a.0, &b.0));
        assert!(Arc::ptr_eq(&a.0[1].1, &c.0[0].1));
    }
}

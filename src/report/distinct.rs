//! The distinct answers of a run, numbered in the order in which they come.

use std::{collections::HashMap, fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    compare::{Rules, digest_of},
    path::{PathPattern, Segment},
};

/// Makes the value of an answer from its number, whenever it is needed.
#[derive(Clone)]
pub struct AnswerValues(Arc<dyn Fn(u32) -> Value + Send + Sync>);

impl AnswerValues {
    /// Wraps the function that makes them.
    pub fn new(value: impl Fn(u32) -> Value + Send + Sync + 'static) -> Self {
        Self(Arc::new(value))
    }

    pub(crate) fn get(&self, answer: u32) -> Value {
        (self.0)(answer)
    }
}

impl fmt::Debug for AnswerValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerValues")
    }
}

/// The distinct answers of a run. Answers that are equal in everything that counts have one number, from 1.
#[derive(Clone, Debug)]
pub(crate) struct DistinctAnswers {
    pub(crate) rules: Rules,
    pub(crate) values: AnswerValues,
    /// The fields that are listed for every endpoint.
    paths: Vec<PathPattern>,
    known: HashMap<u32, KnownAnswer>,
    groups: HashMap<[u8; 32], u32>,
    /// Of each group the answer by which it became known.
    first: Vec<u32>,
}

#[derive(Clone, Debug)]
struct KnownAnswer {
    group: u32,
    fields: Vec<Value>,
}

impl DistinctAnswers {
    pub(crate) fn new(rules: Rules, paths: Vec<PathPattern>, values: AnswerValues) -> Self {
        Self {
            rules,
            values,
            paths,
            known: HashMap::new(),
            groups: HashMap::new(),
            first: Vec::new(),
        }
    }

    /// Numbers an answer, and returns its value if it is new.
    pub(crate) fn add(&mut self, answer: u32) -> Option<Value> {
        if self.known.contains_key(&answer) {
            return None;
        }
        let value = self.values.get(answer);
        let digest = digest_of(&self.rules.prune(value.clone()));
        let group = *self.groups.entry(digest).or_insert_with(|| {
            self.first.push(answer);
            self.first.len() as u32
        });
        let fields = self.paths.iter().map(|path| field(path, &value)).collect();
        self.known.insert(answer, KnownAnswer { group, fields });
        Some(value)
    }

    /// The number of an answer that was added.
    pub(crate) fn group(&self, answer: u32) -> Option<u32> {
        self.known.get(&answer).map(|known| known.group)
    }

    /// What counts of the answers with this number.
    pub(crate) fn value(&self, group: u32) -> Value {
        let answer = self.first.get(group as usize - 1);
        let value = answer.map(|answer| self.values.get(*answer));
        self.rules.prune(value.unwrap_or_default())
    }

    /// The fields that are listed for every endpoint, by path, if there are some; each is `null` without an answer.
    pub(crate) fn fields(&self, answer: Option<u32>) -> Option<Map<String, Value>> {
        if self.paths.is_empty() {
            return None;
        }
        let known = answer.and_then(|answer| self.known.get(&answer));
        let fields = self.paths.iter().enumerate().map(|(place, path)| {
            let value = known.map(|known| known.fields[place].clone());
            (path.to_string(), value.unwrap_or_default())
        });
        Some(fields.collect())
    }
}

/// What a path selects of a value: a list, if it can select several parts, and `null` if there is nothing.
fn field(path: &PathPattern, value: &Value) -> Value {
    let mut selected = path.select(value).into_iter().cloned();
    match path.segments().contains(&Segment::Any) {
        true => Value::Array(selected.collect()),
        false => selected.next().unwrap_or_default(),
    }
}

//! Values, groups and differences of random messages, held against an oracle that shares nothing with the product: it
//! has its own types, its own encoder, and its own idea of what is equal and what the parts of a message are.

mod data;
mod encode;
mod nodes;
mod shape;

use std::{collections::HashMap, fs, sync::Arc};

use fastrand::Rng;
use labrpc::{
    compare::{self, Rules, Section},
    path::PathPattern,
    schema::{Method, Schema},
};
use serde_json::{Value, json};

use self::{
    data::Message,
    nodes::{Filter, Nodes, Step, Steps, path_text},
    shape::{COLORS, Shape},
};

const SHAPES: usize = 1000;
const ENDPOINTS: usize = 2000;

/// Shapes in one file.
const BATCH: usize = 50;

/// A shape, the method that answers with it, and its random numbers.
type Prepared = (Shape, Arc<Method>, Rng);

/// Compiles random shapes.
fn shapes(batch: usize) -> Vec<Prepared> {
    let mut proto = "syntax = \"proto3\";\npackage shapes;\n".to_owned();
    for file in [
        "any",
        "duration",
        "empty",
        "field_mask",
        "struct",
        "timestamp",
        "wrappers",
    ] {
        proto += &format!("import \"google/protobuf/{file}.proto\";\n");
    }
    let colors = COLORS.map(|(number, name)| format!("{name} = {number};"));
    proto += &format!("enum Color {{ {} }}\n", colors.join(" "));
    let shapes: Vec<_> = (batch * BATCH..(batch + 1) * BATCH)
        .map(|id| {
            let mut rng = Rng::with_seed(id as u64);
            (Shape::random(id, &mut rng), rng)
        })
        .collect();
    for (shape, _) in &shapes {
        proto += &shape.proto();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shapes.proto");
    fs::write(&file, &proto).unwrap();
    let schema = Schema::compile(&[file], &[folder.path().to_owned()]);
    let schema = schema.unwrap_or_else(|error| panic!("{error}\n{proto}"));
    let prepare = |(shape, rng): (Shape, Rng)| {
        let name = format!("shapes.S{}/Get", shape.id).parse().unwrap();
        (shape, schema.method(&name).unwrap(), rng)
    };
    shapes.into_iter().map(prepare).collect()
}

/// Endpoints and what they answer. Equal messages come in several encodings.
struct Fleet {
    messages: Vec<Message>,
    /// For each distinct encoding the index of its message, and the value that the product makes of it.
    encodings: Vec<(usize, Value)>,
    /// For each endpoint its encoding, unless it did not answer.
    answers: Vec<Option<u32>>,
}

impl Fleet {
    fn random((shape, method, rng): &mut Prepared) -> Self {
        let base = Message::random(0, shape, 0, rng);
        let mut messages = vec![base];
        for _ in 0..rng.usize(1..6) {
            let mut drifted = messages[rng.usize(..messages.len())].clone();
            for _ in 0..rng.usize(0..3) {
                drifted.drift(0, shape, 0, rng);
            }
            messages.push(drifted);
        }
        let mut encodings = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            for _ in 0..4 {
                let bytes = message.encode(shape, rng);
                let value = method.value(&bytes);
                let value = value.unwrap_or_else(|e| panic!("{e}: {message:?}\n{}", shape.proto()));
                encodings.push((index, value));
            }
        }
        let answers = (0..ENDPOINTS).map(|_| {
            let skewed = rng
                .usize(..encodings.len())
                .min(rng.usize(..encodings.len()));
            (rng.u8(..20) > 0).then_some(skewed as u32)
        });
        Self {
            answers: answers.collect(),
            messages,
            encodings,
        }
    }

    fn value(&self, answer: u32) -> Value {
        self.encodings[answer as usize].1.clone()
    }

    /// The groups by what `of` makes of each message: largest first behind the reference's.
    fn groups<T: Eq>(
        &self,
        reference: Option<usize>,
        of: impl Fn(&Message) -> T,
    ) -> Vec<Vec<usize>> {
        let keys: Vec<T> = self.messages.iter().map(of).collect();
        let first_equal = |key| keys.iter().position(|other| other == key).unwrap();
        let classes: Vec<usize> = keys.iter().map(first_equal).collect();
        let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
        for (endpoint, answer) in self.answers.iter().enumerate() {
            if let Some(answer) = answer {
                let class = classes[self.encodings[*answer as usize].0];
                groups.entry(class).or_default().push(endpoint);
            }
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|members| (std::cmp::Reverse(members.len()), members[0]));
        if let Some(at) = reference.and_then(|of| groups.iter().position(|g| g.contains(&of))) {
            let first = groups.remove(at);
            groups.insert(0, first);
        }
        groups
    }
}

fn nodes_of(value: &Value) -> Nodes {
    let mut nodes = Nodes::new();
    nodes::of_value(value, &mut Steps::new(), &mut nodes);
    nodes
}

fn patterns(of: &[Steps]) -> Vec<PathPattern> {
    of.iter()
        .map(|steps| path_text(steps).parse().unwrap())
        .collect()
}

/// Patterns that match parts of these messages.
fn random_filter(parts: &[Nodes], rng: &mut Rng) -> Filter {
    let mut random = |count: usize| {
        let mut patterns = Vec::new();
        for _ in 0..count {
            let nodes = &parts[rng.usize(..parts.len())];
            let mut steps = nodes.keys().nth(rng.usize(..nodes.len())).unwrap().clone();
            for step in &mut steps {
                let is_index = matches!(step, Step::Index(_));
                if rng.u8(..if is_index { 2 } else { 6 }) == 0 {
                    *step = Step::Any;
                }
            }
            if rng.u8(..4) == 0 {
                steps.push(Step::Any);
            }
            if !steps.is_empty() {
                patterns.push(steps);
            }
        }
        patterns
    };
    let (ignore, only) = (random(2), random(2));
    match rng.u8(..3) {
        0 => Filter {
            ignore,
            only: Vec::new(),
        },
        1 => Filter {
            ignore: Vec::new(),
            only,
        },
        _ => Filter { ignore, only },
    }
}

/// Holds one section against the oracle: groups, reference, and the parts in which the others differ.
fn check(
    fleet: &Fleet,
    parts: &[Nodes],
    filter: &Filter,
    rules: &Rules,
    section: &Section,
    context: &str,
) {
    let counted = |nodes: &Nodes| -> Nodes {
        let parts = nodes
            .iter()
            .filter(|(path, text)| filter.counts(path, text));
        parts
            .map(|(path, text)| (path.clone(), text.clone()))
            .collect()
    };
    let of = |group: &compare::Group| counted(&parts[fleet.encodings[group.answer as usize].0]);
    let reference = of(&section.groups[0]);
    for (group, details) in section.details(rules, |answer| fleet.value(answer)) {
        let value = of(group);
        assert_eq!(counted(&nodes_of(&details.value)), value, "{context}");
        // Each difference with everything below it, on both sides.
        let (mut before, mut after) = (Nodes::new(), Nodes::new());
        assert_eq!(details.differences.omitted, 0);
        for difference in &details.differences.listed {
            // As texts, because zero equals negative zero otherwise.
            let [old, new] =
                [&difference.reference, &difference.value].map(|side| json!(side).to_string());
            let is_absent = [&difference.reference, &difference.value].map(Option::is_none);
            assert!(old != new || is_absent[0] != is_absent[1], "{context}");
            let shown = difference.path.to_string();
            let steps = parse(&shown);
            assert_eq!(path_text(&steps), shown, "{context}");
            for (side, nodes) in [
                (&difference.reference, &mut before),
                (&difference.value, &mut after),
            ] {
                let old = nodes.len();
                let mut found = Nodes::new();
                if let Some(part) = side {
                    nodes::of_value(part, &mut steps.clone(), &mut found);
                }
                let count = found.len();
                nodes.extend(found);
                assert_eq!(nodes.len(), old + count, "listed twice: {context}");
            }
        }
        let only_in = |a: &Nodes, b: &Nodes| -> Nodes {
            let parts = a.iter().filter(|(path, text)| b.get(*path) != Some(text));
            parts
                .map(|(path, text)| (path.clone(), text.clone()))
                .collect()
        };
        assert_eq!(counted(&before), only_in(&reference, &value), "{context}");
        assert_eq!(counted(&after), only_in(&value, &reference), "{context}");
    }
}

/// Reads a displayed path without the product's parser.
fn parse(text: &str) -> Steps {
    let mut steps = Steps::new();
    let mut rest = if text == "." { "" } else { text };
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (key, shown) = data::KEYS
                .iter()
                .find(|(_, shown)| rest.starts_with(shown))
                .unwrap();
            assert!(shown.len() > 2, "{quoted}");
            steps.push(Step::Key((*key).to_owned()));
            rest = &rest[shown.len()..];
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, behind) = index.split_once(']').unwrap();
            steps.push(Step::Index(index.parse().unwrap()));
            rest = behind;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            steps.push(Step::Key(name[..end].to_owned()));
            rest = &name[end..];
        }
    }
    steps
}

fn check_shape(mut prepared: Prepared) {
    let fleet = Fleet::random(&mut prepared);
    let (shape, _, mut rng) = prepared;
    let context = format!("shape {}", shape.id);
    let parts: Vec<_> = fleet
        .messages
        .iter()
        .map(|m| nodes::of_message(m, &shape))
        .collect();
    for (message, value) in &fleet.encodings {
        assert_eq!(
            nodes_of(value),
            parts[*message],
            "{context}: {:?}\n{}",
            fleet.messages[*message],
            shape.proto()
        );
    }
    let reference = rng.bool().then(|| rng.usize(..ENDPOINTS));
    let groups = |rules: &Rules| {
        compare::groups(
            &fleet.answers,
            |_| None,
            reference,
            rules,
            |answer| fleet.value(answer),
        )
    };
    let members = |section: &Section| -> Vec<Vec<usize>> {
        section
            .groups
            .iter()
            .map(|group| group.members.clone())
            .collect()
    };
    let all = groups(&Rules::default());
    let [section] = &all.sections[..] else {
        panic!("{all:?}")
    };
    assert_eq!(
        members(section),
        fleet.groups(reference, Message::clone),
        "{context}"
    );
    check(
        &fleet,
        &parts,
        &Filter::default(),
        &Rules::default(),
        section,
        &context,
    );
    for _ in 0..3 {
        let filter = random_filter(&parts, &mut rng);
        let context = format!(
            "{context}, ignore {:?}, only {:?}",
            filter
                .ignore
                .iter()
                .map(|p| path_text(p))
                .collect::<Vec<_>>(),
            filter.only.iter().map(|p| path_text(p)).collect::<Vec<_>>(),
        );
        let rules = Rules::new(&patterns(&filter.ignore), &patterns(&filter.only));
        let some = groups(&rules);
        let counted = |message: &Message| -> Vec<(Steps, String)> {
            let nodes = nodes::of_message(message, &shape);
            nodes
                .into_iter()
                .filter(|(path, text)| filter.counts(path, text))
                .collect()
        };
        assert_eq!(
            members(&some.sections[0]),
            fleet.groups(reference, counted),
            "{context}"
        );
        check(&fleet, &parts, &filter, &rules, &some.sections[0], &context);
    }
}

#[test]
fn values_groups_and_differences_of_random_messages_equal_those_of_an_oracle() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for batch in (thread..SHAPES / BATCH).step_by(threads) {
                    shapes(batch).into_iter().for_each(check_shape);
                }
            });
        }
    });
}

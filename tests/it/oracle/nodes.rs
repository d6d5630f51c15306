//! What a message consists of: each part of it by its path.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    data::{Content, Data, Json, KEYS, Message, Occurrence, Unknown},
    shape::{COLORS, Cardinality, Kind, Shape, WRAPPED},
};

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    Key(String),
    Index(usize),
    /// In patterns.
    Any,
}

pub(super) type Steps = Vec<Step>;

/// The parts of a message: `{}` and `[]` for objects and lists, texts in quotes, floats as their bits.
pub(super) type Nodes = BTreeMap<Steps, String>;

/// A path as the user reads and writes it.
pub(super) fn path_text(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Any => text += "[]",
            Step::Index(index) => text += &format!("[{index}]"),
            Step::Key(key) => match KEYS.iter().find(|(known, _)| known == key) {
                Some((_, shown)) => text += shown,
                // Of the keys of a struct, those that begin with the mark have it twice.
                None => text += &format!(".{key}"),
            },
        }
    }
    match &*text {
        "" => ".".to_owned(),
        text => text.strip_prefix('.').unwrap_or(text).to_owned(),
    }
}

/// The parts of a value, from its JSON.
pub(super) fn of_value(value: &serde_json::Value, path: &mut Steps, nodes: &mut Nodes) {
    use serde_json::Value;
    let text = match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                path.push(Step::Key(key.clone()));
                of_value(value, path, nodes);
                path.pop();
            }
            "{}".to_owned()
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                path.push(Step::Index(index));
                of_value(value, path, nodes);
                path.pop();
            }
            "[]".to_owned()
        }
        Value::Number(number) if number.is_f64() => bits(number.as_f64().unwrap()),
        other => other.to_string(),
    };
    nodes.insert(path.clone(), text);
}

fn bits(number: f64) -> String {
    format!("bits {:x}", number.to_bits())
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Collects the parts of a message.
struct Collector<'a> {
    shape: &'a Shape,
    nodes: Nodes,
    path: Steps,
}

pub(super) fn of_message(message: &Message, shape: &Shape) -> Nodes {
    let mut collector = Collector {
        shape,
        nodes: Nodes::new(),
        path: Steps::new(),
    };
    collector.message(0, message);
    collector.nodes
}

impl Collector<'_> {
    fn add(&mut self, text: impl Into<String>) {
        self.nodes.insert(self.path.clone(), text.into());
    }

    fn at(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.path.push(Step::Key(key.to_owned()));
        inside(self);
        self.path.pop();
    }

    fn list<T>(&mut self, items: &[T], mut inside: impl FnMut(&mut Self, &T)) {
        self.add("[]");
        for (index, item) in items.iter().enumerate() {
            self.path.push(Step::Index(index));
            inside(self, item);
            self.path.pop();
        }
    }

    fn message(&mut self, number: usize, message: &Message) {
        self.add("{}");
        for field in &self.shape.messages[number].clone() {
            let Some(value) = message.fields.get(&field.number) else {
                continue;
            };
            self.at(&field.key, |this| match value {
                Occurrence::One(data) => this.data(field.kind, data),
                Occurrence::List(items) => {
                    this.list(items, |this, data| this.data(field.kind, data))
                }
                Occurrence::Map(entries) => {
                    assert!(matches!(field.cardinality, Cardinality::Map(_)));
                    this.add("{}");
                    for (key, data) in entries {
                        this.at(key, |this| this.data(field.kind, data));
                    }
                }
            });
        }
        for (number, values) in &message.unknown {
            self.at(&format!("#{number}"), |this| match &values[..] {
                [one] => this.unknown(one),
                many => this.list(many, Self::unknown),
            });
        }
    }

    fn unknown(&mut self, value: &Unknown) {
        match value {
            Unknown::Varint(n) => self.add(n.to_string()),
            Unknown::Bytes(bytes) => self.add(quoted(&BASE64_STANDARD.encode(bytes))),
            Unknown::Fixed64(n) => {
                self.add("{}");
                self.at("fixed64", |this| this.add(quoted(&n.to_string())));
            }
            Unknown::Fixed32(n) => {
                self.add("{}");
                self.at("fixed32", |this| this.add(n.to_string()));
            }
            Unknown::Group(n) => {
                self.add("{}");
                let fields = BASE64_STANDARD.encode([8, *n]);
                self.at("group", |this| this.add(quoted(&fields)));
            }
        }
    }

    fn double(&mut self, value: f64) {
        match value {
            _ if value.is_nan() => self.add("\"NaN\""),
            _ if value == f64::INFINITY => self.add("\"Infinity\""),
            _ if value == f64::NEG_INFINITY => self.add("\"-Infinity\""),
            _ => self.add(bits(value)),
        }
    }

    fn data(&mut self, kind: Kind, data: &Data) {
        match (kind, data) {
            (Kind::Bool, Data::Integer(n)) => self.add((*n == 1).to_string()),
            (
                Kind::Int64 | Kind::Uint64 | Kind::Sint64 | Kind::Fixed64 | Kind::Sfixed64,
                Data::Integer(n),
            ) => {
                self.add(quoted(&n.to_string()));
            }
            (Kind::Enum, Data::Integer(n)) => {
                match COLORS.iter().find(|(number, _)| i128::from(*number) == *n) {
                    Some((_, name)) => self.add(quoted(name)),
                    None => self.add(n.to_string()),
                }
            }
            (_, Data::Integer(n)) => self.add(n.to_string()),
            // The shortest decimal that is this float.
            (_, Data::Float(bits)) => {
                self.double(format!("{:e}", f32::from_bits(*bits)).parse().unwrap())
            }
            (_, Data::Double(bits)) => self.double(f64::from_bits(*bits)),
            (_, Data::Text(text)) => self.add(quoted(text)),
            (_, Data::Bytes(bytes)) => self.add(quoted(&BASE64_STANDARD.encode(bytes))),
            (Kind::Message(number), Data::Message(message)) => self.message(number, message),
            (_, Data::Message(_)) => self.add("{}"),
            (kind, Data::Time(seconds, nanos, has_unknown)) => {
                self.time(kind, *seconds, *nanos, *has_unknown)
            }
            (_, Data::Mask(paths)) => self.mask(paths),
            (Kind::Wrapper(index), Data::Wrapped(value)) => self.data(WRAPPED[index].0, value),
            (_, Data::Json(json)) => self.json(json),
            (_, Data::Any(url, content)) => self.any(url, content),
            other => panic!("{other:?}"),
        }
    }

    fn time(&mut self, kind: Kind, seconds: i64, nanos: i32, has_unknown: bool) {
        let fraction = match nanos.unsigned_abs() {
            0 => String::new(),
            n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
            n if n % 1000 == 0 => format!(".{:06}", n / 1000),
            n => format!(".{n:09}"),
        };
        let text = match kind {
            _ if has_unknown => None,
            Kind::Timestamp if nanos >= 0 => date(seconds).map(|date| format!("{date}{fraction}Z")),
            Kind::Timestamp => None,
            _ if seconds.unsigned_abs() > 315_576_000_000
                || (seconds > 0 && nanos < 0)
                || (seconds < 0 && nanos > 0) =>
            {
                None
            }
            _ => {
                let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
                Some(format!("{sign}{}{fraction}s", seconds.unsigned_abs()))
            }
        };
        match text {
            Some(text) => self.add(quoted(&text)),
            None => {
                self.add("{}");
                if seconds != 0 {
                    self.at("seconds", |this| this.add(quoted(&seconds.to_string())));
                }
                if nanos != 0 {
                    self.at("nanos", |this| this.add(nanos.to_string()));
                }
                if has_unknown {
                    self.at("#3", |this| this.add("1"));
                }
            }
        }
    }

    fn mask(&mut self, paths: &[String]) {
        // Those of `Data::random` that are the snake case of a name.
        let camel = |path: &String| match &**path {
            "a" => Some("a"),
            "b_c" => Some("bC"),
            "b_c.d" => Some("bC.d"),
            "_y" => Some("Y"),
            _ => None,
        };
        match paths.iter().map(camel).collect::<Option<Vec<_>>>() {
            Some(names) => self.add(quoted(&names.join(","))),
            None => {
                self.add("{}");
                self.at("paths", |this| {
                    this.list(paths, |this, path| this.add(quoted(path)))
                });
            }
        }
    }

    fn any(&mut self, url: &str, content: &Content) {
        self.add("{}");
        let bytes = match content {
            Content::Unknown(bytes) if url.is_empty() && bytes.is_empty() => return,
            Content::Damaged(bytes) => {
                self.path.push(Step::Key("#".to_owned()));
                self.add("{}");
                self.at("typeUrl", |this| this.add(quoted(url)));
                self.at("value", |this| {
                    this.add(quoted(&BASE64_STANDARD.encode(bytes)))
                });
                self.path.pop();
                return;
            }
            Content::Known(number, message) => {
                self.message(*number, message);
                None
            }
            Content::Wrapped(index, value) => {
                self.at("value", |this| this.data(WRAPPED[*index].0, value));
                None
            }
            Content::Unknown(bytes) => Some(bytes),
        };
        self.at("@type", |this| this.add(quoted(url)));
        if let Some(bytes) = bytes {
            self.at("value", |this| {
                this.add(quoted(&BASE64_STANDARD.encode(bytes)))
            });
        }
    }

    fn json(&mut self, json: &Json) {
        match json {
            Json::Unset => self.marked(|_| ()),
            Json::Null => self.add("null"),
            Json::Number(bits) => match f64::from_bits(*bits) {
                n if n.is_finite() => self.double(n),
                n => self.marked(|this| this.at("numberValue", |this| this.double(n))),
            },
            Json::Text(text) => self.add(quoted(text)),
            Json::Bool(value) => self.add(value.to_string()),
            Json::Struct(entries) => {
                self.add("{}");
                for (key, value) in entries {
                    let mark = if key.starts_with('#') { "#" } else { "" };
                    self.at(&format!("{mark}{key}"), |this| this.json(value));
                }
            }
            Json::List(items) => self.list(items, Self::json),
        }
    }

    fn marked(&mut self, inside: impl FnOnce(&mut Self)) {
        self.add("{}");
        self.at("#", |this| {
            this.add("{}");
            inside(this);
        });
    }
}

/// The date and time of a second, in years of four digits, found by counting years and months.
fn date(seconds: i64) -> Option<String> {
    let (mut days, second) = (
        seconds.div_euclid(86_400) + 719_162,
        seconds.rem_euclid(86_400),
    );
    if days < 0 {
        return None;
    }
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1 + days / 146_097 * 400;
    days %= 146_097;
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    (year <= 9999).then(|| {
        format!(
            "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}",
            days + 1
        )
    })
}

/// Patterns of `--ignore` and `--only`.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) ignore: Vec<Steps>,
    pub(super) only: Vec<Steps>,
}

impl Filter {
    /// Whether a part counts.
    pub(super) fn counts(&self, path: &[Step], text: &str) -> bool {
        let covers = |pattern: &Steps| {
            // All elements together are their list.
            let end = pattern
                .iter()
                .rposition(|step| *step != Step::Any)
                .map_or(0, |at| at + 1);
            matches(&pattern[..end], path) && end <= path.len()
        };
        if self.ignore.iter().any(covers) || !(self.only.is_empty() || self.only.iter().any(covers))
        {
            return false;
        }
        // Whether a message is there does not count where a part of it is ignored by name.
        let leads_on = |pattern: &Steps| {
            let end = pattern
                .iter()
                .rposition(|step| *step != Step::Any)
                .map_or(0, |at| at + 1);
            end > path.len()
                && !path.is_empty()
                && matches(&pattern[..path.len()], path)
                && matches!(pattern[path.len() - 1], Step::Key(_))
        };
        !(["{}", "[]"].contains(&text) && self.ignore.iter().any(leads_on))
    }
}

/// Whether the steps that both have agree.
fn matches(pattern: &[Step], path: &[Step]) -> bool {
    let mut steps = pattern.iter().zip(path);
    steps.all(|(pattern, step)| *pattern == Step::Any || pattern == step)
}

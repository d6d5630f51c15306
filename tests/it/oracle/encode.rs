//! Encodes a message in one of the many ways in which a server may.

use fastrand::Rng;

use super::{
    data::{Content, Data, Json, Message, Occurrence, Unknown},
    shape::{Cardinality, Field, Kind, Shape, WRAPPED},
};

/// Records in an order that gives the message; each is a tag and a value.
type Records = Vec<Vec<u8>>;

fn varint(mut n: u64, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    // A longer form than necessary is allowed.
    if bytes.len() < 8 && rng.u8(..20) == 0 {
        bytes.extend([n as u8 | 0x80, 0]);
    } else {
        bytes.push(n as u8);
    }
    bytes
}

fn tag(number: u32, wire_type: u32) -> Vec<u8> {
    varint((number << 3 | wire_type).into(), &mut Rng::with_seed(1))
}

fn delimited(number: u32, content: &[u8]) -> Vec<u8> {
    let mut rng = Rng::with_seed(1);
    [
        &tag(number, 2)[..],
        &varint(content.len() as u64, &mut rng),
        content,
    ]
    .concat()
}

fn plain_varint(number: u32, n: u64) -> Vec<u8> {
    [tag(number, 0), varint(n, &mut Rng::with_seed(1))].concat()
}

/// One scalar without a tag, and its wire type.
fn scalar(kind: Kind, data: &Data, rng: &mut Rng) -> (u32, Vec<u8>) {
    match (kind, data) {
        // A NaN has many forms.
        (_, Data::Float(bits)) if f32::from_bits(*bits).is_nan() => {
            (5, (bits | rng.u32(..9)).to_le_bytes().into())
        }
        (_, Data::Double(bits)) if f64::from_bits(*bits).is_nan() => {
            (1, (bits | rng.u64(..9)).to_le_bytes().into())
        }
        (_, Data::Float(bits)) => (5, bits.to_le_bytes().into()),
        (_, Data::Double(bits)) => (1, bits.to_le_bytes().into()),
        (Kind::Sint32 | Kind::Sint64, Data::Integer(n)) => {
            let n = *n;
            let zigzag = if n < 0 { -2 * n - 1 } else { 2 * n };
            (0, varint(zigzag as u64, rng))
        }
        (Kind::Fixed32 | Kind::Sfixed32, Data::Integer(n)) => (5, (*n as u32).to_le_bytes().into()),
        (Kind::Fixed64 | Kind::Sfixed64, Data::Integer(n)) => (1, (*n as u64).to_le_bytes().into()),
        (Kind::Int32 | Kind::Uint32 | Kind::Enum, Data::Integer(n)) => {
            // Bits that do not fit are cut off.
            let excess = if rng.u8(..10) == 0 { 1 << 35 } else { 0 };
            (0, varint(*n as u64 ^ excess, rng))
        }
        (_, Data::Integer(n)) => (0, varint(*n as u64, rng)),
        (_, Data::Text(text)) => (
            2,
            [varint(text.len() as u64, rng), text.clone().into()].concat(),
        ),
        (_, Data::Bytes(bytes)) => (2, [varint(bytes.len() as u64, rng), bytes.clone()].concat()),
        other => panic!("{other:?} is not a scalar"),
    }
}

/// The records of a value within its own message, if it is one.
fn records(kind: Kind, data: &Data, shape: &Shape, rng: &mut Rng) -> Option<Records> {
    Some(match (kind, data) {
        (Kind::Message(number), Data::Message(message)) => message.records(number, shape, rng),
        (_, Data::Message(_)) => Vec::new(),
        (_, Data::Time(seconds, nanos, has_unknown)) => {
            let mut records = vec![
                plain_varint(1, *seconds as u64),
                plain_varint(2, *nanos as u64),
            ];
            if *has_unknown {
                records.push(plain_varint(3, 1));
            }
            rng.shuffle(&mut records);
            records
        }
        (_, Data::Mask(paths)) => paths
            .iter()
            .map(|path| delimited(1, path.as_bytes()))
            .collect(),
        (Kind::Wrapper(index), Data::Wrapped(value)) => wrapped(index, value, rng),
        (Kind::Struct, Data::Json(Json::Struct(entries))) => json_entries(entries, rng),
        (Kind::JsonList, Data::Json(Json::List(items))) => json_items(items, rng),
        (_, Data::Json(json)) => json.records(rng),
        (_, Data::Any(url, content)) => {
            let content = match &**content {
                Content::Known(number, message) => message.records(*number, shape, rng).concat(),
                Content::Wrapped(index, value) => wrapped(*index, value, rng).concat(),
                Content::Unknown(bytes) | Content::Damaged(bytes) => bytes.clone(),
            };
            let mut records = vec![delimited(1, url.as_bytes()), delimited(2, &content)];
            rng.shuffle(&mut records);
            records
        }
        _ => return None,
    })
}

fn wrapped(index: usize, value: &Data, rng: &mut Rng) -> Records {
    let (wire_type, bytes) = scalar(WRAPPED[index].0, value, rng);
    match value.is_default() && rng.bool() {
        true => Vec::new(),
        false => vec![[tag(1, wire_type), bytes].concat()],
    }
}

fn json_entries(entries: &std::collections::BTreeMap<String, Json>, rng: &mut Rng) -> Records {
    let mut records: Records = Vec::new();
    for (key, value) in entries {
        let value = value.records(rng).concat();
        records.push(delimited(
            1,
            &[delimited(1, key.as_bytes()), delimited(2, &value)].concat(),
        ));
    }
    rng.shuffle(&mut records);
    records
}

fn json_items(items: &[Json], rng: &mut Rng) -> Records {
    items
        .iter()
        .map(|item| delimited(1, &item.records(rng).concat()))
        .collect()
}

impl Json {
    fn records(&self, rng: &mut Rng) -> Records {
        match self {
            Self::Unset => Vec::new(),
            Self::Null => vec![plain_varint(1, 0)],
            Self::Number(bits) => {
                vec![[tag(2, 1), scalar(Kind::Double, &Data::Double(*bits), rng).1].concat()]
            }
            Self::Text(text) => vec![plain_varint(1, 0), delimited(3, text.as_bytes())],
            Self::Bool(value) => vec![plain_varint(4, u64::from(*value))],
            Self::Struct(entries) => vec![delimited(5, &json_entries(entries, rng).concat())],
            Self::List(items) => vec![delimited(6, &json_items(items, rng).concat())],
        }
    }
}

/// One occurrence of a field; a message may come in two parts.
fn occurrence(field: &Field, data: &Data, shape: &Shape, split: bool, rng: &mut Rng) -> Records {
    match records(field.kind, data, shape, rng) {
        Some(records) => {
            let at = match split && rng.bool() {
                true => rng.usize(..=records.len()),
                false => 0,
            };
            let (head, tail) = records.split_at(at);
            let head = (at > 0).then(|| delimited(field.number, &head.concat()));
            head.into_iter()
                .chain([delimited(field.number, &tail.concat())])
                .collect()
        }
        None => {
            let (wire_type, bytes) = scalar(field.kind, data, rng);
            vec![[tag(field.number, wire_type), bytes].concat()]
        }
    }
}

/// A list of scalars: packed, one by one, or some of both.
fn list(field: &Field, items: &[Data], shape: &Shape, rng: &mut Rng) -> Records {
    let is_message = records(field.kind, &items[0], shape, rng).is_some();
    let is_text = [Kind::Text, Kind::Bytes].contains(&field.kind);
    let mut all = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let (some, others) = rest.split_at(rng.usize(1..=rest.len()));
        rest = others;
        if is_message || is_text || rng.bool() {
            for item in some {
                all.extend(occurrence(field, item, shape, false, rng));
            }
        } else {
            let packed: Vec<_> = some
                .iter()
                .map(|item| scalar(field.kind, item, rng).1)
                .collect();
            all.push(delimited(field.number, &packed.concat()));
        }
    }
    all
}

fn entry(field: &Field, key: (Kind, &str), data: &Data, shape: &Shape, rng: &mut Rng) -> Vec<u8> {
    let (key_kind, text) = key;
    let key = match key_kind {
        Kind::Text => Data::Text(text.to_owned()),
        Kind::Bool => Data::Integer(i128::from(text == "true")),
        _ => Data::Integer(text.parse().unwrap()),
    };
    let at = |number, kind| Field {
        number,
        key: String::new(),
        kind,
        cardinality: Cardinality::Implicit,
    };
    let mut parts: Records = Vec::new();
    if !key.is_default() || rng.bool() {
        parts.push(occurrence(&at(1, key_kind), &key, shape, false, rng).concat());
    }
    if !data.is_default() || rng.bool() {
        parts.push(occurrence(&at(2, field.kind), data, shape, true, rng).concat());
    }
    rng.shuffle(&mut parts);
    delimited(field.number, &parts.concat())
}

impl Unknown {
    fn record(&self, number: u32) -> Vec<u8> {
        match self {
            Self::Varint(n) => plain_varint(number, *n),
            Self::Fixed64(n) => [tag(number, 1), n.to_le_bytes().into()].concat(),
            Self::Bytes(bytes) => delimited(number, bytes),
            Self::Group(n) => {
                [tag(number, 3), plain_varint(1, (*n).into()), tag(number, 4)].concat()
            }
            Self::Fixed32(n) => [tag(number, 5), n.to_le_bytes().into()].concat(),
        }
    }
}

impl Message {
    pub(super) fn encode(&self, shape: &Shape, rng: &mut Rng) -> Vec<u8> {
        self.records(0, shape, rng).concat()
    }

    fn records(&self, number: usize, shape: &Shape, rng: &mut Rng) -> Records {
        // Records of one field keep their order, and so do those of one oneof.
        let mut queues: Vec<Records> = Vec::new();
        let mut oneof: Records = Vec::new();
        for field in &shape.messages[number] {
            let queue = self.field(field, shape, rng);
            match field.cardinality {
                // The member that counts comes last.
                Cardinality::Oneof if self.fields.contains_key(&field.number) => {
                    oneof.extend(queue)
                }
                Cardinality::Oneof => oneof.splice(0..0, queue).for_each(drop),
                _ => queues.push(queue),
            }
        }
        if !shape.messages[number].iter().any(|field| {
            field.cardinality == Cardinality::Oneof && self.fields.contains_key(&field.number)
        }) {
            oneof.clear();
        }
        queues.push(oneof);
        for (number, values) in &self.unknown {
            queues.push(values.iter().map(|value| value.record(*number)).collect());
        }
        let mut all = Vec::new();
        loop {
            queues.retain(|queue| !queue.is_empty());
            if queues.is_empty() {
                return all;
            }
            let queue = rng.usize(..queues.len());
            all.push(queues[queue].remove(0));
        }
    }

    fn field(&self, field: &Field, shape: &Shape, rng: &mut Rng) -> Records {
        let mut records = Vec::new();
        let stale = |rng: &mut Rng| Data::random(field.kind, shape, 9, rng);
        match (self.fields.get(&field.number), field.cardinality) {
            // A value that is overwritten; a message would be merged.
            (Some(Occurrence::One(data)), _) => {
                let overwritten = stale(rng);
                if rng.u8(..5) == 0 && self::records(field.kind, data, shape, rng).is_none() {
                    records.extend(occurrence(field, &overwritten, shape, false, rng));
                }
                records.extend(occurrence(field, data, shape, true, rng));
            }
            (Some(Occurrence::List(items)), _) => records = list(field, items, shape, rng),
            (Some(Occurrence::Map(entries)), Cardinality::Map(key)) => {
                let mut entries: Vec<_> = entries.iter().collect();
                rng.shuffle(&mut entries);
                for (text, data) in entries {
                    if rng.u8(..5) == 0 {
                        let overwritten = stale(rng);
                        records.push(entry(field, (key, text), &overwritten, shape, rng));
                    }
                    records.push(entry(field, (key, text), data, shape, rng));
                }
            }
            // A default without presence may be sent as well; of a oneof a member that another one replaces.
            (None, Cardinality::Implicit) if rng.u8(..5) == 0 => {
                let zero = match field.kind {
                    Kind::Float => Data::Float(0),
                    Kind::Double => Data::Double(0),
                    Kind::Text => Data::Text(String::new()),
                    Kind::Bytes => Data::Bytes(Vec::new()),
                    kind if matches!(stale(rng), Data::Integer(_)) => {
                        return occurrence(
                            &Field {
                                kind,
                                ..field.clone()
                            },
                            &Data::Integer(0),
                            shape,
                            false,
                            rng,
                        );
                    }
                    _ => return records,
                };
                records.extend(occurrence(field, &zero, shape, false, rng));
            }
            (None, Cardinality::Oneof) if rng.u8(..3) == 0 => {
                let replaced = stale(rng);
                records.extend(occurrence(field, &replaced, shape, true, rng));
            }
            _ => {}
        }
        records
    }
}

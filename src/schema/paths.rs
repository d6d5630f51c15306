//! Paths as they are typed, checked against the fields of a message.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::{
    path::{PathPattern, Segment},
    schema::{
        error::{Error, Names},
        value::field_key,
    },
    untrusted::Untrusted,
};

/// What a segment of a path is applied to.
enum Cursor {
    Message(MessageDescriptor),
    /// A list or a map of such elements.
    Elements(FieldDescriptor),
    /// A value whose fields, if any, are known at run time only.
    Open,
    Scalar,
}

/// Replaces the names of fields by their JSON names.
pub(super) fn resolve(
    message: &MessageDescriptor,
    pattern: &PathPattern,
) -> Result<PathPattern, Error> {
    let mut place = of_message(message.clone());
    let mut resolved = Vec::new();
    for segment in pattern.segments() {
        let (segment, inside) = step(&place, segment).map_err(|problem| match problem {
            StepError::NoField(message, field) => Error::UnknownField {
                path: Untrusted::new(&pattern.to_string()),
                known: similar(&message, &field),
                message: message.full_name().to_owned(),
                field: Untrusted::new(&field),
            },
            StepError::Text(problem) => Error::Path {
                path: Untrusted::new(&pattern.to_string()),
                problem,
            },
        })?;
        resolved.push(segment);
        place = inside;
    }
    Ok(resolved.into())
}

enum StepError {
    NoField(MessageDescriptor, String),
    Text(&'static str),
}

fn step(place: &Cursor, segment: &Segment) -> Result<(Segment, Cursor), StepError> {
    let problem = match (place, segment) {
        (Cursor::Open, segment) => return Ok((segment.clone(), Cursor::Open)),
        // Fields that the schema does not have are shown by number.
        (Cursor::Message(_), Segment::Key(name)) if name.starts_with('#') => {
            return Ok((segment.clone(), Cursor::Open));
        }
        (Cursor::Message(message), Segment::Key(name)) => {
            let field = message
                .get_field_by_json_name(name)
                .or_else(|| message.get_field_by_name(name))
                .ok_or_else(|| StepError::NoField(message.clone(), name.clone()))?;
            let segment = Segment::Key(field_key(&field));
            let inside = match field.is_list() || field.is_map() {
                true => Cursor::Elements(field),
                false => of_kind(field.kind()),
            };
            return Ok((segment, inside));
        }
        (Cursor::Elements(field), segment) => {
            let kind = match (field.kind(), segment) {
                (kind, Segment::Any | Segment::Index(_)) if field.is_list() => Some(kind),
                (Kind::Message(entry), Segment::Any | Segment::Key(_)) if field.is_map() => {
                    Some(entry.map_entry_value_field().kind())
                }
                _ => None,
            };
            match kind {
                Some(kind) => return Ok((segment.clone(), of_kind(kind))),
                None if field.is_map() => {
                    "this is a map; write [] for any entry or [\"key\"] for one"
                }
                None => "this is a list; write [] for any element or [0] for one",
            }
        }
        (Cursor::Message(_), _) => "this is one message, not a list or a map",
        (Cursor::Scalar, _) => "this is a single value, without fields",
    };
    Err(StepError::Text(problem))
}

fn of_kind(kind: Kind) -> Cursor {
    match kind {
        Kind::Message(message) => of_message(message),
        _ => Cursor::Scalar,
    }
}

fn of_message(message: MessageDescriptor) -> Cursor {
    match message.full_name() {
        "google.protobuf.Any"
        | "google.protobuf.ListValue"
        | "google.protobuf.Struct"
        | "google.protobuf.Value" => Cursor::Open,
        _ => Cursor::Message(message),
    }
}

/// The fields with a similar name, or all.
fn similar(message: &MessageDescriptor, name: &str) -> Names {
    let fields: Vec<FieldDescriptor> = message.fields().collect();
    let is_similar = |field: &&FieldDescriptor| {
        [field.name(), field.json_name()]
            .iter()
            .any(|known| strsim::jaro_winkler(known, name) > 0.8)
    };
    let close: Vec<&FieldDescriptor> = fields.iter().filter(is_similar).collect();
    let shown = if close.is_empty() {
        fields.iter().collect()
    } else {
        close
    };
    Names::new(shown.into_iter().map(FieldDescriptor::name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::schema::source::Schema;

    fn resolve(path: &str) -> Result<String, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proto");
        let schema = Schema::compile(&[root.join("sample/service.proto")], &[root]).unwrap();
        let method = schema
            .method(&"sample.v1.Inventory/Get".parse().unwrap())
            .unwrap();
        match method.resolve(&path.parse().unwrap()) {
            Ok(resolved) => Ok(resolved.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn proto_and_json_names_lead_to_json_names() {
        for (path, expected) in [
            (".", "."),
            ("key", "key"),
            ("serial", "serialNumber"),
            ("serialNumber", "serialNumber"),
            ("quota.max_qps", "quota.maxQps"),
            ("limits_by_zone[].max_qps", "limitsByZone[].maxQps"),
            (
                "limitsByZone[\"a.b\"].maxQps",
                "limitsByZone[\"a.b\"].maxQps",
            ),
            ("limits_by_zone.north", "limitsByZone.north"),
            ("states[]", "states[]"),
            ("states[3]", "states[3]"),
            (
                "parent.parent.nested.ratios[]",
                "parent.parent.nested.ratios[]",
            ),
            ("details.anything[].at_all", "details.anything[].at_all"),
            ("parent.#17", "parent.#17"),
        ] {
            assert_eq!(resolve(path).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_is_answered_with_the_way_out() {
        for (path, expected) in [
            ("kez", "kez: sample.v1.Item has no field kez; there is key"),
            (
                "quota.zzz",
                "quota.zzz: sample.v1.Limits has no field zzz; there are burst, max_qps",
            ),
            ("key.x", "key.x: this is a single value, without fields"),
            ("key[]", "key[]: this is a single value, without fields"),
            (
                "quota[]",
                "quota[]: this is one message, not a list or a map",
            ),
            (
                "states.x",
                "states.x: this is a list; write [] for any element or [0] for one",
            ),
            (
                "blobs[0]",
                "blobs[0]: this is a map; write [] for any entry or [\"key\"] for one",
            ),
        ] {
            assert_eq!(resolve(path), Err(expected.to_owned()));
        }
    }
}

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

/// Whether nothing is left of what `only` chooses, or without it of the message. The paths are resolved.
pub(super) fn leaves_nothing(
    message: &MessageDescriptor,
    ignore: &[PathPattern],
    only: &[PathPattern],
) -> bool {
    let everything = [PathPattern::from(Vec::new())];
    let only = if only.is_empty() { &everything } else { only };
    let ignore: Vec<_> = ignore.iter().map(PathPattern::whole).collect();
    let ignore: Vec<_> = ignore.iter().map(PathPattern::segments).collect();
    let place = of_message(message.clone());
    only.iter()
        .all(|only| is_gone(&place, only.whole().segments(), &ignore))
}

/// Whether the patterns of `ignore` take away all that `only` chooses in a place.
fn is_gone(place: &Cursor, only: &[Segment], ignore: &[&[Segment]]) -> bool {
    if ignore.iter().any(|rest| rest.is_empty()) {
        return true;
    }
    let inside = |segment: &Segment, only: &[Segment]| {
        let matching = ignore.iter().filter_map(|pattern| pattern.split_first());
        let matching = matching.filter(|(first, _)| [&Segment::Any, segment].contains(first));
        let ignore: Vec<_> = matching.map(|(_, rest)| rest).collect();
        step(place, segment).is_ok_and(|(_, inside)| is_gone(&inside, only, &ignore))
    };
    match (only.split_first(), place) {
        (Some((segment, only)), _) => inside(segment, only),
        (None, Cursor::Message(message)) if !ignore.is_empty() => message
            .fields()
            .all(|field| inside(&Segment::Key(field_key(&field)), &[])),
        // The length of a list counts, and what is in an open value is not known.
        (None, _) => false,
    }
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
    use std::{path::Path, sync::Arc};

    use crate::schema::{method::Method, source::Schema};

    fn method() -> Arc<Method> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proto");
        let schema = Schema::compile(&[root.join("sample/service.proto")], &[root]).unwrap();
        let name = "sample.v1.Inventory/Get".parse().unwrap();
        schema.method(&name).unwrap()
    }

    #[test]
    fn rules_that_leave_nothing_are_recognised() {
        let method = method();
        let all: Vec<_> = method
            .output()
            .fields()
            .map(|f| f.json_name().to_owned())
            .collect();
        let all: Vec<_> = all.iter().map(|name| &**name).collect();
        let limits = ["quota.burst", "quota.maxQps"];
        for (ignore, only, expected) in [
            (&[][..], &[][..], false),
            (&[], &["key"], false),
            (&["key"], &["key"], true),
            (&["key"], &["key", "quota"], false),
            (&["key"], &["."], false),
            (&["."], &[], true),
            (&["quota"], &["quota.burst"], true),
            (&["quota.burst"], &["quota"], false),
            (&limits, &["quota"], true),
            (&limits, &[], false),
            (&all, &[], true),
            (&all[1..], &[], false),
            (&["states[]"], &["states"], true),
            (&["states"], &["states[]"], true),
            (&["states[0]"], &["states"], false),
            (
                &["limitsByZone[].burst", "limitsByZone[].maxQps"],
                &["limitsByZone"],
                false,
            ),
            (&["limitsByZone[].burst"], &["limitsByZone.a.burst"], true),
            (&["limitsByZone.a.burst"], &["limitsByZone[].burst"], false),
            (&["parent.parent.key"], &["parent"], false),
            (&["details.a"], &["details"], false),
        ] {
            let [ignored, chosen] = [ignore, only].map(|paths| {
                paths
                    .iter()
                    .map(|path| path.parse().unwrap())
                    .collect::<Vec<_>>()
            });
            let found = method.leaves_nothing(&ignored, &chosen);
            assert_eq!(found, expected, "{ignore:?} {only:?}");
        }
    }

    fn resolve(path: &str) -> Result<String, String> {
        match method().resolve(&path.parse().unwrap()) {
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

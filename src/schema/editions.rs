//! Files of an edition, converted to the syntax that `prost-reflect` reads.
//!
//! Of what the features of an edition decide, two matter here: whether a field has presence, and whether a message is
//! encoded as a group. The others are about generated code, or about what a compiler or a parser must reject. Both stand
//! in the options of a field or in those of its file.

use std::{collections::HashSet, ops::RangeInclusive};

use crate::{
    schema::{
        descriptor::{EnumProto, FeatureSet, FileProto, GROUP, MESSAGE, MessageProto, REPEATED},
        error::Error,
    },
    untrusted::Untrusted,
};

/// The editions 2023 and 2024, by `google.protobuf.Edition`.
const EDITIONS: RangeInclusive<i32> = 1000..=1001;

/// `FeatureSet.FieldPresence.IMPLICIT`: a field with its default is absent.
const IMPLICIT: i32 = 2;

/// `FeatureSet.MessageEncoding.DELIMITED`.
const DELIMITED: i32 = 2;

/// Replaces an edition by proto3, where a field with presence is `optional`. An enum without 0 needs proto2, where all
/// fields have presence.
pub(super) fn convert(file: &mut FileProto) -> Result<(), Error> {
    let edition = file.edition.take().unwrap_or_default();
    let features = file.options.take().and_then(|options| options.features);
    let rejected = match file.syntax.as_deref() {
        None | Some("proto2" | "proto3") => return Ok(()),
        Some("editions") if EDITIONS.contains(&edition) => None,
        Some("editions") => Some(format!("edition {edition}")),
        Some(syntax) => Some(syntax.to_owned()),
    };
    if let Some(syntax) = rejected {
        return Err(Error::Syntax {
            file: Untrusted::new(&file.name),
            syntax: Untrusted::new(&syntax),
        });
    }
    let features = features.unwrap_or_default();
    for message in &mut file.messages {
        convert_message(message, &features);
    }
    let begin_with_0 = file.messages.iter().all(enums_begin_with_0)
        && file.enums.iter().all(EnumProto::begins_with_0);
    file.syntax = Some(if begin_with_0 { "proto3" } else { "proto2" }.to_owned());
    Ok(())
}

fn enums_begin_with_0(message: &MessageProto) -> bool {
    message.enums.iter().all(EnumProto::begins_with_0)
        && message.messages.iter().all(enums_begin_with_0)
}

fn convert_message(message: &mut MessageProto, inherited: &FeatureSet) {
    let is_entry = message.is_map_entry();
    let entries = message
        .messages
        .iter()
        .filter(|nested| nested.is_map_entry());
    let entries: HashSet<&str> = entries.map(|entry| &*entry.name).collect();
    let is_own_entry = |type_name: &str| {
        let mut names = type_name.rsplit('.');
        names.next().is_some_and(|name| entries.contains(name))
            && names.next() == Some(&*message.name)
    };
    for field in &mut message.fields {
        let own = field
            .options
            .as_ref()
            .and_then(|options| options.features.as_ref());
        let presence = own.and_then(|own| own.field_presence);
        let presence = presence.or(inherited.field_presence);
        let encoding = own.and_then(|own| own.message_encoding);
        let encoding = encoding.or(inherited.message_encoding);
        let is_single = field.label != Some(REPEATED) && field.oneof_index.is_none();
        if is_single && !is_entry && presence != Some(IMPLICIT) {
            field.proto3_optional = Some(true);
        }
        // Maps are never encoded as groups.
        let is_map = is_entry || field.type_name.as_deref().is_some_and(is_own_entry);
        if field.kind == Some(MESSAGE) && encoding == Some(DELIMITED) && !is_map {
            field.kind = Some(GROUP);
        }
    }
    for nested in &mut message.messages {
        convert_message(nested, inherited);
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;
    use serde_json::json;

    use super::*;
    use crate::schema::{
        descriptor::{EnumValueProto, FieldOptions, FieldProto, FileOptions, MessageOptions},
        link::link,
        value::value,
    };

    /// `FieldDescriptorProto.Type`.
    const INT32: i32 = 5;
    const STRING: i32 = 9;

    fn features(field_presence: Option<i32>, message_encoding: Option<i32>) -> Option<FeatureSet> {
        Some(FeatureSet {
            field_presence,
            message_encoding,
        })
    }

    fn field(number: i32, kind: i32, type_name: Option<&str>) -> FieldProto {
        FieldProto {
            name: format!("f{number}"),
            number,
            kind: Some(kind),
            type_name: type_name.map(str::to_owned),
            ..FieldProto::default()
        }
    }

    fn file(fields: Vec<FieldProto>) -> FileProto {
        let entry = MessageProto {
            name: "F4Entry".to_owned(),
            fields: vec![field(1, STRING, None), field(2, MESSAGE, Some(".M"))],
            options: Some(MessageOptions { map_entry: true }),
            ..MessageProto::default()
        };
        FileProto {
            name: "a.proto".to_owned(),
            syntax: Some("editions".to_owned()),
            edition: Some(1000),
            messages: vec![MessageProto {
                name: "M".to_owned(),
                fields,
                messages: vec![entry],
                ..MessageProto::default()
            }],
            ..FileProto::default()
        }
    }

    fn shown(pool: &DescriptorPool, bytes: &[u8]) -> Result<String, String> {
        let message = pool.get_message_by_name("M").unwrap();
        let value = value(&message, bytes);
        value
            .map(|value| value.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn fields_have_presence_unless_a_feature_makes_it_implicit() {
        let zero = [8, 0, 16, 0];
        for (of_file, of_field, expected) in [
            (None, None, r#"{"f1":0,"f2":0}"#),
            (features(Some(IMPLICIT), None), None, "{}"),
            (None, features(Some(IMPLICIT), None), r#"{"f1":0}"#),
            (
                features(Some(IMPLICIT), None),
                features(Some(1), None),
                r#"{"f2":0}"#,
            ),
        ] {
            let mut file = file(vec![field(1, INT32, None), field(2, INT32, None)]);
            file.options = Some(FileOptions { features: of_file });
            file.messages[0].fields[1].options = Some(FieldOptions { features: of_field });
            let pool = link([file]).unwrap();
            assert_eq!(shown(&pool, &zero).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn delimited_messages_are_groups_and_maps_are_not() {
        let mut map = field(4, MESSAGE, Some(".M.F4Entry"));
        map.label = Some(REPEATED);
        let mut file = file(vec![
            field(1, INT32, None),
            field(3, MESSAGE, Some(".M")),
            map,
        ]);
        file.options = Some(FileOptions {
            features: features(None, Some(DELIMITED)),
        });
        let pool = link([file]).unwrap();
        let entry = [0x22, 6, 0x0a, 0, 0x12, 2, 8, 7];
        let bytes = [&[0x1b, 8, 5, 0x1c][..], &entry].concat();
        let expected = json!({"f3": {"f1": 5}, "f4": {"": {"f1": 7}}}).to_string();
        assert_eq!(shown(&pool, &bytes), Ok(expected));
        assert!(shown(&pool, &[0x1a, 0]).is_err());
    }

    #[test]
    fn an_enum_without_0_is_accepted() {
        let mut file = file(vec![field(1, 14, Some(".E"))]);
        file.enums.push(EnumProto {
            name: "E".to_owned(),
            values: vec![EnumValueProto {
                name: "ONE".to_owned(),
                number: 1,
            }],
            options: None,
        });
        let pool = link([file]).unwrap();
        assert_eq!(shown(&pool, &[8, 1]).as_deref(), Ok(r#"{"f1":"ONE"}"#));
    }

    #[test]
    fn an_unknown_edition_is_named() {
        let mut later = file(Vec::new());
        later.edition = Some(9999);
        let error = link([later]).unwrap_err().to_string();
        assert_eq!(
            error,
            "a.proto is written in edition 9999; proto2, proto3 and the editions 2023 and 2024 are supported"
        );
    }
}

//! Compares a reflected description of the service with `proto/profile.proto`.
//!
//! Both become lists of facts that callers depend on: the messages of a method, number, type and names of a
//! field, values of the enumeration. Comments, options and order are left out, and additions of a later version
//! are accepted.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, field_descriptor_proto,
};

use crate::{pb::FILE_DESCRIPTOR_SET, untrusted::Untrusted};

/// Every fact of the contract that a server's description lacks or contradicts, in words.
pub(super) fn differences(theirs: &[FileDescriptorProto]) -> Vec<String> {
    let contract = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET)
        .expect("the build wrote these bytes with the same library");
    let (ours, theirs) = (facts(&contract.file), facts(theirs));
    ours.iter()
        .filter_map(|(subject, fact)| match theirs.get(subject) {
            None => Some(format!("{subject} is missing")),
            Some(other) if other != fact => {
                let other = Untrusted::new(other);
                Some(format!("{subject} is {other}, not {fact}"))
            }
            Some(_) => None,
        })
        .collect()
}

type Facts = BTreeMap<String, String>;

fn facts(files: &[FileDescriptorProto]) -> Facts {
    let mut facts = Facts::new();
    for file in files {
        let package = file.package();
        for service in &file.service {
            for method in &service.method {
                let stream = |streams| if streams { "stream " } else { "" };
                facts.insert(
                    format!("method {package}.{}/{}", service.name(), method.name()),
                    format!(
                        "{}{} → {}{}",
                        stream(method.client_streaming()),
                        method.input_type(),
                        stream(method.server_streaming()),
                        method.output_type()
                    ),
                );
            }
        }
        for message in &file.message_type {
            message_facts(package, message, &mut facts);
        }
        for enumeration in &file.enum_type {
            enum_facts(package, enumeration, &mut facts);
        }
    }
    facts
}

fn message_facts(scope: &str, message: &DescriptorProto, facts: &mut Facts) {
    let scope = format!("{scope}.{}", message.name());
    for field in &message.field {
        facts.insert(format!("field {scope}.{}", field.name()), field_fact(field));
    }
    for enumeration in &message.enum_type {
        enum_facts(&scope, enumeration, facts);
    }
    // Nested messages are left out: the contract has none, and a peer could nest them without limit.
}

fn field_fact(field: &FieldDescriptorProto) -> String {
    let kind = match field.r#type() {
        field_descriptor_proto::Type::Enum | field_descriptor_proto::Type::Message => {
            field.type_name().to_owned()
        }
        other => other.as_str_name().to_owned(),
    };
    let label = match field.label() {
        field_descriptor_proto::Label::Repeated => "repeated ",
        _ if field.proto3_optional() => "optional ",
        _ => "",
    };
    // Some generators omit the JSON name where it is the default.
    let json = match field.json_name() {
        "" => lower_camel(field.name()),
        name => name.to_owned(),
    };
    format!("{label}{kind} = {}, \"{json}\" in JSON", field.number())
}

fn enum_facts(scope: &str, enumeration: &EnumDescriptorProto, facts: &mut Facts) {
    for value in &enumeration.value {
        facts.insert(
            format!("value {scope}.{}.{}", enumeration.name(), value.name()),
            value.number().to_string(),
        );
    }
}

/// The default JSON name of a field (protobuf, "JSON mapping").
fn lower_camel(name: &str) -> String {
    let mut upper = false;
    name.chars()
        .filter_map(|c| match c {
            '_' => {
                upper = true;
                None
            }
            c if std::mem::take(&mut upper) => Some(c.to_ascii_uppercase()),
            c => Some(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Vec<FileDescriptorProto> {
        FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file
    }

    #[test]
    fn equal_and_extended_descriptions_have_no_differences() {
        let mut files = contract();
        assert_eq!(differences(&files), Vec::<String>::new());
        files[0].source_code_info = None;
        let mut later = files[0].message_type[1].field[0].clone();
        later.name = Some("shoe_size".to_owned());
        later.number = Some(5);
        files[0].message_type[1].field.push(later);
        assert_eq!(differences(&files), Vec::<String>::new());
    }

    #[test]
    fn changed_and_missing_facts_are_named() {
        let changed = |change: fn(&mut FileDescriptorProto)| {
            let mut files = contract();
            change(&mut files[0]);
            differences(&files).join("; ")
        };
        assert_eq!(
            changed(|file| file.message_type[1].field[1].number = Some(7)),
            "field lab.GetProfileResponse.height_cm is optional TYPE_DOUBLE = 7, \"height\" in JSON, \
             not optional TYPE_DOUBLE = 2, \"height\" in JSON"
        );
        assert!(
            changed(|file| file.message_type[1].field[1].json_name = None).contains("heightCm")
        );
        assert!(
            changed(|file| file.message_type[1].field[2].proto3_optional = None)
                .contains("weight_kg is TYPE_DOUBLE = 3")
        );
        assert_eq!(
            changed(|file| file.service[0].method[0].name = Some("Get".to_owned())),
            "method lab.Profile/GetProfile is missing"
        );
        assert!(
            changed(|file| file.message_type[1].enum_type[0].value[2].number = Some(9))
                .contains("value lab.GetProfileResponse.Size.XS is 9, not 2")
        );
        assert!(differences(&[]).len() > 12);
    }
}

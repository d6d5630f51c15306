//! What the proto file says, as a list of facts that another description can be held against.
//!
//! A fact is something that a caller depends on: a method's messages, a field's number, type and names, a value
//! of the enumeration. Comments, options and the order of things are not, and neither is what a later version
//! adds.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, field_descriptor_proto,
};

use crate::{pb::FILE_DESCRIPTOR_SET, untrusted::Untrusted};

/// Every fact of the contract that a server's description lacks or contradicts, as a sentence.
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
    // One level: the contract has no deeper ones, and a peer's description may be nested without end.
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
    // Some generators leave the JSON name out where it is the usual one.
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

/// The JSON name of a field that does not say another (protobuf, "JSON mapping").
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
    fn the_contract_is_itself_and_may_grow() {
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
    fn every_deviation_is_named() {
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

//! The files of a schema, collected from one source, within bounds.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use prost_reflect::DescriptorPool;

use crate::{
    schema::{
        descriptor::{FileProto, FileSet, MessageProto, count_definitions},
        error::Error,
        link::{MAX_NAME, MAX_NAMES, link},
    },
    untrusted::Untrusted,
};

/// Most files of a schema. The largest public API of which one service is known to need many files has about 900.
pub(super) const MAX_FILES: usize = 2_000;

/// Most bytes of a schema.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Most definitions (messages, fields, values, methods, imports). Linked, each costs up to a kilobyte of memory.
const MAX_DEFINITIONS: usize = 200_000;

/// The files, by name.
#[derive(Default)]
pub(super) struct Files {
    by_name: BTreeMap<String, FileProto>,
    bytes: usize,
    definitions: usize,
}

impl Files {
    /// Adds an encoded file. One that is there already is kept, unless it was a placeholder.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes += bytes.len();
        limit(self.bytes, MAX_BYTES, "bytes")?;
        let definitions = count_definitions(bytes);
        limit(definitions, MAX_DEFINITIONS, "definitions")?;
        let file = FileProto::decode(bytes)
            .map_err(|error| Error::Descriptor(Untrusted::new(&error.to_string())))?;
        let known = self.by_name.get(&file.name);
        if known.is_none_or(is_placeholder) {
            self.definitions += definitions;
            limit(self.definitions, MAX_DEFINITIONS, "definitions")?;
            self.by_name.insert(file.name.clone(), file);
            limit(self.by_name.len(), MAX_FILES, "files")?;
        }
        Ok(())
    }

    /// Adds the files of an encoded `FileDescriptorSet`.
    pub(super) fn add_set(&mut self, bytes: &[u8]) -> Result<(), Error> {
        limit(bytes.len(), MAX_BYTES, "bytes")?;
        let set = FileSet::decode(bytes)
            .map_err(|error| Error::Descriptor(Untrusted::new(&error.to_string())))?;
        set.files.iter().try_for_each(|file| self.add(file))
    }

    /// The imports without a file, and the files without content.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        let imports = self.by_name.values().flat_map(|file| &file.dependencies);
        let missing = imports.filter(|name| self.by_name.get(*name).is_none_or(is_placeholder));
        missing.map(|name| &**name)
    }

    /// Whether a file defines this service.
    pub(super) fn define_service(&self, name: &str) -> bool {
        self.by_name.values().any(|file| {
            let local = match name.strip_prefix(&*file.package) {
                Some(rest) if !file.package.is_empty() => rest.strip_prefix('.'),
                rest => rest,
            };
            file.services
                .iter()
                .any(|service| Some(&*service.name) == local)
        })
    }

    /// The types that are used and that no file defines. Those without a leading point are left out: what they stand
    /// for depends on what is defined.
    pub(super) fn undefined_types(&self) -> Result<Vec<String>, Error> {
        let mut types = TypeNames::default();
        // The linker rejects longer names. Here, every definition inside of one would repeat it.
        let files = self.by_name.values();
        for file in files.filter(|file| file.package.len() <= MAX_NAME) {
            let package = match &*file.package {
                "" => String::new(),
                package => format!(".{package}"),
            };
            for message in &file.messages {
                types.collect(message, &package)?;
            }
            for definition in &file.enums {
                types.define(format!("{package}.{}", definition.name))?;
            }
            let methods = file.services.iter().flat_map(|service| &service.methods);
            let messages = methods.flat_map(|method| [&method.input, &method.output]);
            types.used.extend(messages.cloned());
        }
        let undefined = types.used.difference(&types.defined);
        let undefined = undefined.filter(|name| !name.starts_with(".google.protobuf."));
        let undefined = undefined.filter_map(|name| name.strip_prefix('.'));
        Ok(undefined.map(str::to_owned).collect())
    }

    pub(super) fn link(self) -> Result<DescriptorPool, Error> {
        link(self.by_name.into_values())
    }
}

/// Full names, which begin with a point.
#[derive(Default)]
struct TypeNames {
    defined: BTreeSet<String>,
    used: BTreeSet<String>,
    /// The bytes of the defined ones, of which each repeats its scope.
    bytes: usize,
}

impl TypeNames {
    fn define(&mut self, name: String) -> Result<(), Error> {
        self.bytes += name.len();
        limit(self.bytes, MAX_NAMES, "bytes of names")?;
        self.defined.insert(name);
        Ok(())
    }

    fn collect(&mut self, message: &MessageProto, scope: &str) -> Result<(), Error> {
        let name = format!("{scope}.{}", message.name);
        if name.len() > MAX_NAME + 1 {
            return Ok(());
        }
        let types = message.fields.iter().map(|field| &field.type_name);
        self.used.extend(types.flatten().cloned());
        for definition in &message.enums {
            self.define(format!("{name}.{}", definition.name))?;
        }
        for nested in &message.messages {
            self.collect(nested, &name)?;
        }
        self.define(name)
    }
}

/// Whether a file has nothing but a name. Some servers send such a file for an import that they do not have.
fn is_placeholder(file: &FileProto) -> bool {
    file.dependencies.is_empty()
        && file.messages.is_empty()
        && file.enums.is_empty()
        && file.services.is_empty()
}

fn limit(value: usize, limit: usize, what: &'static str) -> Result<(), Error> {
    if value > limit {
        return Err(Error::TooLarge { limit, what });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::descriptor::{EnumProto, EnumValueProto, FieldProto};

    fn file(name: &str, dependencies: &[&str], messages: &[&str]) -> Vec<u8> {
        let file = FileProto {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
            messages: messages
                .iter()
                .map(|&name| MessageProto {
                    name: name.to_owned(),
                    ..MessageProto::default()
                })
                .collect(),
            ..FileProto::default()
        };
        file.encode_to_vec()
    }

    #[test]
    fn placeholders_are_missing_until_the_file_comes() {
        let mut files = Files::default();
        files.add(&file("a", &["b", "c"], &[])).unwrap();
        files.add(&file("b", &[], &[])).unwrap();
        assert_eq!(files.missing().collect::<Vec<_>>(), ["b", "c"]);
        files.add(&file("b", &[], &["B"])).unwrap();
        files.add(&file("b", &[], &["Other"])).unwrap();
        files.add(&file("c", &[], &["C"])).unwrap();
        assert_eq!(files.missing().count(), 0);
        let pool = files.link().unwrap();
        assert!(pool.get_message_by_name("B").is_some());
        assert!(pool.get_message_by_name("Other").is_none());
    }

    /// Each name inside of a long one would repeat it.
    #[test]
    fn types_under_a_name_that_is_too_long_are_not_collected() {
        for (length, used) in [(MAX_NAME, 1), (MAX_NAME + 1, 0)] {
            let message = MessageProto {
                name: "m".repeat(length),
                fields: vec![FieldProto {
                    type_name: Some(".p.Missing".to_owned()),
                    ..FieldProto::default()
                }],
                ..MessageProto::default()
            };
            let file = FileProto {
                name: "a".to_owned(),
                messages: vec![message],
                ..FileProto::default()
            };
            let mut files = Files::default();
            files.add(&file.encode_to_vec()).unwrap();
            assert_eq!(files.undefined_types().unwrap().len(), used);
        }
    }

    /// 40,000 definitions in a scope of a kilobyte.
    #[test]
    fn names_of_types_are_limited_before_they_are_linked() {
        let message = MessageProto {
            name: "m".repeat(1_000),
            enums: vec![EnumProto::default(); 40_000],
            ..MessageProto::default()
        };
        let file = FileProto {
            name: "a".to_owned(),
            messages: vec![message],
            ..FileProto::default()
        };
        let mut files = Files::default();
        files.add(&file.encode_to_vec()).unwrap();
        let error = files.undefined_types().unwrap_err().to_string();
        assert_eq!(
            error,
            "the schema is too large: it has more than 33554432 bytes of names"
        );
    }

    #[test]
    fn files_bytes_and_definitions_are_limited() {
        let message = |result: Result<(), Error>| result.unwrap_err().to_string();
        let mut files = Files::default();
        let added =
            (0..10_000).try_for_each(|index| files.add(&file(&index.to_string(), &[], &["M"])));
        assert_eq!(
            message(added),
            "the schema is too large: it has more than 2000 files"
        );
        assert!(files.by_name.len() <= MAX_FILES + 1);

        let long = file("a", &[], &["x".repeat(1024 * 1024).as_str()]);
        let mut files = Files::default();
        let added = (0..100).try_for_each(|_| files.add(&long));
        assert_eq!(
            message(added),
            "the schema is too large: it has more than 16777216 bytes"
        );

        // Two bytes each, and hundreds when decoded.
        let many = FileProto {
            enums: vec![EnumProto {
                name: "E".to_owned(),
                values: vec![EnumValueProto::default(); 1_000_000],
                options: None,
            }],
            ..FileProto::default()
        };
        let added = Files::default().add(&many.encode_to_vec());
        assert_eq!(
            message(added),
            "the schema is too large: it has more than 200000 definitions"
        );
        let names = vec![""; 1_000_000];
        for many in [file("a", &names, &[]), file("a", &[], &names)] {
            let added = Files::default().add(&many);
            assert_eq!(
                message(added),
                "the schema is too large: it has more than 200000 definitions"
            );
        }
    }

    /// Each level costs a few bytes; decoders and counters that recurse would run out of stack.
    #[test]
    fn definitions_nested_without_end_are_an_error() {
        let mut headers = Vec::new();
        let mut length = 0;
        for _ in 0..200_000 {
            let mut header = vec![3 << 3 | 2];
            prost::encoding::encode_varint(length, &mut header);
            length += header.len() as u64;
            headers.push(header);
        }
        let mut file = vec![4 << 3 | 2];
        prost::encoding::encode_varint(length, &mut file);
        file.extend(headers.into_iter().rev().flatten());
        let error = Files::default().add(&file).unwrap_err().to_string();
        assert!(error.starts_with("not a file descriptor: "), "{error}");
    }

    #[test]
    fn a_service_is_found_in_its_package_only() {
        let mut files = Files::default();
        files
            .add_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .unwrap();
        assert!(files.define_service("grpc.health.v1.Health"));
        for name in [
            "Health",
            "grpc.health.v1.",
            "grpc.health.v1.Health.",
            "grpc.health.v1Health",
        ] {
            assert!(!files.define_service(name), "{name}");
        }
    }
}

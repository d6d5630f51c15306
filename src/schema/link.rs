//! Links files into descriptors.
//!
//! `prost-reflect` expects what `protoc` writes. Other input makes it panic (an unknown syntax, a map entry without a
//! key), recurse without end (public imports in a circle), or take time or memory out of proportion (long scopes,
//! one enum of many values in descending order). So files are checked and simplified before it sees them.

use std::collections::{BTreeSet, HashMap, HashSet};

use prost::Message as _;
use prost_reflect::DescriptorPool;

use crate::{
    schema::{
        descriptor::{DecodedFileSet, EnumProto, FieldProto, FileProto, MessageProto},
        editions,
        error::Error,
    },
    untrusted::Untrusted,
};

/// The package of the well-known types. They are built in: a server's own version of them could have any fields.
const WELL_KNOWN: &str = "google.protobuf";

/// Most bytes of full names, all definitions together. Each name is stored with its scope.
pub(super) const MAX_NAMES: usize = 32 * 1024 * 1024;

/// Longest full name in bytes, and longest name of a file.
pub(super) const MAX_NAME: usize = 1024;

/// Most imports of all files together, those through public imports included.
const MAX_IMPORTS: usize = 1_000_000;

/// Links files. The imports that are missing are those that nothing needs, or an error names the type.
pub(super) fn link(files: impl IntoIterator<Item = FileProto>) -> Result<DescriptorPool, Error> {
    let mut files: Vec<FileProto> = files
        .into_iter()
        .filter(|file| file.package != WELL_KNOWN)
        .collect();
    let mut pool = DescriptorPool::global();
    let built_in: Vec<String> = pool.files().map(|file| file.name().to_owned()).collect();
    files.retain(|file| !built_in.contains(&file.name));
    let imports = imports(&files, &built_in)?;
    let mut names = 0;
    for (file, imports) in files.iter_mut().zip(imports) {
        editions::convert(file)?;
        simplify(file, &mut names)?;
        file.dependencies = imports;
        file.public_dependencies.clear();
    }
    let encoded = DecodedFileSet { files }.encode_to_vec();
    pool.decode_file_descriptor_set(&encoded[..])
        .map_err(|error| Error::Link(Untrusted::new(&error.to_string())))?;
    Ok(pool)
}

/// The files that each file sees: its imports, what they import publicly, and the well-known types.
///
/// The reflection of Node's grpc-js leaves all imports out. Where no file has any, each sees all.
fn imports(files: &[FileProto], built_in: &[String]) -> Result<Vec<Vec<String>>, Error> {
    let by_name: HashMap<&str, &FileProto> = files.iter().map(|file| (&*file.name, file)).collect();
    let are_left_out = files.iter().all(|file| file.dependencies.is_empty());
    let mut total = 0;
    let mut all = Vec::with_capacity(files.len());
    for file in files {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = match are_left_out {
            true => by_name.keys().copied().collect(),
            false => file.dependencies.iter().map(|name| &**name).collect(),
        };
        while let Some(name) = open.pop() {
            // Counted before repeated ones are left out, because a file may list an import any number of times.
            total += 1;
            if total > MAX_IMPORTS {
                return Err(Error::TooLarge {
                    limit: MAX_IMPORTS,
                    what: "imports",
                });
            }
            let Some(imported) = by_name.get(name).filter(|_| name != file.name) else {
                continue;
            };
            if !seen.insert(name) {
                continue;
            }
            let public = imported.public_dependencies.iter().take(MAX_IMPORTS);
            open.extend(public.filter_map(|&index| {
                let index = usize::try_from(index).ok()?;
                imported.dependencies.get(index).map(|name| &**name)
            }));
        }
        let seen = seen.into_iter().map(str::to_owned);
        all.push(seen.chain(built_in.iter().cloned()).collect());
    }
    Ok(all)
}

/// Checks the names of a file, and simplifies its definitions. Adds the bytes of its full names to `names`.
fn simplify(file: &mut FileProto, names: &mut usize) -> Result<(), Error> {
    let mut scope = Scope { length: 0, names };
    if file.name.len() > MAX_NAME {
        return Err(too_long());
    }
    if !file.package.is_empty() {
        for part in file.package.split('.') {
            scope.enter(part)?;
        }
    }
    for message in &mut file.messages {
        simplify_message(message, &mut scope)?;
    }
    for definition in &mut file.enums {
        simplify_enum(definition, &mut scope)?;
    }
    for service in &file.services {
        let outer = scope.enter(&service.name)?;
        for method in &service.methods {
            scope.leaf(&method.name)?;
            scope.reference(&method.input)?;
            scope.reference(&method.output)?;
        }
        scope.length = outer;
    }
    Ok(())
}

fn simplify_message(message: &mut MessageProto, scope: &mut Scope<'_>) -> Result<(), Error> {
    let outer = scope.enter(&message.name)?;
    if !message.is_map_entry() {
        message.options = None;
    }
    for field in &mut message.fields {
        scope.leaf(&field.name)?;
        scope.reference(field.type_name.as_deref().unwrap_or_default())?;
        scope.reference(field.json_name.as_deref().unwrap_or_default())?;
        field.options = None;
    }
    set_json_names(&mut message.fields);
    for oneof in &message.oneofs {
        scope.leaf(&oneof.name)?;
    }
    for nested in &mut message.messages {
        simplify_message(nested, scope)?;
    }
    for definition in &mut message.enums {
        simplify_enum(definition, scope)?;
    }
    scope.length = outer;
    Ok(())
}

/// Gives each field a JSON name of its own: proto2 allows names that differ only in what their JSON names leave out.
fn set_json_names(fields: &mut [FieldProto]) {
    let mut taken = HashSet::new();
    for (index, field) in fields.iter_mut().enumerate() {
        let known = field.json_name.take();
        let mut name = known.unwrap_or_else(|| to_json_name(&field.name));
        if taken.contains(&name) {
            name = format!("{}#{}", field.name, field.number);
        }
        // Of another field, of a descriptor that no compiler has made.
        while taken.contains(&name) {
            name += &format!("#{index}");
        }
        taken.insert(name.clone());
        field.json_name = Some(name);
    }
}

/// The JSON name that `protoc` gives a field.
fn to_json_name(name: &str) -> String {
    let mut parts = name.split('_');
    let mut json_name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut chars = part.chars();
        json_name.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        json_name.push_str(chars.as_str());
    }
    json_name
}

fn simplify_enum(definition: &mut EnumProto, scope: &mut Scope<'_>) -> Result<(), Error> {
    let outer = scope.enter(&definition.name)?;
    scope.length = outer;
    // The values are in the scope of the enum itself.
    for value in &definition.values {
        scope.leaf(&value.name)?;
    }
    // The first value is the default. The others may have any order, and in this one they are linked fastest.
    if let [_, others @ ..] = &mut definition.values[..] {
        others.sort_by_key(|value| value.number);
    }
    Ok(())
}

/// The length of the current scope, and what all full names have together.
struct Scope<'a> {
    length: usize,
    names: &'a mut usize,
}

impl Scope<'_> {
    /// Enters a definition with others in it. Returns the length to return to.
    fn enter(&mut self, name: &str) -> Result<usize, Error> {
        self.leaf(name)?;
        let outer = self.length;
        self.length += name.len() + 1;
        Ok(outer)
    }

    fn leaf(&mut self, name: &str) -> Result<(), Error> {
        let mut chars = name.chars();
        let starts = chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !starts || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(Error::Identifier(Untrusted::new(name)));
        }
        let length = self.length + name.len();
        if length > MAX_NAME {
            return Err(too_long());
        }
        *self.names += length;
        if *self.names > MAX_NAMES {
            return Err(Error::TooLarge {
                limit: MAX_NAMES,
                what: "bytes of names",
            });
        }
        Ok(())
    }

    /// A reference to a type, which is looked up in every enclosing scope.
    fn reference(&self, name: &str) -> Result<(), Error> {
        if name.len() > MAX_NAME {
            return Err(too_long());
        }
        Ok(())
    }
}

fn too_long() -> Error {
    Error::TooLarge {
        limit: MAX_NAME,
        what: "bytes in a name",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use prost_reflect::DynamicMessage;

    use super::*;
    use crate::{
        pb,
        schema::{
            descriptor::{
                EnumValueProto, MessageOptions, MethodProto, OneofProto, REPEATED, ServiceProto,
            },
            files::Files,
            source::Schema,
        },
    };

    /// The encoded descriptors of the sample service, with the imports of options and all.
    fn sample() -> Vec<u8> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proto");
        let mut compiler = protox::Compiler::new([&root]).unwrap();
        compiler.include_imports(true);
        compiler.open_file("sample/service.proto").unwrap();
        compiler.encode_file_descriptor_set()
    }

    /// The same, decoded. The linker has the well-known types itself.
    fn decoded() -> Vec<FileProto> {
        let files = DecodedFileSet::decode(&sample()[..]).unwrap().files;
        let own = files.into_iter().filter(|file| file.package != WELL_KNOWN);
        own.collect()
    }

    /// Uses everything that a pool describes: whatever linked must not panic later.
    fn use_all(pool: &DescriptorPool, rng: &mut fastrand::Rng) {
        let names: Vec<(String, String)> = pool
            .services()
            .flat_map(|service| {
                let methods: Vec<_> = service.methods().collect();
                methods
                    .into_iter()
                    .map(move |method| (service.full_name().to_owned(), method.name().to_owned()))
            })
            .collect();
        let schema = Schema::from(pool.clone());
        for (service, method) in names {
            let name = format!("{service}/{method}").parse();
            let Ok(method) = name.and_then(|name| schema.method(&name)) else {
                continue;
            };
            let _ = (method.is_idempotent(), method.request("{}"));
            for message in [method.input(), method.output()] {
                for field in message.fields() {
                    let json = format!(r#"{{"{}": {{"1": {{}}}}}}"#, field.json_name());
                    let _ = method.request(&json);
                    for wire_type in [0, 1, 2, 3, 5] {
                        let mut bytes = Vec::new();
                        prost::encoding::encode_varint(
                            u64::from(field.number() << 3 | wire_type),
                            &mut bytes,
                        );
                        bytes.extend((0..rng.usize(..12)).map(|_| rng.u8(..16)));
                        if let Ok(message) = DynamicMessage::decode(message.clone(), &bytes[..]) {
                            let _ = (message.encode_to_vec(), message.to_string());
                            let _ = method.value(&bytes);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_sample_links_without_the_imports_of_its_options() {
        let mut files = decoded();
        let complete = link(files.clone()).unwrap();
        assert!(complete.get_message_by_name("sample.v1.Item").is_some());
        files.retain(|file| {
            !["sample/options.proto", "google/protobuf/descriptor.proto"].contains(&&*file.name)
        });
        files.reverse();
        link(files.clone()).unwrap();
        files.retain(|file| file.name != "sample/limits.proto");
        let error = link(files).unwrap_err().to_string();
        assert!(error.contains("sample.v1.Limits"), "{error}");
    }

    #[test]
    fn bytes_changed_lost_and_repeated_give_an_error_or_a_usable_schema() {
        let sets = [
            &sample()[..],
            pb::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
        ];
        let mut rng = fastrand::Rng::with_seed(3);
        let mut linked = 0;
        for round in 0..450 {
            let mut bytes = sets[round % sets.len()].to_vec();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..bytes.len());
                match rng.u8(..8) {
                    0 => bytes.truncate(at + 1),
                    1 => bytes.extend_from_within(at..),
                    2..=4 => bytes[at] ^= 1 << rng.u8(..8),
                    _ => bytes[at] = rng.u8(..),
                }
            }
            let mut files = Files::default();
            if let Ok(pool) = files.add_set(&bytes).and_then(|()| files.link()) {
                use_all(&pool, &mut rng);
                linked += 1;
            }
        }
        assert!(linked > 15, "{linked}");
    }

    /// Changes a definition as an encoder could, so that what is behind the checks of the decoder is reached.
    fn distort(files: &mut [FileProto], rng: &mut fastrand::Rng) {
        const NAMES: [&str; 6] = ["", "a", "sample", "v1", "Item", "key"];
        const TYPES: [&str; 7] = [
            "",
            ".sample.v1.Item",
            ".sample.v1.Item.BlobsEntry",
            "Item",
            "v1.Unit",
            ".google.protobuf.Any",
            ".sample.v1.Item.LimitsByZoneEntry",
        ];
        let imports: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
        // The last one has most of the definitions.
        let count = files.len();
        let file = &mut files[rng.usize(..2 * count).min(count - 1)];
        let name = (*rng.choice(&NAMES).unwrap()).to_owned();
        match rng.u8(..8) {
            0 => {
                file.syntax = rng
                    .choice([None, Some("proto2"), Some("proto3"), Some("x")])
                    .unwrap()
                    .map(str::to_owned)
            }
            1 => {
                file.dependencies.push(rng.choice(imports).unwrap());
                file.public_dependencies.push(rng.i32(-1..8));
            }
            2 => file.package = name,
            3 => file.messages.push(MessageProto {
                name,
                ..MessageProto::default()
            }),
            4 => file.services.push(ServiceProto {
                name: "S".to_owned(),
                methods: vec![MethodProto {
                    name: "M".to_owned(),
                    input: (*rng.choice(&TYPES).unwrap()).to_owned(),
                    output: (*rng.choice(&TYPES).unwrap()).to_owned(),
                    ..MethodProto::default()
                }],
            }),
            _ => {
                let Some(message) = rng.choice(&mut file.messages) else {
                    return;
                };
                let message = match rng.usize(..=message.messages.len()) {
                    index if index < message.messages.len() => &mut message.messages[index],
                    _ => message,
                };
                match rng.u8(..4) {
                    0 => {
                        message.options = Some(MessageOptions {
                            map_entry: rng.bool(),
                        })
                    }
                    1 => message.oneofs.push(OneofProto { name }),
                    2 => message.enums.push(EnumProto {
                        name,
                        values: vec![EnumValueProto {
                            name: "V".to_owned(),
                            number: rng.i32(-2..2),
                        }],
                        options: None,
                    }),
                    _ => {
                        let Some(field) = rng.choice(&mut message.fields) else {
                            return;
                        };
                        match rng.u8(..7) {
                            0 => {
                                field.number =
                                    *rng.choice(&[0, 1, 2, -1, 19_000, i32::MAX]).unwrap()
                            }
                            1 => field.label = Some(rng.i32(0..5)),
                            2 => field.kind = Some(rng.i32(-1..20)),
                            3 => field.type_name = Some((*rng.choice(&TYPES).unwrap()).to_owned()),
                            4 => field.oneof_index = Some(rng.i32(-1..3)),
                            5 => field.json_name = Some(name),
                            _ => field.proto3_optional = Some(rng.bool()),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn distorted_definitions_give_an_error_or_a_usable_schema() {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut linked = 0;
        for _ in 0..400 {
            let mut files = decoded();
            for _ in 0..rng.usize(1..5) {
                distort(&mut files, &mut rng);
            }
            if let Ok(pool) = link(files) {
                use_all(&pool, &mut rng);
                linked += 1;
            }
        }
        assert!(linked > 100, "{linked}");
    }

    #[test]
    fn repeated_public_imports_and_long_json_names_are_limited() {
        let repeated = FileProto {
            name: "b".to_owned(),
            dependencies: vec!["c".to_owned()],
            public_dependencies: vec![0; 2 * MAX_IMPORTS],
            ..FileProto::default()
        };
        let importer = FileProto {
            name: "a".to_owned(),
            dependencies: vec!["b".to_owned()],
            ..FileProto::default()
        };
        let named = FileProto {
            name: "a".to_owned(),
            messages: vec![MessageProto {
                name: "M".to_owned(),
                fields: vec![FieldProto {
                    name: "f".to_owned(),
                    number: 1,
                    json_name: Some("x".repeat(MAX_NAME + 1)),
                    ..FieldProto::default()
                }],
                ..MessageProto::default()
            }],
            ..FileProto::default()
        };
        for (files, what) in [
            (vec![importer, repeated], "imports"),
            (vec![named], "bytes in a name"),
        ] {
            let error = link(files).unwrap_err().to_string();
            assert!(error.ends_with(what), "{error}");
        }
    }

    /// A message, perhaps with a field of this message type.
    fn message(name: &str, type_name: Option<&str>) -> MessageProto {
        let field = type_name.map(|type_name| FieldProto {
            name: "f".to_owned(),
            number: 1,
            kind: Some(11),
            type_name: Some(type_name.to_owned()),
            ..FieldProto::default()
        });
        MessageProto {
            name: name.to_owned(),
            fields: field.into_iter().collect(),
            ..MessageProto::default()
        }
    }

    #[test]
    fn public_imports_are_followed_and_may_form_a_circle() {
        let file = |name: &str, import: &str, field: Option<&str>| FileProto {
            name: name.to_owned(),
            package: "p".to_owned(),
            syntax: Some("proto3".to_owned()),
            dependencies: vec![import.to_owned()],
            public_dependencies: vec![0],
            messages: vec![message(&name.to_uppercase(), field)],
            ..FileProto::default()
        };
        let files = [
            file("a", "b", Some(".p.D")),
            file("b", "c", None),
            file("c", "d", None),
            file("d", "a", None),
        ];
        let pool = link(files).unwrap();
        assert!(pool.get_message_by_name("p.A").is_some());
    }

    /// The reflection of Node's grpc-js.
    #[test]
    fn files_whose_imports_were_all_left_out_see_each_other() {
        let file = |package: &str, name: &str, type_name: Option<&str>| FileProto {
            name: format!("{package}.proto"),
            package: package.to_owned(),
            messages: vec![message(name, type_name)],
            ..FileProto::default()
        };
        let mut files = [
            file("inventory.v1", "Machine", Some("units.Watts")),
            file("inventory.units", "Watts", None),
        ];
        let pool = link(files.clone()).unwrap();
        let machine = pool.get_message_by_name("inventory.v1.Machine").unwrap();
        let kind = machine.get_field(1).unwrap().kind();
        assert_eq!(
            kind.as_message().unwrap().full_name(),
            "inventory.units.Watts"
        );
        // Where files have imports, those count.
        files[1].dependencies = vec!["google/protobuf/any.proto".to_owned()];
        let error = link(files).unwrap_err().to_string();
        assert!(error.contains("inventory.units.Watts"), "{error}");
    }

    #[test]
    fn what_a_compiler_would_reject_is_rejected() {
        let file = |change: fn(&mut FileProto)| {
            let mut file = FileProto {
                name: "a.proto".to_owned(),
                package: "p".to_owned(),
                messages: vec![MessageProto {
                    name: "M".to_owned(),
                    ..MessageProto::default()
                }],
                ..FileProto::default()
            };
            change(&mut file);
            link([file]).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(file(|_| ()), Ok(()));
        for (change, expected) in [
            (
                (|file| file.messages[0].name = "\u{1b}[2J".to_owned()) as fn(&mut FileProto),
                "the schema does not link: \"\\u{1b}[2J\" is not an identifier",
            ),
            (
                |file| file.package = "a..b".to_owned(),
                "the schema does not link: \"\" is not an identifier",
            ),
            (
                |file| file.name = "x".repeat(2_000),
                "the schema is too large: it has more than 1024 bytes in a name",
            ),
            (
                |file| file.package = "x".repeat(2_000),
                "the schema is too large: it has more than 1024 bytes in a name",
            ),
            (
                |file| file.syntax = Some("editions\u{7}".to_owned()),
                "a.proto is written in editions\\u{7}; proto2, proto3 and the editions 2023 and 2024 are supported",
            ),
            (
                |file| {
                    file.package = "x".repeat(1_000);
                    file.messages[0].enums = vec![EnumProto {
                        name: "E".to_owned(),
                        values: vec![
                            EnumValueProto {
                                name: "V".to_owned(),
                                number: 0
                            };
                            40_000
                        ],
                        options: None,
                    }];
                },
                "the schema is too large: it has more than 33554432 bytes of names",
            ),
        ] {
            assert_eq!(file(change), Err(expected.to_owned()));
        }
    }

    /// The server's own version could have any fields, and code that expects the usual ones would not find them.
    #[test]
    fn well_known_types_are_those_that_are_built_in() {
        let evil = |name: &str| FileProto {
            name: name.to_owned(),
            package: WELL_KNOWN.to_owned(),
            messages: vec![MessageProto {
                name: "Timestamp".to_owned(),
                ..MessageProto::default()
            }],
            ..FileProto::default()
        };
        for name in ["google/protobuf/timestamp.proto", "time.proto"] {
            let user = FileProto {
                name: "user.proto".to_owned(),
                dependencies: vec![name.to_owned()],
                messages: vec![MessageProto {
                    name: "M".to_owned(),
                    fields: vec![FieldProto {
                        name: "at".to_owned(),
                        number: 1,
                        kind: Some(11),
                        type_name: Some(".google.protobuf.Timestamp".to_owned()),
                        ..FieldProto::default()
                    }],
                    ..MessageProto::default()
                }],
                ..FileProto::default()
            };
            let pool = link([user, evil(name)]).unwrap();
            let timestamp = pool
                .get_message_by_name("google.protobuf.Timestamp")
                .unwrap();
            assert_eq!(timestamp.fields().len(), 2);
        }
    }

    /// Code for maps expects a key and a value, and panics without.
    #[test]
    fn a_map_entry_without_a_proper_key_and_value_is_a_plain_message() {
        let entry = |change: fn(&mut MessageProto)| {
            let mut files = decoded();
            let file = files.last_mut().unwrap();
            let item = file
                .messages
                .iter_mut()
                .find(|message| message.name == "Item");
            let entry = item.unwrap().messages.iter_mut();
            let mut entry = entry.filter(|message| message.name == "BlobsEntry");
            change(entry.next().unwrap());
            let pool = link(files).unwrap();
            use_all(&pool, &mut fastrand::Rng::with_seed(1));
            let entry = pool.get_message_by_name("sample.v1.Item.BlobsEntry");
            entry.unwrap().is_map_entry()
        };
        assert!(entry(|_| ()));
        for change in [
            (|entry| entry.fields[0].kind = Some(1)) as fn(&mut MessageProto),
            |entry| entry.fields[0].kind = Some(12),
            |entry| entry.fields[0].kind = None,
            |entry| entry.fields[0].kind = Some(99),
            |entry| entry.fields[0].number = 3,
            |entry| entry.fields[0].label = Some(REPEATED),
            |entry| entry.fields[1].label = Some(REPEATED),
            |entry| entry.fields.truncate(1),
            |entry| entry.fields.clear(),
        ] {
            assert!(!entry(change));
        }
    }

    /// proto2 allows them, with a warning.
    #[test]
    fn fields_whose_json_names_are_equal_get_names_of_their_own() {
        let names = |fields: &[(&str, Option<&str>)]| {
            let fields = (1..)
                .zip(fields)
                .map(|(number, (name, json_name))| FieldProto {
                    name: (*name).to_owned(),
                    number,
                    kind: Some(9),
                    json_name: json_name.map(str::to_owned),
                    ..FieldProto::default()
                });
            let file = FileProto {
                name: "a.proto".to_owned(),
                messages: vec![MessageProto {
                    name: "M".to_owned(),
                    fields: fields.collect(),
                    ..MessageProto::default()
                }],
                ..FileProto::default()
            };
            let message = link([file]).unwrap().get_message_by_name("M").unwrap();
            let names = message.fields().map(|field| field.json_name().to_owned());
            names.collect::<Vec<_>>()
        };
        for (fields, expected) in [
            (
                &[("foo_bar", Some("fooBar")), ("b", Some("fooBar"))][..],
                &["fooBar", "b#2"][..],
            ),
            (
                &[("foo_bar", None), ("fooBar", None)],
                &["fooBar", "fooBar#2"],
            ),
            (
                &[("a", Some("x")), ("b", Some("x")), ("c", Some("b"))],
                &["x", "b#2", "b"],
            ),
            (
                &[("a", Some("b#3")), ("c", Some("x")), ("b", Some("x"))],
                &["b#3", "x", "b#3#2"],
            ),
        ] {
            assert_eq!(names(fields), expected);
        }
    }

    #[test]
    fn an_enum_of_many_values_links_in_any_order() {
        let values = (0..50_000).rev().map(|number| EnumValueProto {
            name: format!("V{number}"),
            number: if number == 49_999 { 0 } else { number + 1 },
        });
        let file = FileProto {
            name: "a.proto".to_owned(),
            enums: vec![EnumProto {
                name: "E".to_owned(),
                values: values.collect(),
                options: None,
            }],
            ..FileProto::default()
        };
        let pool = link([file]).unwrap();
        let values = pool.get_enum_by_name("E").unwrap();
        assert_eq!(values.get_value(0).unwrap().name(), "V49999");
        assert_eq!(values.get_value(17).unwrap().name(), "V16");
    }
}

//! Where a schema comes from.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use prost_reflect::DescriptorPool;
use protox::Compiler;

use crate::{
    file, pb,
    schema::{
        error::{Error, Names},
        files::{Files, MAX_BYTES},
        method::{Method, MethodName},
    },
    untrusted::Untrusted,
};

/// Linked descriptors.
#[derive(Clone, Debug)]
pub struct Schema(DescriptorPool);

impl From<DescriptorPool> for Schema {
    fn from(pool: DescriptorPool) -> Self {
        Self(pool)
    }
}

impl Schema {
    /// The schema of the services that labrpc has itself: `lab.Profile` and `grpc.health.v1.Health`.
    ///
    /// # Panics
    /// Not with the descriptors of this build; a test links them.
    #[must_use]
    pub fn built_in() -> Self {
        let mut files = Files::default();
        [
            pb::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
        ]
        .iter()
        .try_for_each(|set| files.add_set(set))
        .and_then(|()| Self::link(files))
        .expect("the built-in descriptors link")
    }

    /// Compiles `.proto` files. Imports are looked for in `import_paths`; a file outside of them is looked for in its
    /// own folder.
    ///
    /// # Errors
    /// The compiler's message with file and line.
    pub fn compile(protos: &[PathBuf], import_paths: &[PathBuf]) -> Result<Self, Error> {
        let mut folders = import_paths.to_vec();
        for proto in protos {
            let folder = proto
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            if !import_paths.iter().any(|path| proto.starts_with(path)) {
                folders.push(folder.to_owned());
            }
        }
        let mut compiler = Compiler::new(folders)?;
        compiler.include_imports(true);
        for proto in protos {
            compiler.open_file(proto)?;
        }
        let mut files = Files::default();
        files.add_set(&compiler.encode_file_descriptor_set())?;
        Self::link(files)
    }

    /// Reads a file with an encoded `FileDescriptorSet`, as `protoc --descriptor_set_out` and `buf build` write it.
    ///
    /// # Errors
    /// [`Error::Read`], or what is wrong with the descriptors.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = file::read(path, MAX_BYTES as u64 + 1).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut files = Files::default();
        files.add_set(&bytes)?;
        Self::link(files)
    }

    /// Links the files of one source.
    pub(super) fn link(files: Files) -> Result<Self, Error> {
        files.link().map(Self)
    }

    /// Finds a method.
    ///
    /// # Errors
    /// There is none of this name, or it is not unary.
    pub fn method(&self, name: &MethodName) -> Result<Arc<Method>, Error> {
        let Some(service) = self.0.get_service_by_name(&name.service) else {
            let known = self.0.services();
            let known: Vec<String> = known.map(|known| known.full_name().to_owned()).collect();
            return Err(Error::UnknownService {
                service: Untrusted::new(&name.service),
                known: Names::new(known.iter().map(|name| &**name)),
            });
        };
        let Some(method) = service
            .methods()
            .find(|method| method.name() == name.method)
        else {
            let known: Vec<String> = service
                .methods()
                .map(|known| known.name().to_owned())
                .collect();
            return Err(Error::UnknownMethod {
                service: Untrusted::new(&name.service),
                method: Untrusted::new(&name.method),
                known: Names::new(known.iter().map(|name| &**name)),
            });
        };
        Method::new(method).map(Arc::new)
    }

    /// Whether the schema has this service.
    #[must_use]
    pub fn has_service(&self, name: &str) -> bool {
        self.0.get_service_by_name(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample service of the tests.
    fn sample() -> Schema {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proto");
        Schema::compile(&[root.join("sample/service.proto")], &[root]).unwrap()
    }

    fn method(schema: &Schema, name: &str) -> Result<Arc<Method>, String> {
        let name = name.parse().map_err(|error: Error| error.to_string())?;
        schema.method(&name).map_err(|error| error.to_string())
    }

    #[test]
    fn the_built_in_services_are_found() {
        let schema = Schema::built_in();
        for (name, path) in [
            ("lab.Profile/GetProfile", "/lab.Profile/GetProfile"),
            ("/lab.Profile/GetProfile", "/lab.Profile/GetProfile"),
            ("lab.Profile.GetProfile", "/lab.Profile/GetProfile"),
            (
                "grpc.health.v1.Health.Check",
                "/grpc.health.v1.Health/Check",
            ),
        ] {
            assert_eq!(method(&schema, name).unwrap().path(), path);
        }
    }

    #[test]
    fn a_text_that_is_not_a_method_is_rejected() {
        for text in [
            "",
            "/",
            "a/",
            "/a",
            "a",
            "a/b/c",
            "a b/c",
            "a//b",
            ".a/b",
            "a.b/c\u{1b}[2J",
        ] {
            let error = method(&Schema::built_in(), text).unwrap_err();
            assert!(
                error.ends_with("write package.Service/Method"),
                "{text:?}: {error}"
            );
            assert!(!error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn an_unknown_service_or_method_is_answered_with_those_that_exist() {
        let sample = sample();
        assert_eq!(
            method(&sample, "sample.v1.Inventori/Get").unwrap_err(),
            "there is no service sample.v1.Inventori; there are sample.v1.Audit, sample.v1.Inventory"
        );
        assert_eq!(
            method(&sample, "sample.v1.Audit/Get").unwrap_err(),
            "the service sample.v1.Audit has no method Get; there is Check"
        );
    }

    #[test]
    fn a_streaming_method_is_rejected() {
        for (name, kind) in [
            ("Watch", "server-streaming"),
            ("Upload", "client-streaming"),
            ("Sync", "bidirectional-streaming"),
        ] {
            assert_eq!(
                method(&sample(), &format!("sample.v1.Inventory/{name}")).unwrap_err(),
                format!("sample.v1.Inventory/{name} is {kind}; only unary methods can be called")
            );
        }
    }

    #[test]
    fn idempotency_follows_the_declared_level() {
        for (name, expected) in [("Get", true), ("Replace", true), ("Add", false)] {
            let method = method(&sample(), &format!("sample.v1.Inventory/{name}")).unwrap();
            assert_eq!(method.is_idempotent(), expected, "{name}");
        }
    }

    #[test]
    fn a_descriptor_set_gives_the_schema_of_its_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proto");
        let mut compiler = Compiler::new([&root]).unwrap();
        compiler.include_imports(true).include_source_info(true);
        compiler.open_file("sample/service.proto").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.bin");
        std::fs::write(&path, compiler.encode_file_descriptor_set()).unwrap();
        let schema = Schema::read(&path).unwrap();
        assert!(method(&schema, "sample.v1.Inventory/Get").is_ok());

        std::fs::write(&path, b"syntax = \"proto3\";").unwrap();
        let error = Schema::read(&path).unwrap_err().to_string();
        assert!(error.starts_with("not a file descriptor: "), "{error}");
        let error = Schema::read(&folder.path().join("none")).unwrap_err();
        assert!(error.is_io());
    }

    #[test]
    fn a_file_that_does_not_compile_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.proto");
        for (text, expected) in [
            (
                "syntax = \"proto3\";\nmessage A {",
                "a.proto: expected a message field",
            ),
            ("syntax = \"proto3\";\nimport \"b.proto\";", "a.proto:2:"),
            ("syntax = \"proto3\";\nmessage A { B b = 1; }", "a.proto:2:"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Schema::compile(std::slice::from_ref(&path), &[])
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        }
        // What the file has is untrusted.
        for text in [
            "syntax = \"proto3\";\nimport \"\\x1b[2J.proto\";",
            "syntax = \"proto3\";\nmessage A { \x1b[2J }",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Schema::compile(std::slice::from_ref(&path), &[]).unwrap_err();
            assert!(!error.to_string().contains('\x1b'), "{error:?}");
        }
        let missing = folder.path().join("missing.proto");
        let error = Schema::compile(&[missing], &[]).unwrap_err().to_string();
        assert!(error.contains("missing.proto"), "{error}");
    }
}

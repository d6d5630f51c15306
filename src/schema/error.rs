//! Why there is no schema, or no request in it.

use std::{fmt, io, path::PathBuf};

use crate::untrusted::{Untrusted, printable};

/// Why there is no schema, no method or no request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the name of a method.
    #[error("\"{0}\" is not the name of a method; write package.Service/Method")]
    Name(Untrusted),
    /// The schema has no such service.
    #[error("there is no service {service}{known}")]
    UnknownService {
        /// What was asked for.
        service: Untrusted,
        /// The services that there are.
        known: Names,
    },
    /// The service has no such method.
    #[error("the service {service} has no method {method}{known}")]
    UnknownMethod {
        /// The service.
        service: Untrusted,
        /// What was asked for.
        method: Untrusted,
        /// The methods that there are.
        known: Names,
    },
    /// The method does not take one message and return one.
    #[error("{method} is {kind}; only unary methods can be called")]
    Streaming {
        /// The method.
        method: String,
        /// In which directions it streams.
        kind: &'static str,
    },
    /// The request is not JSON of the method's input.
    #[error("the request does not fit {message}: {problem}, at line {line} column {column}")]
    Request {
        /// The type of the request.
        message: String,
        /// The field at fault, and what is wrong with it.
        problem: Untrusted,
        /// Where it is in the text, from 1.
        line: usize,
        /// Where it is in the line, from 1.
        column: usize,
    },
    /// A message has no such field.
    #[error("{path}: {message} has no field {field}{known}")]
    UnknownField {
        /// The whole path.
        path: Untrusted,
        /// The message.
        message: String,
        /// What was asked for.
        field: Untrusted,
        /// The fields with similar names, or all.
        known: Names,
    },
    /// A path is not written as paths are.
    #[error("{path}: {problem}")]
    Path {
        /// The whole path.
        path: Untrusted,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Bytes that are not a file descriptor.
    #[error("not a file descriptor: {0}")]
    Descriptor(Untrusted),
    /// A file that could not be linked with the others.
    #[error("the schema does not link: {0}")]
    Link(Untrusted),
    /// A name that no `.proto` file can have.
    #[error("the schema does not link: \"{0}\" is not an identifier")]
    Identifier(Untrusted),
    /// A language version that is not supported.
    #[error(
        "{file} is written in {syntax}; proto2, proto3 and the editions 2023 and 2024 are supported"
    )]
    Syntax {
        /// The file.
        file: Untrusted,
        /// Its language version.
        syntax: Untrusted,
    },
    /// A schema beyond a limit.
    #[error("the schema is too large: it has more than {limit} {what}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// What is limited.
        what: &'static str,
    },
    /// A `.proto` file that does not compile.
    #[error("{0}")]
    Proto(String),
    /// A file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// Whether a file could not be read at all.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

impl From<protox::Error> for Error {
    fn from(error: protox::Error) -> Self {
        // `Debug` has file, line and column if the place is known; `Display` has the message alone.
        let mut text = format!("{error:?}");
        if let Some(file) = error.file().filter(|file| !text.starts_with(file)) {
            text = format!("{file}: {text}");
        }
        if text.contains("found 'edition'") {
            text += "; files of an edition are read by reflection and with --protoset only";
        }
        // It has names of the file.
        let lines: Vec<_> = text.lines().map(printable).collect();
        Self::Proto(lines.join("\n"))
    }
}

/// Names to choose from, for the end of a message. At most ten are shown.
#[derive(Debug)]
pub struct Names(Vec<Untrusted>, usize);

impl Names {
    const SHOWN: usize = 10;

    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        let shown = names.iter().take(Self::SHOWN);
        Self(shown.copied().map(Untrusted::new).collect(), names.len())
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let before = match (index, self.1) {
                (0, 1) => "; there is ",
                (0, _) => "; there are ",
                _ => ", ",
            };
            write!(f, "{before}{name}")?;
        }
        match self.1 - self.0.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

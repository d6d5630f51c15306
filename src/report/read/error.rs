//! What can be wrong with a file of people, and with one of its rows.

use std::{fmt, io, path::PathBuf};

use crate::{
    profile,
    report::{document::VERSION, read::lines::MAX_LINE},
    untrusted::Untrusted,
};

/// A row that is not a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// The file, `-` for standard input.
    pub file: PathBuf,
    /// The line that the row begins on, from 1.
    pub line: u64,
    /// Why it is not one.
    pub reason: Reason,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, reason } = self;
        write!(f, "{}:{line}: {reason}", file.display())
    }
}

/// Why a row is not a profile.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// A field is missing, unreadable or out of range.
    Field(profile::Error),
    /// The line is longer than [`MAX_LINE`].
    TooLong,
    /// A quoted cell is not closed within [`MAX_LINE`], or text follows its closing quote.
    Quote,
    /// The line is not a JSON object of a profile's or a saved run's shape; the parser's reason.
    Json(Untrusted),
    /// A saved run's line does not name one endpoint; why.
    Endpoint(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::TooLong => write!(f, "the line is longer than {MAX_LINE} bytes"),
            Self::Quote => {
                f.write_str("a cell's quotes are not closed; write \"\" for a quote within quotes")
            }
            Self::Json(error) => write!(f, "not a JSON object of the expected form: {error}"),
            Self::Endpoint(error) => f.write_str(error),
        }
    }
}

/// Why reading stopped.
#[derive(Debug)]
pub enum Error {
    /// A file could not be opened or read.
    Io {
        /// The file.
        file: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A file has nothing in it.
    Empty(PathBuf),
    /// The file begins neither with a JSON object nor with a CSV header that names the four columns.
    Header {
        /// The file.
        file: PathBuf,
        /// The first line.
        found: Untrusted,
    },
    /// The CSV header names a column twice.
    TwoColumns {
        /// The file.
        file: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// The file is one JSON document instead of JSON Lines.
    Document(PathBuf),
    /// The file is not a saved run, where only one can be read.
    NotARun(PathBuf),
    /// A saved run has another version than [`VERSION`].
    Version {
        /// The file.
        file: PathBuf,
        /// The version.
        version: u64,
    },
    /// A saved run has more endpoints than the caller allows.
    TooMany {
        /// The file.
        file: PathBuf,
        /// How many there may be.
        max: usize,
    },
    /// Reading was strict and a row is not a profile.
    Rejected(Rejected),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { file, error } => write!(f, "{}: {error}", file.display()),
            Self::Empty(file) => write!(
                f,
                "{}: the file is empty; give CSV (id,height,weight,size), JSON Lines or a saved run",
                file.display()
            ),
            Self::Header { file, found } => write!(
                f,
                "{}: \"{found}\" is neither a CSV header with id,height,weight,size nor a JSON object; \
                 give CSV with commas in UTF-8, JSON Lines or a saved run",
                file.display()
            ),
            Self::TwoColumns { file, column } => write!(
                f,
                "{}: the header names {column} twice; rename one of the columns",
                file.display()
            ),
            Self::Document(file) => write!(
                f,
                "{}: the file is one JSON document; save the run with --format jsonl, one line an endpoint",
                file.display()
            ),
            Self::NotARun(file) => write!(
                f,
                "{}: the first line is not the header of a saved run; save one with --format jsonl",
                file.display()
            ),
            Self::Version { file, version } => write!(
                f,
                "{}: the saved run has version {version}, and this labrpc reads version {VERSION}",
                file.display()
            ),
            Self::TooMany { file, max } => write!(
                f,
                "{}: more than {max} endpoints; raise --max-hosts if that is meant",
                file.display()
            ),
            Self::Rejected(rejected) => rejected.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

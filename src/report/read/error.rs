//! What can be wrong with a file of people, and with one of its rows.

use std::{io, path::PathBuf};

use crate::{
    profile,
    report::{model::PROFILE_METHOD, run_format::VERSION},
    untrusted::Untrusted,
};

/// A row that is not a profile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}:{line}: {reason}", file.display())]
pub struct Rejected {
    /// The file, `-` for standard input.
    pub file: PathBuf,
    /// The line that the row begins on, from 1.
    pub line: u64,
    /// Why it is not one.
    pub reason: Reason,
}

/// Why a row is not a profile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Reason {
    /// A field is missing, unreadable or out of range.
    #[error("{0}")]
    Field(profile::FieldErrors),
    /// The line is longer than so many bytes.
    #[error("the line is longer than {0} bytes")]
    TooLong(usize),
    /// A quoted cell is not closed within [`MAX_LINE`](crate::report::read::MAX_LINE), or text follows its closing quote.
    #[error("a cell's quotes are not closed; write \"\" for a quote within quotes")]
    Quote,
    /// The line is not a JSON object of a profile's or a saved run's shape; the parser's reason.
    #[error("not a JSON object of the expected form: {0}")]
    Json(Untrusted),
    /// A count of people is not a whole number that can be ranked.
    #[error("count \"{0}\" is not a whole number from 1 to 4294967295")]
    Count(Untrusted),
    /// A counted row has not as many ids as it needs.
    #[error(
        "{named} ids for a count of {count}; give the first ids, one for one person and two or more for others"
    )]
    CountOfIds {
        /// How many people the row stands for.
        count: u64,
        /// How many of them have an id.
        named: u64,
    },
    /// The ids of a counted row cannot be the first ones in order.
    #[error(
        "the ids are not in the order of their bytes, each once; sort them, and give the first"
    )]
    OrderOfIds,
    /// There are more people than can be ranked.
    #[error("more than 4294967295 people in all")]
    TooManyPeople,
    /// Another run begins, where only one can be read.
    #[error("another run begins here; give each run as a file of its own")]
    SecondRun,
    /// The row has no id.
    #[error("the id is missing")]
    NoId,
    /// A saved run ends before the answer of a group.
    #[error("the run has no answer for group {0}; did it come to its end?")]
    NoAnswer(u32),
    /// A saved run's line does not name one endpoint; why.
    #[error("{0}")]
    Endpoint(String),
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be opened or read.
    #[error("cannot read {}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's error.
        #[source]
        error: io::Error,
    },
    /// A file has nothing in it.
    #[error("{}: the file is empty; give CSV ({}), JSON Lines or a saved run", .0.display(), profile::header())]
    Empty(PathBuf),
    /// The file begins neither with a JSON object nor with a CSV header that names the four columns.
    #[error(
        "{}: {}; give CSV with commas in UTF-8, JSON Lines or a saved run",
        file.display(), mistake(found)
    )]
    Header {
        /// The file.
        file: PathBuf,
        /// The first line.
        found: Untrusted,
    },
    /// The CSV header names a column twice.
    #[error("{}: the header names {column} twice; rename one of the columns", file.display())]
    DuplicateColumn {
        /// The file.
        file: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// The CSV header has a count of people, and the id of one.
    #[error(
        "{}: the header has both count and id; name the column of ids \"ids\" if a row stands for several people, and \
         leave count out if each stands for one",
        .0.display()
    )]
    CountWithId(PathBuf),
    /// The CSV header has a count of people, and no ids.
    #[error(
        "{}: the header has count and no ids; add a column \"ids\" with the first two ids of each build, separated by a space",
        .0.display()
    )]
    CountWithoutIds(PathBuf),
    /// The CSV header has no column for a field.
    #[error("{}: there is no column {column}; the header is {found}", file.display())]
    NoColumn {
        /// The file.
        file: PathBuf,
        /// What was looked for.
        column: String,
        /// The first line.
        found: Untrusted,
    },
    /// The file is one JSON document instead of JSON Lines.
    #[error(
        "{}: the file is one JSON document; save the run with --format jsonl, one line an endpoint",
        .0.display()
    )]
    Document(PathBuf),
    /// The file is not a saved run, where only one can be read.
    #[error(
        "{}: the first line is not the header of a saved run; save one with --format jsonl",
        .0.display()
    )]
    NotARun(PathBuf),
    /// A saved run has another version than [`VERSION`].
    #[error(
        "{}: the saved run has version {version}, and this labrpc reads version {VERSION}",
        file.display()
    )]
    Version {
        /// The file.
        file: PathBuf,
        /// The version.
        version: u64,
    },
    /// A saved run has the answers to another method, where only profiles can be used.
    #[error(
        "{}: the run asked {method}, and this command goes on with profiles alone; ask all its endpoints again \
         with survey --method, or give a run of {PROFILE_METHOD}",
        file.display()
    )]
    OtherMethod {
        /// The file.
        file: PathBuf,
        /// The method.
        method: Untrusted,
    },
    /// The runs asked different methods.
    #[error(
        "{}: the run asked {}, and an earlier one {}; runs of one method can be merged",
        file.display(), methods[1], methods[0]
    )]
    Methods {
        /// The file.
        file: PathBuf,
        /// The methods of the first run and of this one.
        methods: [Untrusted; 2],
    },
    /// The runs are parts of different lists, or of one that was divided in two ways.
    #[error("{}: the part is of another list, or another division of it, than an earlier one", .0.display())]
    OtherList(PathBuf),
    /// A saved run has more endpoints than the caller allows.
    #[error("{}: more than {max} endpoints; raise --max-hosts if that is meant", file.display())]
    TooMany {
        /// The file.
        file: PathBuf,
        /// How many there may be.
        max: usize,
    },
    /// Reading was strict and a row is not a profile.
    #[error("{0}")]
    Rejected(Rejected),
}

/// What is wrong with a first line.
fn mistake(found: &Untrusted) -> String {
    let text = found.to_string();
    // Text of which every other byte is 0.
    if text.contains("h\\u{0}e\\u{0}i") {
        "the file is UTF-16".to_owned()
    } else if text.contains(';') && text.contains("height") {
        format!("the columns of \"{text}\" are separated by semicolons")
    } else {
        let header = profile::header();
        format!("\"{text}\" is neither a CSV header with {header} nor a JSON object")
    }
}

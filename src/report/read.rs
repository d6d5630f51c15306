//! Reads people from files: CSV with a header, JSON Lines of profiles, and saved runs.
//!
//! The three are told apart by how the file begins. Reading is streamed: memory holds the people and one line.
//! A row that is no profile is counted and described, and everything around it is still read. Given up for it:
//! other separators than commas, other encodings than UTF-8, and JSON that is spread over several lines.

mod lines;

use std::{
    borrow::Cow,
    fmt,
    fs::File,
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
};

use serde::Deserialize;

pub use crate::report::read::lines::MAX_LINE;
use crate::{
    profile::{self, Height, Profile, Size, Weight},
    report::read::lines::{Broken, Line, Lines},
    survey::outcome::OutcomeKind,
    untrusted::Untrusted,
};

/// How many rejected rows are kept to be shown; all are counted.
pub const MOST_REJECTED: usize = 1000;

/// What [`read`] found, of all files together.
#[derive(Debug, Default)]
pub struct People {
    /// The profiles in the order of the files and their lines.
    pub profiles: Vec<Profile>,
    /// The first [`MOST_REJECTED`] rows that are no profile.
    pub rejected: Vec<Rejected>,
    /// How many rows are no profile.
    pub rejections: u64,
    /// How many endpoints of saved surveys have no profile to read.
    pub absent: u64,
}

/// A row that is no profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// The file, `-` for standard input.
    pub file: PathBuf,
    /// The line that the row begins on, from 1.
    pub line: u64,
    /// Why it is none.
    pub reason: Reason,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, reason } = self;
        write!(f, "{}:{line}: {reason}", file.display())
    }
}

/// Why a row is no profile.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// A field is missing, unreadable or out of range.
    Field(profile::Error),
    /// The line is longer than [`MAX_LINE`].
    TooLong,
    /// A quoted cell is not closed within [`MAX_LINE`], or text follows its closing quote.
    Quote,
    /// The line is no JSON object of a profile's or a saved run's shape; what the parser says.
    Json(Untrusted),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::TooLong => write!(f, "the line is longer than {MAX_LINE} bytes"),
            Self::Quote => {
                f.write_str("a cell's quotes are not closed; write \"\" for a quote within quotes")
            }
            Self::Json(error) => write!(f, "no JSON object of a profile: {error}"),
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
        /// What the system says.
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
    /// Reading was strict and a row is no profile.
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
                "{}: \"{found}\" is no CSV header with id,height,weight,size, and no JSON object; \
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

/// Reads every file in turn; `-` is standard input.
///
/// With `strict`, the first row that is no profile ends the reading. `progress` is told how many bytes were read
/// since it was told last.
///
/// # Errors
/// [`Error`] when a file cannot be read or is none of the three formats; rows alone are errors only if `strict`.
pub fn read(
    files: &[PathBuf],
    strict: bool,
    mut progress: impl FnMut(u64),
) -> Result<People, Error> {
    let mut people = People::default();
    for file in files {
        let io = |error| Error::Io {
            file: file.clone(),
            error,
        };
        if file.as_os_str() == "-" {
            people.read_from(io::stdin().lock(), file, strict, &mut progress)?;
        } else {
            people.read_from(File::open(file).map_err(io)?, file, strict, &mut progress)?;
        }
    }
    Ok(people)
}

impl People {
    /// Reads one file's content and adds what it holds.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read_from(
        &mut self,
        input: impl Read,
        file: &Path,
        strict: bool,
        progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let mut lines = Lines::new(input, progress);
        let mut format = None;
        loop {
            let quoted = matches!(format, Some(Format::Csv(_)));
            let next = lines.next(quoted).map_err(|error| Error::Io {
                file: file.to_owned(),
                error,
            })?;
            let Some(line) = next else { break };
            if line.broken.is_none() && line.bytes.trim_ascii().is_empty() {
                continue;
            }
            let format = match &mut format {
                Some(format) => &*format,
                none => match none.insert(Format::of(&line, file)?) {
                    Format::Csv(_) => continue,
                    format => format,
                },
            };
            let row = match line.broken {
                // The command line of a survey may be that long, and so may lists of ids; an endpoint is not.
                Some(Broken::TooLong) if format.is_no_row(line.bytes) => Ok(Row::Other),
                Some(Broken::TooLong) => Err(Reason::TooLong),
                Some(Broken::Open) => Err(Reason::Quote),
                None => format.row(line.bytes),
            };
            match row {
                Ok(Row::Person(profile)) => self.profiles.push(profile),
                Ok(Row::Absent) => self.absent += 1,
                Ok(Row::Other) => {}
                Err(reason) => {
                    let rejected = Rejected {
                        file: file.to_owned(),
                        line: line.number,
                        reason,
                    };
                    self.reject(rejected, strict)?;
                }
            }
        }
        format.map_or_else(|| Err(Error::Empty(file.to_owned())), |_| Ok(()))
    }

    fn reject(&mut self, rejected: Rejected, strict: bool) -> Result<(), Error> {
        if strict {
            return Err(Error::Rejected(rejected));
        }
        self.rejections += 1;
        if self.rejected.len() < MOST_REJECTED {
            self.rejected.push(rejected);
        }
        Ok(())
    }
}

/// What a row tells.
enum Row {
    Person(Profile),
    /// An endpoint of a survey that has no profile.
    Absent,
    /// Something about the run as a whole.
    Other,
}

impl Row {
    /// A line of a survey; only with these outcomes it is to hold a profile.
    fn surveyed(
        outcome: &[u8],
        profile: impl FnOnce() -> Result<Profile, Reason>,
    ) -> Result<Self, Reason> {
        match str::from_utf8(outcome).ok().and_then(OutcomeKind::from_name) {
            Some(OutcomeKind::Ok | OutcomeKind::DuplicateId) => profile().map(Self::Person),
            // The endpoint is listed twice and counted once.
            Some(OutcomeKind::DuplicateLine) => Ok(Self::Other),
            Some(
                OutcomeKind::Invalid
                | OutcomeKind::Status
                | OutcomeKind::NotGrpc
                | OutcomeKind::TooLarge
                | OutcomeKind::Tls
                | OutcomeKind::Reset
                | OutcomeKind::Timeout
                | OutcomeKind::Refused
                | OutcomeKind::Unreachable
                | OutcomeKind::Dns
                | OutcomeKind::Local
                | OutcomeKind::Cancelled,
            )
            // An outcome of a later version.
            | None => Ok(Self::Absent),
        }
    }
}

/// What a file's rows look like.
enum Format {
    Csv(Columns),
    /// Each line is a profile.
    Profiles,
    /// Each line is a part of a saved run.
    Run,
}

impl Format {
    fn of(first: &Line<'_>, file: &Path) -> Result<Self, Error> {
        let text = first.bytes.trim_ascii();
        match text {
            // A document's first line where it is printed over several, or all of it.
            b"{" | b"[" | [b'[', ..] => Err(Error::Document(file.to_owned())),
            [b'{', ..] if !has_key(text, b"\"labrpc_run\"") => Ok(Self::Profiles),
            [b'{', ..] if has_key(text, b"\"endpoints\"") => Err(Error::Document(file.to_owned())),
            [b'{', ..] => Ok(Self::Run),
            _ => Ok(Self::Csv(Columns::parse(first.bytes, file)?)),
        }
    }

    /// Whether a line that was cut off is of a saved run and about none of its endpoints.
    fn is_no_row(&self, row: &[u8]) -> bool {
        matches!(self, Self::Run) && !has_key(row, b"\"outcome\"")
    }

    fn row(&self, row: &[u8]) -> Result<Row, Reason> {
        let json = |error: serde_json::Error| Reason::Json(Untrusted::new(&error.to_string()));
        match self {
            Self::Csv(columns) => columns.row(row),
            Self::Profiles => {
                let fields: Fields<'_> = serde_json::from_slice(row).map_err(json)?;
                fields.profile().map(Row::Person)
            }
            Self::Run => {
                let part: Part<'_> = serde_json::from_slice(row).map_err(json)?;
                match part.outcome {
                    Some(outcome) => Row::surveyed(outcome.as_bytes(), || {
                        part.profile.unwrap_or_default().profile()
                    }),
                    None => Ok(Row::Other),
                }
            }
        }
    }
}

/// Whether a word in quotes stands somewhere as a key, and not only as a value: an id or an argument may be any word.
fn has_key(json: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find_iter(json, word)
        .any(|at| json[at + word.len()..].trim_ascii_start().starts_with(b":"))
}

/// A profile in JSON, before its values are judged: so a wrong one is reported as such, by field.
#[derive(Default, Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    height: Option<f64>,
    weight: Option<f64>,
    #[serde(borrow)]
    size: Option<Cow<'a, str>>,
}

/// A line of a saved run; what matters here of any kind of it.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    outcome: Option<Cow<'a, str>>,
    #[serde(borrow)]
    profile: Option<Fields<'a>>,
}

impl Fields<'_> {
    fn profile(self) -> Result<Profile, Reason> {
        let parse = || {
            let missing = profile::Error::Missing;
            Ok(Profile {
                id: self.id.ok_or(missing("id"))?.parse()?,
                height: self.height.ok_or(missing("height"))?.try_into()?,
                weight: self.weight.ok_or(missing("weight"))?.try_into()?,
                size: self.size.ok_or(missing("size"))?.parse()?,
            })
        };
        parse().map_err(Reason::Field)
    }
}

/// The columns of a CSV file: for each, which of the named fields it holds.
struct Columns {
    fields: Vec<Option<usize>>,
    /// Whether the file is a survey's, whose rows are endpoints, some of them without a profile.
    survey: bool,
}

impl Columns {
    /// A profile's fields, and the two by which a survey's file is known.
    const NAMES: [&str; 6] = ["id", "height", "weight", "size", "outcome", "endpoint"];

    fn parse(header: &[u8], file: &Path) -> Result<Self, Error> {
        let bad = || Error::Header {
            file: file.to_owned(),
            found: Untrusted::from_bytes(header),
        };
        let mut fields = Vec::new();
        for cell in cells(header).map_err(|_| bad())? {
            let field = Self::NAMES
                .iter()
                .position(|name| name.as_bytes().eq_ignore_ascii_case(cell.trim_ascii()));
            if let Some(field @ 0..4) = field
                && fields.contains(&Some(field))
            {
                return Err(Error::TwoColumns {
                    file: file.to_owned(),
                    column: Self::NAMES[field],
                });
            }
            fields.push(field);
        }
        let has = |mut wanted: Range<usize>| wanted.all(|field| fields.contains(&Some(field)));
        let survey = has(4..6);
        if has(0..4) {
            Ok(Self { fields, survey })
        } else {
            Err(bad())
        }
    }

    fn row(&self, row: &[u8]) -> Result<Row, Reason> {
        let mut values: [&[u8]; Self::NAMES.len()] = [b""; Self::NAMES.len()];
        // Few files quote anything, and then nothing needs to be copied.
        let unquoted;
        if memchr::memchr(b'"', row).is_some() {
            unquoted = cells(row)?;
            for (field, cell) in self.fields.iter().zip(&unquoted) {
                if let Some(field) = field {
                    values[*field] = cell;
                }
            }
        } else {
            for (field, cell) in self.fields.iter().zip(row.split(|b| *b == b',')) {
                if let Some(field) = field {
                    values[*field] = cell;
                }
            }
        }
        let [id, height, weight, size, outcome, _] = values;
        let profile = || profile([unguarded(id), height, weight, size]).map_err(Reason::Field);
        if self.survey {
            Row::surveyed(outcome, profile)
        } else {
            profile().map(Row::Person)
        }
    }
}

/// A text without the apostrophe that keeps a spreadsheet from running it, which this program's own CSV has.
fn unguarded(text: &[u8]) -> &[u8] {
    match text {
        [b'\'', b'=' | b'+' | b'-' | b'@', ..] => &text[1..],
        _ => text,
    }
}

/// The cells of a record, after RFC 4180.
fn cells(record: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, Reason> {
    let mut cells = Vec::new();
    let mut rest = record;
    loop {
        let cell = if let Some(quoted) = rest.strip_prefix(b"\"") {
            let mut text = Vec::new();
            rest = quoted;
            loop {
                let end = memchr::memchr(b'"', rest).ok_or(Reason::Quote)?;
                text.extend_from_slice(&rest[..end]);
                rest = &rest[end + 1..];
                match rest.strip_prefix(b"\"") {
                    Some(after) => rest = after,
                    None => break,
                }
                text.push(b'"');
            }
            Cow::Owned(text)
        } else {
            let end = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
            let (cell, after) = rest.split_at(end);
            rest = after;
            Cow::Borrowed(cell)
        };
        cells.push(cell);
        match rest {
            [] => return Ok(cells),
            [b',', after @ ..] => rest = after,
            _ => return Err(Reason::Quote),
        }
    }
}

fn profile([id, height, weight, size]: [&[u8]; 4]) -> Result<Profile, profile::Error> {
    let present = |field, text: &'_ [u8]| {
        if text.is_empty() {
            Err(profile::Error::Missing(field))
        } else {
            Ok(())
        }
    };
    present("id", id)?;
    present("height", height)?;
    present("weight", weight)?;
    present("size", size)?;
    Ok(Profile {
        id: match str::from_utf8(id) {
            Ok(id) => id.parse()?,
            Err(_) => return Err(profile::Error::Id(Untrusted::from_bytes(id))),
        },
        height: match ticks(height).map(Height::from_ticks) {
            Some(Ok(height)) => height,
            // Unusual, or out of range: the error is to tell what stands there.
            _ => String::from_utf8_lossy(height).parse()?,
        },
        weight: match ticks(weight).map(Weight::from_ticks) {
            Some(Ok(weight)) => weight,
            _ => String::from_utf8_lossy(weight).parse()?,
        },
        size: match size {
            b"XXS" => Size::Xxs,
            b"XS" => Size::Xs,
            b"S" => Size::S,
            b"M" => Size::M,
            b"L" => Size::L,
            b"XL" => Size::Xl,
            b"XXL" => Size::Xxl,
            b"XXXL" => Size::Xxxl,
            _ => String::from_utf8_lossy(size).parse()?,
        },
    })
}

/// Reads a plain decimal straight into ticks; `None` leaves the text to the parser of the field.
///
/// It agrees with that parser wherever it answers: the test below tries every such text. With a third decimal it
/// would not, as that parser rounds the nearest float and not the decimal.
fn ticks(text: &[u8]) -> Option<u16> {
    let digit = |b: u8| b.is_ascii_digit().then(|| u16::from(b - b'0'));
    let point = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
    let (whole, decimals) = (&text[..point], text.get(point + 1..).unwrap_or_default());
    if whole.is_empty() || whole.len() > 3 {
        return None;
    }
    let mut ticks = 0;
    for b in whole {
        ticks = ticks * 10 + digit(*b)?;
    }
    ticks *= 10;
    match decimals {
        [] => Some(ticks),
        [tenth] => Some(ticks + digit(*tenth)?),
        [tenth, hundredth] => match hundredth {
            b'0'..=b'4' => Some(ticks + digit(*tenth)?),
            b'5'..=b'9' => Some(ticks + digit(*tenth)? + 1),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text of up to two decimals that the short cut can answer for.
    #[test]
    fn the_short_cut_agrees_with_the_field_s_own_parser() {
        let mut answered = 0;
        for hundredths in 0..100_000_u32 {
            let (whole, rest) = (hundredths / 100, hundredths % 100);
            for text in [
                format!("{whole}"),
                format!("{whole}."),
                format!("{whole}.{}", rest / 10),
                format!("{whole}.{rest:02}"),
                format!("{whole}.{rest:02}0"),
                format!("0{whole}.{rest:02}"),
                format!("{whole}.{}x", rest / 10),
            ] {
                if let Some(ticks) = ticks(text.as_bytes()) {
                    let value: f64 = text.parse().unwrap();
                    assert_eq!(f64::from(ticks), (value * 10.0).round(), "{text}");
                    answered += 1;
                }
            }
        }
        // Most of them, or there is no short cut.
        assert!(answered > 400_000, "{answered}");
    }
}

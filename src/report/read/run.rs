//! The lines of a saved run. `rank` and `--only-failed` read them here, each from [`Lines`] of its own, so that both
//! take the same files and refuse the same ones.
//!
//! [`Lines`]: crate::report::read::lines::Lines

use std::{borrow::Cow, path::Path};

use serde::Deserialize;

use crate::{
    profile::{self, Profile},
    report::{
        document::{PhasesMs, VERSION},
        read::{
            error::{Error, Reason},
            lines::Line,
        },
    },
    untrusted::Untrusted,
};

/// One line of a saved run.
pub(crate) enum RunLine<'a> {
    /// How the run was made, with the version of its form.
    Header(u64),
    /// What became of one endpoint.
    Endpoint(Box<Endpoint<'a>>),
    /// What follows from the endpoints, such as pairs and the summary.
    Other,
}

/// What a line holds of an endpoint, before its values are judged.
pub(crate) struct Endpoint<'a> {
    pub(crate) endpoint: Option<Cow<'a, str>>,
    pub(crate) outcome: Cow<'a, str>,
    pub(crate) dialect: Option<Cow<'a, str>>,
    pub(crate) profile: Option<Fields<'a>>,
    pub(crate) attempts: u32,
    pub(crate) elapsed_ms: f64,
    pub(crate) phases_ms: PhasesMs,
}

/// Whether a file that begins with this line is a saved run.
///
/// # Errors
/// When it is one JSON document instead of lines, or a run of another version.
pub(crate) fn is_run(first: &[u8], file: &Path) -> Result<bool, Error> {
    let text = first.trim_ascii();
    match text {
        // A document's first line where it is printed over several, or all of it.
        b"{" | [b'[', ..] => Err(Error::Document(file.to_owned())),
        // The line may be cut, because the command line in it is long: the version is looked for, not parsed.
        [b'{', ..] => match value(text, b"\"labrpc_run\"") {
            None => Ok(false),
            Some(_) if value(text, b"\"endpoints\"").is_some() => {
                Err(Error::Document(file.to_owned()))
            }
            Some(version) => {
                let digits = version.iter().take_while(|b| b.is_ascii_digit());
                let version = digits.fold(0_u64, |number, digit| {
                    number
                        .saturating_mul(10)
                        .saturating_add(u64::from(digit - b'0'))
                });
                expect_version(version, file).map(|()| true)
            }
        },
        _ => Ok(false),
    }
}

/// # Errors
/// When a run has another version than this program reads.
pub(crate) fn expect_version(version: u64, file: &Path) -> Result<(), Error> {
    if version == u64::from(VERSION) {
        return Ok(());
    }
    Err(Error::Version {
        file: file.to_owned(),
        version,
    })
}

/// Reads one line of a saved run.
///
/// # Errors
/// When the line is damaged, or longer than a line about an endpoint can be.
pub(crate) fn parse<'a>(line: &Line<'a>) -> Result<RunLine<'a>, Reason> {
    if line.broken.is_some() {
        // Lists of ids may be that long, and so may the command line in a header.
        let is_row = [&b"\"outcome\""[..], b"\"endpoint\""]
            .iter()
            .any(|key| value(line.bytes, key).is_some());
        return if is_row || !line.bytes.trim_ascii_start().starts_with(b"{") {
            Err(Reason::TooLong)
        } else {
            Ok(RunLine::Other)
        };
    }
    let Parsed {
        labrpc_run,
        endpoint,
        outcome,
        dialect,
        profile,
        attempts,
        elapsed_ms,
        phases_ms,
    } = json(line.bytes)?;
    Ok(match (labrpc_run, outcome) {
        (Some(version), _) => RunLine::Header(version),
        (None, Some(Text(outcome))) => RunLine::Endpoint(Box::new(Endpoint {
            endpoint: endpoint.map(|text| text.0),
            outcome,
            dialect: dialect.map(|text| text.0),
            profile,
            attempts,
            elapsed_ms,
            phases_ms,
        })),
        (None, None) => RunLine::Other,
    })
}

/// Reads one line of JSON.
///
/// # Errors
/// When it is not an object of the wanted shape.
pub(crate) fn json<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Reason> {
    serde_json::from_slice(line).map_err(|error| Reason::Json(Untrusted::new(&error.to_string())))
}

/// What follows a word in quotes where it stands as a key, and not as a value: an id or an argument may be any word.
fn value<'a>(json: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    memchr::memmem::find_iter(json, word).find_map(|at| {
        let rest = json[at + word.len()..].trim_ascii_start();
        Some(rest.strip_prefix(b":")?.trim_ascii_start())
    })
}

/// Any line, as serde reads it.
#[derive(Deserialize)]
struct Parsed<'a> {
    labrpc_run: Option<u64>,
    #[serde(borrow)]
    endpoint: Option<Text<'a>>,
    #[serde(borrow)]
    outcome: Option<Text<'a>>,
    #[serde(borrow)]
    dialect: Option<Text<'a>>,
    #[serde(borrow)]
    profile: Option<Fields<'a>>,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    elapsed_ms: f64,
    #[serde(default)]
    phases_ms: PhasesMs,
}

/// A text that is copied only where it has escapes; serde copies an `Option<Cow<str>>` always.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A profile in JSON, before its values are judged: so a wrong one is reported as such, by field.
#[derive(Default, Deserialize)]
pub(crate) struct Fields<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    height: Option<f64>,
    weight: Option<f64>,
    #[serde(borrow)]
    size: Option<Text<'a>>,
}

impl Fields<'_> {
    /// # Errors
    /// When a field is missing or out of range.
    pub(crate) fn profile(self) -> Result<Profile, Reason> {
        let parse = || {
            let missing = profile::Error::Missing;
            Ok(Profile {
                id: self.id.ok_or(missing("id"))?.0.parse()?,
                height: self.height.ok_or(missing("height"))?.try_into()?,
                weight: self.weight.ok_or(missing("weight"))?.try_into()?,
                size: self.size.ok_or(missing("size"))?.0.parse()?,
            })
        };
        parse().map_err(Reason::Field)
    }
}

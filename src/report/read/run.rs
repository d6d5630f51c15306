//! The lines of a saved run. `rank`, `merge` and `--only-failed` all parse them here and in `saved_line`, so that they accept
//! the same files.

use std::{borrow::Cow, path::Path, time::SystemTime};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Deserializer;

use crate::{
    profile::{Draft, Text},
    report::{
        model::PROFILE_METHOD,
        read::{
            error::{Error, Reason},
            lines::{Line, MAX_LINE},
        },
        run_format::VERSION,
    },
    survey::{endpoint::Endpoint, hosts},
    untrusted::Untrusted,
};

/// One line of a saved run.
pub(crate) enum RunLine<'a> {
    /// How the run was made, with the version of its format and its beginning.
    Header(u64, Option<SystemTime>),
    /// The result of one endpoint.
    Endpoint {
        /// The endpoint as it is written.
        endpoint: Option<Cow<'a, str>>,
        /// The name of the outcome.
        outcome: Cow<'a, str>,
        /// The profile, of the outcomes that have one.
        profile: Option<Draft>,
    },
    /// What follows from the endpoints, such as pairs and the summary.
    Other,
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
        // A long command line may have cut this line, so it is searched for the version and not parsed.
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
/// When the header of a run names another method than that of profiles.
pub(crate) fn expect_profiles(header: &[u8], file: &Path) -> Result<(), Error> {
    match field::<String>(header, b"\"method\"") {
        Some(method) if method != PROFILE_METHOD => Err(Error::OtherMethod {
            file: file.to_owned(),
            method: Untrusted::new(&method),
        }),
        // A run of an earlier version has profiles.
        _ => Ok(()),
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
        return cut(line).map(|()| RunLine::Other);
    }
    let Fields {
        labrpc_run,
        started,
        endpoint,
        outcome,
        profile,
    } = json(line.bytes)?;
    Ok(match (labrpc_run, outcome) {
        (Some(version), _) => RunLine::Header(version, time(started.as_deref())),
        (None, Some(Text(outcome))) => RunLine::Endpoint {
            endpoint: endpoint.map(|Text(endpoint)| endpoint),
            outcome,
            profile,
        },
        (None, None) => RunLine::Other,
    })
}

/// Accepts a line that is too long, unless it is about an endpoint.
pub(crate) fn cut(line: &Line<'_>) -> Result<(), Reason> {
    // A list of ids or the command line in a header may be this long.
    let is_row = [&b"\"outcome\""[..], b"\"endpoint\""]
        .iter()
        .any(|key| value(line.bytes, key).is_some());
    match is_row || !line.bytes.trim_ascii_start().starts_with(b"{") {
        true => Err(Reason::TooLong(MAX_LINE)),
        false => Ok(()),
    }
}

/// Reads one line of JSON.
///
/// # Errors
/// When it is not an object with these fields.
pub(crate) fn json<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Reason> {
    serde_json::from_slice(line).map_err(|error| Reason::Json(Untrusted::new(&error.to_string())))
}

/// The endpoint of a line, in its canonical form.
///
/// # Errors
/// When it is not one endpoint.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, Reason> {
    // A name that did not resolve is one endpoint of a run, and several of a list.
    let parsed = text.parse().or_else(|_| hosts::exactly_one(text));
    parsed.map_err(|error| Reason::Endpoint(error.to_string()))
}

/// The text after a quoted word that is a key and not a value: an id or an argument may be any word.
pub(crate) fn value<'a>(json: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    memchr::memmem::find_iter(json, word).find_map(|at| {
        let rest = json[at + word.len()..].trim_ascii_start();
        Some(rest.strip_prefix(b":")?.trim_ascii_start())
    })
}

/// The fields by which a line is recognised, and the profile.
#[derive(Deserialize)]
struct Fields<'a> {
    labrpc_run: Option<u64>,
    started: Option<String>,
    #[serde(borrow)]
    endpoint: Option<Text<'a>>,
    #[serde(borrow)]
    outcome: Option<Text<'a>>,
    profile: Option<Draft>,
}

pub(crate) fn time(text: Option<&str>) -> Option<SystemTime> {
    humantime::parse_rfc3339(text?).ok()
}

/// The value of a field, unless it is `null` or absent.
pub(crate) fn field<T: DeserializeOwned>(json: &[u8], key: &[u8]) -> Option<T> {
    let mut values = Deserializer::from_slice(value(json, key)?).into_iter::<Option<T>>();
    values.next()?.ok()?
}

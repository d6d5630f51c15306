//! The lines of a saved run. `rank` and `--only-failed` both parse them here, so that both accept the same files.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use serde::Deserialize;

use crate::{
    profile::{Draft, Text},
    report::{
        model::PROFILE_METHOD,
        read::{
            error::{Error, Reason},
            lines::{Line, MAX_LINE},
        },
        run_format::{PhasesMs, VERSION},
    },
    survey::{endpoint::Endpoint, hosts},
    untrusted::Untrusted,
};

/// One line of a saved run.
pub(crate) enum RunLine<'a> {
    /// How the run was made, with the version of its format.
    Header(u64),
    /// The result of one endpoint.
    Endpoint {
        /// The name of the outcome.
        outcome: Cow<'a, str>,
        /// The profile, of the outcomes that have one.
        profile: Option<Draft>,
    },
    /// What follows from the endpoints, such as pairs and the summary.
    Other,
}

/// What only asking again needs of an endpoint's line. Ranking 300,000 of them takes a third longer if it parses
/// these fields as well.
#[derive(Deserialize)]
pub(crate) struct EndpointDetails<'a> {
    #[serde(borrow)]
    pub(crate) endpoint: Option<Text<'a>>,
    pub(crate) labels: Option<BTreeMap<String, String>>,
    #[serde(borrow)]
    pub(crate) dialect: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) attempts: u32,
    #[serde(default)]
    pub(crate) elapsed_ms: f64,
    #[serde(default)]
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
    let method = value(header, b"\"method\"").unwrap_or(b"null");
    let mut values = serde_json::Deserializer::from_slice(method).into_iter::<Option<String>>();
    match values.next() {
        Some(Ok(Some(method))) if method != PROFILE_METHOD => Err(Error::OtherMethod {
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
        // A list of ids or the command line in a header may be this long.
        let is_row = [&b"\"outcome\""[..], b"\"endpoint\""]
            .iter()
            .any(|key| value(line.bytes, key).is_some());
        return if is_row || !line.bytes.trim_ascii_start().starts_with(b"{") {
            Err(Reason::TooLong(MAX_LINE))
        } else {
            Ok(RunLine::Other)
        };
    }
    let Fields {
        labrpc_run,
        outcome,
        profile,
    } = json(line.bytes)?;
    Ok(match (labrpc_run, outcome) {
        (Some(version), _) => RunLine::Header(version),
        (None, Some(Text(outcome))) => RunLine::Endpoint { outcome, profile },
        (None, None) => RunLine::Other,
    })
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
fn value<'a>(json: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    memchr::memmem::find_iter(json, word).find_map(|at| {
        let rest = json[at + word.len()..].trim_ascii_start();
        Some(rest.strip_prefix(b":")?.trim_ascii_start())
    })
}

/// The fields by which a line is recognised, and the profile.
#[derive(Deserialize)]
struct Fields<'a> {
    labrpc_run: Option<u64>,
    #[serde(borrow)]
    outcome: Option<Text<'a>>,
    profile: Option<Draft>,
}

//! The lines of saved runs, for all that goes on from the result of each endpoint.

use std::{collections::BTreeMap, io::Read, num::NonZeroU32, path::Path, time::SystemTime};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    profile::{Draft, Text},
    report::{
        answer::Answer,
        model::PROFILE_METHOD,
        read::{
            error::{Error, Reason, Rejected},
            lines::{Line, Lines},
            open::open,
            run::{cut, expect_profiles, expect_version, field, is_run, json, time, value},
        },
        run_format::{PhasesMs, duration},
    },
    survey::{
        hosts::{Part, Shard},
        outcome::{EndpointResult, Outcome, OutcomeKind, Protocol},
        saved_outcome::FailureCause,
    },
};

/// Reads the lines of saved runs, for all that goes on from the result of each endpoint.
pub(crate) struct SavedReader<'f> {
    lines: Lines<Box<dyn Read>, fn(u64)>,
    file: &'f Path,
    begun: bool,
    profiles_only: bool,
}

/// One line of a saved run, as far as something follows from it.
pub(crate) enum SavedLine {
    /// A run begins.
    Header(RunHeader),
    /// Endpoints that the run has.
    List(Vec<EndpointFields>),
    /// What the endpoints of a group answered.
    Value { group: u32, value: Value },
    /// The result of an endpoint.
    Endpoint(EndpointFields, SavedResult),
    /// The run ended at this time.
    Summary(Option<SystemTime>),
}

/// What is needed of a run's header.
#[derive(Clone, Debug)]
pub(crate) struct RunHeader {
    pub(crate) method: String,
    pub(crate) started: SystemTime,
    pub(crate) finished: Option<SystemTime>,
    pub(crate) part: Option<Part>,
}

/// An endpoint and its place in the list.
#[derive(Debug, Deserialize)]
pub(crate) struct EndpointFields {
    #[serde(default)]
    pub(crate) line: u32,
    pub(crate) endpoint: Option<String>,
    pub(crate) labels: Option<BTreeMap<String, String>>,
}

/// What became of an endpoint.
pub(crate) enum SavedResult {
    /// It is listed twice, and this is not the first place.
    Duplicate,
    Known(EndpointResult<Answer>),
    /// It answered what this group answered.
    Group(u32, EndpointResult<()>),
}

impl<'f> SavedReader<'f> {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(file: &'f Path, profiles_only: bool) -> Result<Self, Error> {
        Ok(Self {
            lines: Lines::new(open(file)?, |_| ()),
            file,
            begun: false,
            profiles_only,
        })
    }

    /// The next line and its number.
    ///
    /// # Errors
    /// When the file cannot be read, is not a saved run, or has a damaged line.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, SavedLine)>, Error> {
        let file = self.file;
        loop {
            let next = self.lines.next(false).map_err(|error| Error::Io {
                file: file.to_owned(),
                error,
            })?;
            let Some(line) = next else { break };
            if line.is_blank() {
                continue;
            }
            let number = line.number;
            if !self.begun && !is_run(line.bytes, file)? {
                break;
            }
            if !self.begun || is_header(&line) {
                if self.profiles_only {
                    expect_profiles(line.bytes, file)?;
                }
                let header = RunHeader::parse(line.bytes, file)?;
                self.begun = true;
                if header.method != PROFILE_METHOD {
                    self.lines.max_line = MAX_ANSWER_LINE;
                }
                return Ok(Some((number, SavedLine::Header(header))));
            }
            match saved_line(&line) {
                Ok(Some(found)) => return Ok(Some((number, found))),
                Ok(None) => {}
                // What a killed process was writing.
                Err(_) if !line.has_end => {}
                Err(reason) => {
                    return Err(Error::Rejected(Rejected {
                        file: file.to_owned(),
                        line: number,
                        reason,
                    }));
                }
            }
        }
        match self.begun {
            true => Ok(None),
            false => Err(Error::NotARun(file.to_owned())),
        }
    }
}

/// The longest line of a run whose endpoints answered any method. One holds an answer.
const MAX_ANSWER_LINE: usize = 256 * 1024 * 1024;

/// Whether a line is the header of a run, perhaps cut.
fn is_header(line: &Line<'_>) -> bool {
    let start = line.bytes.trim_ascii_start();
    start.starts_with(b"{") && value(&start[..start.len().min(20)], b"\"labrpc_run\"").is_some()
}

impl RunHeader {
    /// Reads a header, of which a long command line may have cut the end.
    fn parse(header: &[u8], file: &Path) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct PartFields {
            shard: Option<u32>,
            shards: Option<NonZeroU32>,
            listed: u64,
            list: String,
        }
        if let Some(version) = field(header, b"\"labrpc_run\"") {
            expect_version(version, file)?;
        }
        let [started, finished] = [&b"\"started\""[..], b"\"finished\""]
            .map(|key| time(field::<String>(header, key).as_deref()));
        let part = field(header, b"\"part\"").map(|part: PartFields| Part {
            shard: (part.shard.zip(part.shards))
                .and_then(|(index, count)| Shard::new(index, count)),
            listed: part.listed,
            list: u64::from_str_radix(&part.list, 16).unwrap_or_default(),
        });
        Ok(Self {
            method: field(header, b"\"method\"").unwrap_or_else(|| PROFILE_METHOD.to_owned()),
            started: started.unwrap_or(SystemTime::UNIX_EPOCH),
            finished,
            part,
        })
    }

    /// The part and the shard, of a run that is one.
    pub(crate) fn shard(&self) -> Option<(&Part, Shard)> {
        let part = self.part.as_ref()?;
        Some((part, part.shard?))
    }
}

/// Reads a line, unless nothing follows from it.
fn saved_line(line: &Line<'_>) -> Result<Option<SavedLine>, Reason> {
    if line.broken.is_some() {
        return cut(line).map(|()| None);
    }
    let mut fields: SavedFields<'_> = json(line.bytes)?;
    if let Some(listed) = fields.list {
        return Ok(Some(SavedLine::List(listed)));
    }
    if let Some(ValueFields { group, value }) = fields.value {
        return Ok(Some(SavedLine::Value { group, value }));
    }
    if let Some(SummaryFields { finished }) = fields.summary {
        return Ok(Some(SavedLine::Summary(time(finished.as_deref()))));
    }
    let Some(Text(outcome)) = &fields.outcome else {
        return Ok(None);
    };
    let kind = OutcomeKind::from_name(outcome);
    let result = fields.result(kind)?;
    let endpoint = EndpointFields {
        line: fields.line,
        endpoint: fields.endpoint,
        labels: fields.labels,
    };
    Ok(Some(SavedLine::Endpoint(endpoint, result)))
}

/// The fields of every line from which something follows.
#[derive(Deserialize)]
struct SavedFields<'a> {
    list: Option<Vec<EndpointFields>>,
    value: Option<ValueFields>,
    summary: Option<SummaryFields>,
    #[serde(default)]
    line: u32,
    endpoint: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    #[serde(borrow)]
    outcome: Option<Text<'a>>,
    profile: Option<Draft>,
    group: Option<u32>,
    #[serde(borrow)]
    dialect: Option<Text<'a>>,
    #[serde(borrow)]
    detail: Option<Text<'a>>,
    #[serde(borrow)]
    cause: Option<Text<'a>>,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    elapsed_ms: f64,
    #[serde(default)]
    phases_ms: PhasesMs,
}

#[derive(Deserialize)]
struct ValueFields {
    group: u32,
    value: Value,
}

#[derive(Deserialize)]
struct SummaryFields {
    finished: Option<String>,
}

impl SavedFields<'_> {
    fn result(&mut self, kind: Option<OutcomeKind>) -> Result<SavedResult, Reason> {
        let text = |text: &Option<Text<'_>>| text.as_ref().map(|Text(text)| text.to_string());
        let protocol = text(&self.dialect).and_then(|name| Protocol::from_name(&name));
        Ok(match (kind, protocol, self.profile.take(), self.group) {
            (Some(OutcomeKind::DuplicateLine), ..) => SavedResult::Duplicate,
            (
                Some(OutcomeKind::Ok | OutcomeKind::DuplicateId),
                Some(protocol),
                Some(profile),
                _,
            ) => {
                let profile = profile.finish().map_err(Reason::Field)?;
                let answer = Answer::Profile(profile);
                SavedResult::Known(self.with(Outcome::Ok { protocol, answer }))
            }
            (Some(OutcomeKind::Ok), protocol, None, Some(group)) => {
                let protocol = protocol.unwrap_or(Protocol::Grpc);
                let answer = ();
                SavedResult::Group(group, self.with(Outcome::Ok { protocol, answer }))
            }
            (Some(kind), ..) => {
                let cause = text(&self.cause).and_then(|name| FailureCause::from_name(&name));
                let saved = Outcome::saved(kind, text(&self.detail).as_deref(), cause);
                // An answer that is not there has to be asked for again.
                SavedResult::Known(self.with(saved.unwrap_or(Outcome::Cancelled)))
            }
            // The outcome of a later version.
            (None, ..) => SavedResult::Known(self.with(Outcome::Cancelled)),
        })
    }

    fn with<A>(&self, outcome: Outcome<A>) -> EndpointResult<A> {
        EndpointResult {
            outcome,
            attempts: self.attempts,
            elapsed: duration(self.elapsed_ms),
            phases: self.phases_ms.into(),
        }
    }
}

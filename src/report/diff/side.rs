//! Reads the runs that are compared: of each endpoint its outcome and its answer.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value;

use crate::{
    compare::Rules,
    path::PathPattern,
    profile::Profile,
    report::{
        format::quoted,
        model::PROFILE_METHOD,
        read::{
            error::{Error, Reason, Rejected},
            open::open,
            run,
        },
    },
    survey::{endpoint::Endpoint, outcome::OutcomeKind},
};

/// The longest line that is read. One holds an answer, and the endpoints that gave it.
const MAX_LINE: usize = 256 * 1024 * 1024;

/// What became of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct SavedOutcome {
    /// The outcome's name.
    pub outcome: String,
    /// The gRPC code of the outcome `status`.
    pub code: Option<String>,
    /// The details of the outcome.
    pub detail: Option<String>,
}

/// One of the runs.
#[derive(Clone, Debug)]
pub struct SavedSide {
    /// The file, `-` for standard input.
    pub file: PathBuf,
    /// The method that was called.
    pub method: String,
    /// What counted of the answers when the run was made.
    pub rules: RunRules,
    /// The endpoints in the order of the file, each once.
    pub(super) endpoints: Vec<(Endpoint, SavedOutcome, Option<u32>)>,
}

/// The paths that chose what counted of the answers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RunRules {
    ignore: Option<BTreeSet<String>>,
    only: Option<BTreeSet<String>>,
}

impl fmt::Display for RunRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (only, ignore) = (self.only.iter().flatten(), self.ignore.iter().flatten());
        let flags = only.map(|path| ("--only", path));
        let mut flags = flags
            .chain(ignore.map(|path| ("--ignore", path)))
            .peekable();
        if flags.peek().is_none() {
            return f.write_str("without rules");
        }
        f.write_str("with")?;
        flags.try_for_each(|(flag, path)| write!(f, " {flag} {}", quoted(path)))
    }
}

/// Reads runs, and keeps each distinct answer once over all of them.
#[derive(Debug, Default)]
pub struct RunReader {
    rules: Rules,
    /// The paths of the rules that no answer has had so far.
    unmatched: Vec<PathPattern>,
    ids: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

/// A line of a run, whichever it is.
#[derive(Deserialize)]
struct LineFields {
    labrpc_run: Option<u64>,
    /// The first line of a further round, of `--watch`.
    round: Option<IgnoredAny>,
    endpoint: Option<String>,
    outcome: Option<String>,
    code: Option<String>,
    detail: Option<String>,
    profile: Option<Value>,
    group: Option<u32>,
    labels: Option<BTreeMap<String, String>>,
    answer: Option<AnswerFields>,
}

#[derive(Deserialize)]
struct AnswerFields {
    group: u32,
    label: Option<String>,
    value: Value,
}

#[derive(Default, Deserialize)]
struct HeaderFields {
    method: Option<String>,
    group_by: Option<String>,
    #[serde(flatten)]
    rules: RunRules,
}

/// A group, which is numbered within its label.
type GroupKey = (u32, Option<String>);

/// Where the answer of an endpoint is.
enum AnswerAt {
    Nowhere,
    /// Its value has this number.
    Value(u32),
    Group(GroupKey),
}

/// A run while it is read. The answers of groups come after the endpoints.
#[derive(Default)]
struct RunDraft {
    header: HeaderFields,
    endpoints: Vec<(u64, Endpoint, SavedOutcome, AnswerAt)>,
    groups: HashMap<GroupKey, u32>,
}

impl RunDraft {
    fn add(&mut self, line: u64, fields: LineFields, reader: &mut RunReader) -> Result<(), Reason> {
        if fields.labrpc_run.is_some() || fields.round.is_some() {
            return Err(Reason::SecondRun);
        }
        if let Some(AnswerFields {
            group,
            label,
            value,
        }) = fields.answer
        {
            self.groups.insert((group, label), reader.intern(value));
            return Ok(());
        }
        let (Some(endpoint), Some(outcome)) = (fields.endpoint, fields.outcome) else {
            return Ok(());
        };
        if outcome == OutcomeKind::DuplicateLine.name() {
            return Ok(());
        }
        let group_by = self.header.group_by.as_ref();
        let label = group_by.and_then(|key| fields.labels?.remove(key));
        let answer = match (fields.profile, fields.group) {
            (Some(profile), _) => AnswerAt::Value(reader.intern(canonical(profile))),
            (None, Some(group)) => AnswerAt::Group((group, label)),
            (None, None) => AnswerAt::Nowhere,
        };
        let (code, detail) = (fields.code, fields.detail);
        let outcome = SavedOutcome {
            outcome,
            code,
            detail,
        };
        self.endpoints
            .push((line, run::endpoint(&endpoint)?, outcome, answer));
        Ok(())
    }

    /// Finds the answers of the endpoints.
    fn finish(self, file: PathBuf) -> Result<SavedSide, Error> {
        let mut side = SavedSide {
            method: (self.header.method).unwrap_or_else(|| PROFILE_METHOD.to_owned()),
            rules: self.header.rules,
            endpoints: Vec::with_capacity(self.endpoints.len()),
            file,
        };
        for (line, endpoint, outcome, answer) in self.endpoints {
            let answer = match answer {
                AnswerAt::Nowhere => None,
                AnswerAt::Value(value) => Some(value),
                AnswerAt::Group(key) => match self.groups.get(&key) {
                    Some(value) => Some(*value),
                    None => {
                        let (file, reason) = (side.file, Reason::NoAnswer(key.0));
                        return Err(Error::Rejected(Rejected { file, line, reason }));
                    }
                },
            };
            side.endpoints.push((endpoint, outcome, answer));
        }
        Ok(side)
    }
}

/// A profile in the form of its own JSON, where whole numbers have no decimal point.
fn canonical(profile: Value) -> Value {
    let valid = serde_json::from_value(profile.clone());
    let canonical = valid.and_then(|profile: Profile| serde_json::to_value(profile));
    canonical.unwrap_or(profile)
}

impl RunReader {
    /// Reads what is not ignored, and of that only these paths if there are any.
    #[must_use]
    pub fn new(ignore: &[PathPattern], only: &[PathPattern]) -> Self {
        Self {
            rules: Rules::new(ignore, only),
            unmatched: [ignore, only].concat(),
            ..Self::default()
        }
    }

    /// The given paths that none of the answers has which were read.
    #[must_use]
    pub fn unmatched(&self) -> &[PathPattern] {
        match &*self.texts {
            [] => &[],
            _ => &self.unmatched,
        }
    }

    /// Reads a run that was written as JSON Lines; `-` is standard input.
    ///
    /// # Errors
    /// When the file cannot be read, is not a saved run, has a damaged line, or ends before its answers.
    pub fn read(&mut self, file: &Path) -> Result<SavedSide, Error> {
        let mut input = BufReader::new(open(file)?);
        let mut draft = None;
        let (mut text, mut line) = (Vec::new(), 0);
        let file = file.to_owned();
        let rejected = |line, reason| {
            let file = file.clone();
            Error::Rejected(Rejected { file, line, reason })
        };
        loop {
            text.clear();
            line += 1;
            let read = input.by_ref().take(MAX_LINE as u64 + 1);
            let read = { read }.read_until(b'\n', &mut text);
            match read.map_err(|error| Error::Io {
                file: file.clone(),
                error,
            })? {
                0 => break,
                _ if text.len() > MAX_LINE => {
                    return Err(rejected(line, Reason::TooLong(MAX_LINE)));
                }
                _ if text.trim_ascii().is_empty() => continue,
                _ => {}
            }
            match &mut draft {
                None if !run::is_run(&text, &file)? => break,
                None => {
                    let header = run::json(&text).map_err(|reason| rejected(line, reason))?;
                    draft = Some(RunDraft {
                        header,
                        ..RunDraft::default()
                    });
                }
                Some(draft) => {
                    let added = run::json(&text).and_then(|fields| draft.add(line, fields, self));
                    added.map_err(|reason| rejected(line, reason))?;
                }
            }
        }
        match draft {
            Some(draft) => draft.finish(file),
            None => Err(Error::NotARun(file)),
        }
    }

    /// The number of a value, of which only what counts is kept.
    pub(super) fn intern(&mut self, value: Value) -> u32 {
        self.unmatched.retain(|path| path.select(&value).is_empty());
        let text: Arc<str> = self.rules.prune(value).to_string().into();
        *self.ids.entry(Arc::clone(&text)).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() as u32 - 1
        })
    }

    /// The value of a number.
    pub(super) fn value(&self, id: u32) -> Value {
        let text = self.texts.get(id as usize);
        // It was written from a value.
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}

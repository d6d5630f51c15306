//! Reads a saved run back, to ask again those that failed.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use crate::{
    report::{
        document::{self, EndpointLine, VERSION},
        model::Survey,
    },
    survey::{
        hosts::{self, Hosts},
        outcome::{Answer, Outcome, OutcomeKind},
    },
    untrusted::Untrusted,
};

/// The endpoints of a saved run, and the answers that need not be asked for again.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Everybody who was asked, in the order of the run.
    pub hosts: Hosts,
    /// For each of them the answer, unless it has to be asked again.
    pub known: Vec<Option<Answer>>,
}

impl Saved {
    /// Those who have to be asked again.
    #[must_use]
    pub fn unknown(&self) -> Hosts {
        let hosts = self.hosts.iter().zip(&self.known);
        hosts
            .filter(|(_, known)| known.is_none())
            .map(|(endpoint, _)| endpoint)
            .collect()
    }

    /// Fills in what those in [`Self::unknown`] have answered, in the same order.
    #[must_use]
    pub fn merge(self, new: Vec<Answer>) -> Survey {
        let mut new = new.into_iter();
        let answers = self.known.into_iter().map(|known| {
            known
                .or_else(|| new.next())
                .unwrap_or_else(|| Answer::unasked(Outcome::Cancelled))
        });
        Survey {
            answers: answers.collect(),
            hosts: self.hosts,
        }
    }
}

/// Why a file is no saved run.
#[derive(Debug)]
pub struct Error {
    file: PathBuf,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Io(io::Error),
    NoHeader,
    Version(u64),
    Line { number: usize, problem: Untrusted },
}

impl Error {
    /// Whether the file could not be read at all.
    #[must_use]
    pub fn is_io(&self) -> bool {
        // What is no text has been read.
        matches!(&self.reason, Reason::Io(error) if error.kind() != io::ErrorKind::InvalidData)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.reason {
            Reason::Io(error) => write!(f, "{file}: {error}"),
            Reason::NoHeader => write!(
                f,
                "{file}: the first line is no header of a saved run; save one with --format jsonl"
            ),
            Reason::Version(version) => write!(
                f,
                "{file}: the saved run has version {version}, and this labrpc knows {VERSION}"
            ),
            Reason::Line { number, problem } => write!(f, "{file}:{number}: {problem}"),
        }
    }
}

impl std::error::Error for Error {}

/// Reads a run that was written as JSON Lines.
///
/// # Errors
/// When the file cannot be read, is no saved run, or has a damaged line.
pub fn read(file: &Path) -> Result<Saved, Error> {
    parse(file).map_err(|reason| Error {
        file: file.to_owned(),
        reason,
    })
}

fn parse(file: &Path) -> Result<Saved, Reason> {
    let mut lines = (1..).zip(BufReader::new(File::open(file).map_err(Reason::Io)?).lines());
    let header = match lines.next() {
        Some((_, line)) => line.map_err(Reason::Io)?,
        None => return Err(Reason::NoHeader),
    };
    let header: serde_json::Value = serde_json::from_str(&header).map_err(|_| Reason::NoHeader)?;
    match header.get("labrpc_run").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => return Err(Reason::Version(version)),
        None => return Err(Reason::NoHeader),
    }
    let (mut endpoints, mut known) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        let problem = |problem: &dyn fmt::Display| Reason::Line {
            number,
            problem: Untrusted::new(&problem.to_string()),
        };
        let line = line.map_err(Reason::Io)?;
        if line.trim().is_empty() {
            continue;
        }
        let value: serde_json::Value = serde_json::from_str(&line).map_err(|e| problem(&e))?;
        if value.get("endpoint").is_none() {
            // Pairs and summary follow from the endpoints.
            continue;
        }
        let line: EndpointLine<'_> = serde_json::from_value(value).map_err(|e| problem(&e))?;
        endpoints.push(hosts::one(&line.endpoint).map_err(|e| problem(&e))?);
        known.push(answer(line));
    }
    let hosts: Hosts = endpoints.into_iter().collect();
    for (index, known) in known.iter_mut().enumerate() {
        if let Some(first) = hosts.duplicate_of(index) {
            *known = Some(Answer::unasked(Outcome::DuplicateLine { first: first + 1 }));
        }
    }
    Ok(Saved { hosts, known })
}

/// The answer of a line, if it need not be asked for again.
fn answer(line: EndpointLine<'_>) -> Option<Answer> {
    let EndpointLine {
        line: _,
        endpoint: _,
        outcome,
        dialect,
        profile,
        detail: _,
        attempts,
        elapsed_ms,
        phases_ms,
    } = line;
    match (OutcomeKind::from_name(&outcome), dialect, profile) {
        (Some(OutcomeKind::Ok), Some(dialect), Some(profile)) => Some(Answer {
            outcome: Outcome::Ok {
                dialect,
                profile: profile.into_owned(),
            },
            attempts,
            elapsed: document::duration(elapsed_ms),
            phases: phases_ms.into(),
        }),
        _ => None,
    }
}

//! Reads a saved run back, to ask again those that failed.

use std::{path::Path, time::Duration};

use crate::{
    profile::{Draft, Text},
    report::{
        answer::Answer,
        model::Survey,
        read::{
            self,
            error::{Error, Reason, Rejected},
            lines::Lines,
            run::{self, EndpointDetails, RunLine},
        },
        run_format,
    },
    survey::{
        self,
        endpoint::Endpoint,
        hosts::{self, Hosts, LabelInterner},
        outcome::{EndpointResult, Outcome, OutcomeKind, Protocol},
        resolve::look_up,
    },
};

/// The endpoints of a saved run, and the answers that need not be asked for again.
#[derive(Clone, Debug)]
pub struct Saved {
    /// All endpoints, in the order of the run.
    pub hosts: Hosts,
    /// For each of them its answer, unless it has to be asked again.
    pub answered: Vec<Option<EndpointResult<Answer>>>,
}

impl Saved {
    /// The endpoints that have to be asked again.
    #[must_use]
    pub fn unanswered(&self) -> Hosts {
        let hosts = self.hosts.iter().zip(&self.answered);
        hosts
            .filter(|(_, answer)| answer.is_none())
            .map(|(endpoint, _)| endpoint)
            .collect()
    }

    /// The run with an endpoint for every address of each name that did not resolve before; see [`survey::resolve()`].
    pub async fn resolve(&self, limit: Duration) -> Self {
        let addresses = look_up(&self.hosts, limit).await;
        if addresses.is_empty() {
            return self.clone();
        }
        let hosts = self.hosts.resolved(&addresses);
        let old = self.hosts.iter().zip(&self.answered);
        let answered = old.flat_map(|(endpoint, answer)| {
            let count = hosts::resolved_len(&endpoint, &addresses);
            std::iter::repeat_n(answer.clone(), count)
        });
        Self::new(hosts, answered.collect())
    }

    fn new(hosts: Hosts, mut answered: Vec<Option<EndpointResult<Answer>>>) -> Self {
        for (index, answer) in answered.iter_mut().enumerate() {
            if let Some(outcome) = survey::without_attempt(&hosts, index) {
                *answer = Some(EndpointResult::without_attempt(outcome));
            }
        }
        Self { hosts, answered }
    }

    /// Fills in the answers of [`Self::unanswered`], in the same order.
    #[must_use]
    pub fn merge(self, new: Vec<EndpointResult<Answer>>) -> Survey {
        let mut new = new.into_iter();
        let answers = self.answered.into_iter().map(|answer| {
            answer
                .or_else(|| new.next())
                .unwrap_or_else(|| EndpointResult::without_attempt(Outcome::Cancelled))
        });
        Survey {
            answers: answers.collect(),
            hosts: self.hosts,
        }
    }
}

/// Reads a run that was written as JSON Lines; `-` is standard input.
///
/// Memory holds the endpoints and one line.
///
/// # Errors
/// When the file cannot be read, is not a saved run, has a damaged line or more than `max_hosts` endpoints.
pub fn read(file: &Path, max_hosts: usize) -> Result<Saved, Error> {
    let mut lines = Lines::new(read::open(file)?, |_| ());
    let (mut endpoints, mut answered) = (Vec::new(), Vec::new());
    let (mut begun, mut interner) = (false, LabelInterner::default());
    loop {
        let next = lines.next(false).map_err(|error| Error::Io {
            file: file.to_owned(),
            error,
        })?;
        let Some(line) = next else { break };
        if line.is_blank() {
            continue;
        }
        if !begun {
            if !run::is_run(line.bytes, file)? {
                break;
            }
            run::expect_profiles(line.bytes, file)?;
            begun = true;
            continue;
        }
        let rejected = |reason| {
            Error::Rejected(Rejected {
                file: file.to_owned(),
                line: line.number,
                reason,
            })
        };
        match run::parse(&line).map_err(rejected)? {
            RunLine::Header(version) => run::expect_version(version, file)?,
            // Pairs and summary follow from the endpoints.
            RunLine::Other => {}
            RunLine::Endpoint { .. } if endpoints.len() == max_hosts => {
                return Err(Error::TooMany {
                    file: file.to_owned(),
                    max: max_hosts,
                });
            }
            RunLine::Endpoint { outcome, profile } => {
                let details: EndpointDetails<'_> = run::json(line.bytes).map_err(rejected)?;
                let labels = interner.labels(details.labels.iter().flatten());
                endpoints.push((endpoint(&details).map_err(rejected)?, labels));
                answered.push(answer(&outcome, profile, &details).map_err(rejected)?);
            }
        }
    }
    if !begun {
        return Err(Error::NotARun(file.to_owned()));
    }
    Ok(Saved::new(endpoints.into_iter().collect(), answered))
}

fn endpoint(details: &EndpointDetails<'_>) -> Result<Endpoint, Reason> {
    match &details.endpoint {
        Some(Text(endpoint)) => run::endpoint(endpoint),
        None => Err(Reason::Endpoint("endpoint is missing".to_owned())),
    }
}

/// The answer of a line, if the endpoint need not be asked again.
fn answer(
    outcome: &str,
    profile: Option<Draft>,
    details: &EndpointDetails<'_>,
) -> Result<Option<EndpointResult<Answer>>, Reason> {
    let protocol = details.dialect.as_ref();
    let protocol = protocol.and_then(|Text(name)| Protocol::from_name(name));
    let (Some(OutcomeKind::Ok), Some(protocol), Some(profile)) =
        (OutcomeKind::from_name(outcome), protocol, profile)
    else {
        return Ok(None);
    };
    Ok(Some(EndpointResult {
        outcome: Outcome::Ok {
            protocol,
            answer: Answer::Profile(profile.finish().map_err(Reason::Field)?),
        },
        attempts: details.attempts,
        elapsed: run_format::duration(details.elapsed_ms),
        phases: details.phases_ms.into(),
    }))
}

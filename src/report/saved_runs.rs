//! Saved runs read as one: to ask again those that failed, and to merge parts.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use serde_json::Value;

use crate::{
    question::AnswerId,
    report::{
        answer::Answer,
        distinct::AnswerValues,
        model::PROFILE_METHOD,
        read::{
            error::{Error, Reason, Rejected},
            run,
            saved_line::{EndpointFields, RunHeader, SavedLine, SavedReader, SavedResult},
        },
        saved::Saved,
    },
    survey::{
        endpoint::Endpoint,
        hosts::{Hosts, LabelInterner, Labels, Part, Shard},
        outcome::{EndpointResult, Outcome},
    },
    untrusted::Untrusted,
};

/// What runs are to be read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To ask again, up to so many endpoints, all of them for profiles.
    Resume {
        /// The number.
        max_hosts: usize,
    },
    /// To merge them into a whole run.
    Merge,
}

/// Saved runs, read as one.
#[derive(Clone, Debug)]
pub struct SavedRuns {
    /// The endpoints.
    pub saved: Saved,
    /// The method that was asked.
    pub method: String,
    /// The values of answers that are not profiles.
    pub values: AnswerValues,
    /// When the first of them began.
    pub started: SystemTime,
    /// When the last of them ended.
    pub finished: SystemTime,
    /// What is missing from a whole run, in words.
    pub missing: Option<String>,
}

/// Reads runs that were written as JSON Lines, one after another; `-` is standard input. Of an endpoint that several have,
/// an answer counts before a failure, and the newer before the older.
///
/// # Errors
/// When a file cannot be read, is not a saved run or has a damaged line; when the runs are of different methods, or are
/// parts of different lists.
pub fn read(files: &[PathBuf], purpose: Purpose) -> Result<SavedRuns, Error> {
    let mut collection = Collection::new(purpose);
    for file in files {
        collection.read(file)?;
    }
    Ok(collection.finish())
}

/// What is known of the endpoints while runs are read.
struct Collection {
    purpose: Purpose,
    runs: Vec<RunHeader>,
    finished: Option<SystemTime>,
    /// The first run that has an endpoint, which decides the method.
    asked: Option<usize>,
    /// The number of each endpoint in the lists below.
    numbers: HashMap<Endpoint, u32>,
    endpoints: Vec<(Endpoint, Option<Labels>)>,
    /// The best result of each, and the run that it is from.
    results: Vec<(Option<EndpointResult<Answer>>, u32)>,
    /// Where each endpoint is listed: the list, the line in it, and the number of the endpoint.
    places: Vec<(u32, u32, u32)>,
    interner: LabelInterner,
    /// The numbers that groups of the present run have over all runs.
    groups: HashMap<u32, u32>,
    values: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Collection {
    fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            runs: Vec::new(),
            finished: None,
            asked: None,
            numbers: HashMap::new(),
            endpoints: Vec::new(),
            results: Vec::new(),
            places: Vec::new(),
            interner: LabelInterner::default(),
            groups: HashMap::new(),
            values: HashMap::new(),
            texts: Vec::new(),
        }
    }

    fn read(&mut self, file: &Path) -> Result<(), Error> {
        let profiles_only = matches!(self.purpose, Purpose::Resume { .. });
        let mut reader = SavedReader::open(file, profiles_only)?;
        while let Some((number, line)) = reader.next()? {
            let rejected = |reason| {
                Error::Rejected(Rejected {
                    file: file.to_owned(),
                    line: number,
                    reason,
                })
            };
            match line {
                SavedLine::Header(header) => self.begin(header, file)?,
                SavedLine::List(listed) => {
                    for endpoint in listed {
                        self.list(&endpoint, file)?.map_err(rejected)?;
                    }
                }
                SavedLine::Value { group, value } => {
                    let answer = self.intern(value);
                    self.groups.insert(group, answer);
                }
                SavedLine::Endpoint(fields, result) => {
                    let entry = self.list(&fields, file)?.map_err(rejected)?;
                    self.keep(entry, result).map_err(rejected)?;
                }
                SavedLine::Summary(finished) => self.finished = self.finished.max(finished),
            }
        }
        Ok(())
    }

    fn begin(&mut self, header: RunHeader, file: &Path) -> Result<(), Error> {
        let mut parts = self.runs.iter().filter_map(RunHeader::shard);
        if let (Some((old, shard)), Some((new, other))) = (parts.next(), header.shard())
            && ((old.listed, old.list) != (new.listed, new.list) || shard.count() != other.count())
        {
            return Err(Error::OtherList(file.to_owned()));
        }
        self.groups.clear();
        self.finished = self.finished.max(header.finished);
        self.runs.push(header);
        Ok(())
    }

    /// Notes where an endpoint is listed, and returns its number.
    fn list(&mut self, fields: &EndpointFields, file: &Path) -> Result<Result<u32, Reason>, Error> {
        let endpoint = match &fields.endpoint {
            Some(endpoint) => run::endpoint(endpoint),
            None => Err(Reason::Endpoint("endpoint is missing".to_owned())),
        };
        let endpoint = match endpoint {
            Ok(endpoint) => endpoint,
            Err(reason) => return Ok(Err(reason)),
        };
        let next = self.endpoints.len() as u32;
        let number = *self.numbers.entry(endpoint.clone()).or_insert(next);
        if number == next {
            match self.purpose {
                Purpose::Resume { max_hosts } if max_hosts <= next as usize => {
                    return Err(Error::TooMany {
                        file: file.to_owned(),
                        max: max_hosts,
                    });
                }
                _ => {}
            }
            self.endpoints.push((endpoint, None));
            self.results.push((None, 0));
        }
        let labels = self.interner.labels(fields.labels.iter().flatten());
        if labels.is_some() {
            self.endpoints[number as usize].1 = labels;
        }
        let run = self.runs.len() - 1;
        let [first, this] = [*self.asked.get_or_insert(run), run].map(|run| &self.runs[run].method);
        if first != this {
            return Err(Error::Methods {
                file: file.to_owned(),
                methods: [first, this].map(|method| Untrusted::new(method)),
            });
        }
        // Shards divide one list; any other run has a list of its own.
        let is_shard = |run: &RunHeader| run.shard().is_some();
        let list = match is_shard(&self.runs[run]) {
            true => self.runs.iter().position(is_shard).unwrap_or(run),
            false => run,
        };
        self.places.push((list as u32, fields.line, number));
        Ok(Ok(number))
    }

    /// Keeps a result if it is better than what is known: an answer before a failure, then the newer.
    fn keep(&mut self, number: u32, result: SavedResult) -> Result<(), Reason> {
        let result = match result {
            SavedResult::Duplicate => return Ok(()),
            SavedResult::Known(result) => result,
            SavedResult::Group(group, result) => match self.groups.get(&group) {
                Some(answer) => result.map(|()| Answer::Interned(AnswerId(*answer))),
                None => return Err(Reason::NoAnswer(group)),
            },
        };
        let run = self.runs.len() - 1;
        let (known, from) = &mut self.results[number as usize];
        let rank = |result: &EndpointResult<Answer>, run: usize| {
            let certainty = match result.outcome {
                Outcome::Ok { .. } => 2,
                Outcome::Cancelled => 0,
                _ => 1,
            };
            (certainty, self.runs[run].started)
        };
        let is_better = known
            .as_ref()
            .is_none_or(|known| rank(known, *from as usize) <= rank(&result, run));
        if is_better {
            *known = Some(result);
            *from = run as u32;
        }
        Ok(())
    }

    fn intern(&mut self, value: Value) -> u32 {
        let text: Arc<str> = value.to_string().into();
        *self.values.entry(Arc::clone(&text)).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() as u32 - 1
        })
    }

    fn finish(mut self) -> SavedRuns {
        self.numbers = HashMap::new();
        self.places.sort_unstable();
        self.places.dedup();
        let missing = self.missing();
        let part = self.part();
        let is_sharded = self.runs.iter().any(|run| run.shard().is_some());
        let keeps_lines = is_sharded && missing.is_some();
        // An endpoint has its places in the first list that it is in.
        let mut list_of = vec![u32::MAX; self.endpoints.len()];
        self.places.retain(|(list, _, number)| {
            let first = &mut list_of[*number as usize];
            *first = (*first).min(*list);
            *first == *list
        });
        drop(list_of);
        let lines = match keeps_lines {
            true => self.places.iter().map(|(_, line, _)| *line).collect(),
            false => Vec::new(),
        };
        let endpoints = self
            .places
            .iter()
            .map(|(_, _, number)| self.endpoints[*number as usize].clone());
        let hosts = Hosts::saved(endpoints, lines, part);
        self.endpoints = Vec::new();
        let results = self
            .places
            .iter()
            .map(|(_, _, number)| self.results[*number as usize].0.take());
        let known = results.collect();
        let started = self.runs.iter().map(|run| run.started).min();
        let started = started.unwrap_or(SystemTime::UNIX_EPOCH);
        let texts = self.texts;
        let method = self
            .runs
            .into_iter()
            .nth(self.asked.unwrap_or(0))
            .map(|run| run.method);
        SavedRuns {
            saved: Saved::new(hosts, known),
            method: method.unwrap_or_else(|| PROFILE_METHOD.to_owned()),
            values: AnswerValues::new(move |answer| {
                let text = texts.get(answer as usize);
                // It was written from a value.
                text.and_then(|text| serde_json::from_str(text).ok())
                    .unwrap_or_default()
            }),
            started,
            finished: self.finished.unwrap_or(started),
            missing,
        }
    }

    /// What is missing from a whole run.
    fn missing(&self) -> Option<String> {
        let shards: Vec<(&Part, Shard)> = self.runs.iter().filter_map(RunHeader::shard).collect();
        if let Some((part, shard)) = shards.first() {
            let present: BTreeSet<u32> = shards.iter().map(|(_, shard)| shard.index()).collect();
            let absent = (0..shard.count().get()).filter(|index| !present.contains(index));
            let absent: Vec<String> = absent.map(|index| index.to_string()).collect();
            if !absent.is_empty() {
                let (count, names) = (
                    absent.len(),
                    absent[..absent.len().min(MAX_NAMED)].join(", "),
                );
                let more = if count > MAX_NAMED { ", …" } else { "" };
                return Some(format!(
                    "of {} shards {count} are missing: {names}{more}",
                    shard.count()
                ));
            }
            let list = self.runs.iter().position(|run| run.shard().is_some());
            let mut lines: Vec<u32> = (self.places.iter())
                .filter(|(of, ..)| Some(*of as usize) == list)
                .map(|(_, line, _)| *line)
                .collect();
            lines.dedup();
            if lines.len() as u64 != part.listed {
                return Some(format!(
                    "of {} endpoints of the list {} are there",
                    part.listed,
                    lines.len()
                ));
            }
        }
        match self
            .results
            .iter()
            .filter(|(result, _)| result.is_none())
            .count()
        {
            0 => None,
            count => Some(format!(
                "{count} endpoints have no outcome: a run has not come to its end"
            )),
        }
    }

    /// The part that all runs are, to go on with it.
    fn part(&self) -> Option<Part> {
        let first = self.runs.first()?.part?;
        let same = self.runs.iter().all(|run| run.part == Some(first));
        (same && self.purpose != Purpose::Merge).then_some(first)
    }
}

/// Shards that are named where some are missing.
const MAX_NAMED: usize = 20;

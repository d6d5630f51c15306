//! The schema of a method by reflection, from the endpoints that are about to be asked.
//!
//! The first endpoint of the list that gives it is enough, and where it answers at once no other is asked. An endpoint
//! that fails is replaced by the next one. As long as there is no answer, twice as many are asked after each
//! [`ESCALATION`], so that a list that begins with machines that are off costs seconds and not a timeout for each.

use std::{fmt, iter::Peekable, sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic::{Code, metadata::MetadataMap};

use crate::{
    question::reflection_stream::{MAX_MESSAGE, ReflectionStream},
    schema::{
        Error, Method, MethodName,
        reflection::{self, ReflectionError, UnlinkedSchema},
    },
    survey::{
        Config,
        attempt::{Attempt, Client},
        caller::Caller,
        endpoint::Endpoint,
        endpoint_tasks::EndpointTasks,
        hosts::Hosts,
        outcome::Outcome,
        pacing::RateLimit,
        status::code_name,
    },
    untrusted::Untrusted,
};

/// After this time without an answer, twice as many endpoints are asked. Far above the time of a healthy one.
const ESCALATION: Duration = Duration::from_millis(300);

/// How long endpoints that are earlier in the list may still answer after one that is later has.
const GRACE: Duration = Duration::from_millis(500);

/// Most endpoints that are asked at the same time.
const MAX_PARALLEL: usize = 64;

/// Most endpoints whose schema is read at the same time. Each may send one of many megabytes.
const MAX_READERS: usize = 8;

/// How many endpoints that have answered without giving the method are enough. A fleet may begin with many machines
/// that are older than the method, and a misspelled one is to be answered in seconds.
const MAX_WITHOUT: usize = 256;

/// Longest time for the search.
const MAX_SEARCH: Duration = Duration::from_secs(60);

/// Time between two searches while no endpoint is up.
const WAIT_PAUSE: Duration = Duration::from_millis(500);

/// Longest time for one endpoint, in multiples of the time for one call: a schema may take several exchanges.
const MAX_STEPS: u32 = 6;

/// No endpoint has given the method.
#[derive(Debug, thiserror::Error)]
#[error("no schema for {method}: {reason}{}", number_asked(*.asked))]
pub struct NoSchema {
    /// The method, as it was typed.
    method: String,
    /// What one endpoint answered: the most specific one, and of several the first.
    reason: String,
    asked: usize,
    /// Whether none of the endpoints that were asked could be reached.
    pub is_unreachable: bool,
}

fn number_asked(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        count => format!(" ({count} endpoints were asked)"),
    }
}

/// Why an endpoint has not given the method.
#[derive(Debug)]
enum EndpointFailure {
    Unreachable(Outcome<()>),
    TooSlow,
    Reflection(ReflectionError),
}

impl EndpointFailure {
    /// Whether the endpoint has answered about the method, and not only that it cannot do so now.
    fn is_answer(&self) -> bool {
        use Code::{Cancelled, DeadlineExceeded, ResourceExhausted, Unavailable};
        match self {
            Self::Unreachable(_) | Self::TooSlow => false,
            Self::Reflection(ReflectionError::Schema(_)) => true,
            Self::Reflection(ReflectionError::Status(status)) => !matches!(
                status.code(),
                Unavailable | DeadlineExceeded | Cancelled | ResourceExhausted
            ),
        }
    }

    /// Ranks failures by what a user learns from them about the schema.
    fn specificity(&self) -> u8 {
        match self {
            Self::Unreachable(_) => 0,
            Self::TooSlow => 1,
            Self::Reflection(ReflectionError::Status(_)) => 2,
            Self::Reflection(ReflectionError::Schema(_)) => 3,
        }
    }
}

impl fmt::Display for EndpointFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(outcome) => {
                f.write_str(&outcome.name().replace('_', " "))?;
                outcome
                    .detail()
                    .map_or(Ok(()), |detail| write!(f, " ({detail})"))
            }
            Self::TooSlow => f.write_str("its reflection service does not answer"),
            Self::Reflection(ReflectionError::Status(status)) => match status.code() {
                Code::Unimplemented => f.write_str("it has no reflection service"),
                code => {
                    write!(f, "its reflection service failed, {}", code_name(code))?;
                    match status.message() {
                        "" => Ok(()),
                        message => write!(f, ", {}", Untrusted::new(message)),
                    }
                }
            },
            Self::Reflection(ReflectionError::Schema(error)) => error.fmt(f),
        }
    }
}

/// Finds a method by reflection. `metadata` is sent with it; `max_message` is the limit of answers. Where no endpoint is
/// up, it is tried again for up to `config.wait`.
///
/// # Errors
/// No endpoint has given it, within the bounds of this file and `config.deadline`.
pub async fn find_method(
    hosts: &Hosts,
    config: &Config,
    metadata: &MetadataMap,
    max_message: usize,
    name: &MethodName,
) -> Result<Arc<Method>, NoSchema> {
    let start = Instant::now();
    let limit = config.deadline.unwrap_or(Duration::MAX);
    let wait = config.wait.unwrap_or_default().min(limit);
    let mut rate_limit = config.rate.map(|rate| RateLimit::new(rate, start));
    loop {
        let mut search = Search {
            client: Arc::new(Client::new(config)),
            config,
            metadata,
            max_message: max_message.clamp(*MAX_MESSAGE.start(), *MAX_MESSAGE.end()),
            name,
            readers: Arc::new(Semaphore::new(MAX_READERS)),
            linker: Arc::new(Semaphore::new(1)),
            rate_limit: rate_limit.as_mut(),
            tasks: EndpointTasks::default(),
            found: None,
            failures: Vec::new(),
        };
        // What the search has found out by then is in it.
        let left = limit.saturating_sub(start.elapsed());
        let _ = timeout(MAX_SEARCH.min(left), search.run(hosts)).await;
        if let Some((_, method)) = search.found {
            return Ok(method);
        }
        let mut failures = search.failures.iter();
        let is_down = !failures.any(|(_, failure)| failure.is_answer());
        if !is_down || search.failures.is_empty() || start.elapsed() >= wait {
            return Err(search.explain(hosts));
        }
        sleep(WAIT_PAUSE).await;
    }
}

type EndpointResponse = Result<Arc<Method>, EndpointFailure>;

struct Search<'a> {
    client: Arc<Client>,
    config: &'a Config,
    metadata: &'a MetadataMap,
    max_message: usize,
    name: &'a MethodName,
    readers: Arc<Semaphore>,
    /// The permission to link: a schema at the limits takes hundreds of megabytes meanwhile.
    linker: Arc<Semaphore>,
    rate_limit: Option<&'a mut RateLimit>,
    /// The endpoints that are being asked, by their places in the list.
    tasks: EndpointTasks<EndpointResponse>,
    found: Option<(u32, Arc<Method>)>,
    failures: Vec<(u32, EndpointFailure)>,
}

impl Search<'_> {
    async fn run(&mut self, hosts: &Hosts) {
        let is_asked = |index| hosts.duplicate_of(index).is_none() && !hosts.get(index).raw;
        let mut places = (0..hosts.len() as u32)
            .filter(|&place| is_asked(place as usize))
            .peekable();
        let mut parallel = 1;
        let mut step = Instant::now() + ESCALATION;
        loop {
            let paced = self.start_more(hosts, &mut places, parallel);
            // One that is earlier in the list is preferred if it answers soon.
            let first = self.tasks.running().min();
            let is_over = match &self.found {
                Some((found, _)) => first.is_none_or(|first| *found < first),
                None => first.is_none() && paced.is_none(),
            };
            if is_over {
                return;
            }
            tokio::select! {
                biased;
                Some((place, response)) = self.tasks.next() => {
                    let is_first = self.found.is_none();
                    self.take(place, response);
                    if is_first && self.found.is_some() {
                        step = Instant::now() + GRACE;
                    }
                }
                () = sleep_until(paced.map_or(step, |paced| paced.min(step))) => {
                    if Instant::now() < step {
                        continue;
                    }
                    if self.found.is_some() {
                        return;
                    }
                    let most = MAX_PARALLEL.min(self.config.concurrency.get());
                    parallel = (2 * parallel).min(most);
                    step += ESCALATION;
                }
            }
        }
    }

    /// Asks as many endpoints as may be asked now. Returns when the rate allows another one.
    fn start_more(
        &mut self,
        hosts: &Hosts,
        places: &mut Peekable<impl Iterator<Item = u32>>,
        parallel: usize,
    ) -> Option<Instant> {
        let answered = self.failures.iter();
        let without_method = answered.filter(|(_, failure)| failure.is_answer());
        if self.found.is_some() || without_method.count() >= MAX_WITHOUT {
            return None;
        }
        while self.tasks.running().len() < parallel
            && let Some(&place) = places.peek()
        {
            let now = Instant::now();
            if let Some(rate_limit) = &mut self.rate_limit {
                if rate_limit.next > now {
                    return Some(rate_limit.next);
                }
                rate_limit.begin(now);
            }
            places.next();
            self.start(place, hosts.get(place as usize));
        }
        None
    }

    fn take(&mut self, place: u32, response: Option<EndpointResponse>) {
        let panicked = || {
            let attempt = Attempt::panicked();
            Err(EndpointFailure::Unreachable(attempt.conclusion.outcome))
        };
        match response.unwrap_or_else(panicked) {
            Ok(method) => {
                if self.found.as_ref().is_none_or(|(found, _)| place < *found) {
                    self.found = Some((place, method));
                }
            }
            Err(failure) => self.failures.push((place, failure)),
        }
    }

    fn start(&mut self, place: u32, endpoint: Endpoint) {
        let (client, readers) = (Arc::clone(&self.client), Arc::clone(&self.readers));
        let linker = Arc::clone(&self.linker);
        let (name, metadata) = (self.name.clone(), self.metadata.clone());
        let (limit, max_message) = (self.config.max_time, self.max_message);
        self.tasks.start(place, async move {
            let asking = async {
                let caller = Caller::connect(&client, &endpoint, max_message)
                    .await
                    .map_err(EndpointFailure::Unreachable)?;
                let mut stream = ReflectionStream::new(caller, metadata, limit, readers);
                let collected = reflection::collect(&mut stream, &name).await;
                let unlinked = collected.map_err(EndpointFailure::Reflection)?;
                let linked = link(unlinked, name, linker).await;
                linked.map_err(|error| EndpointFailure::Reflection(error.into()))
            };
            let found = timeout(MAX_STEPS * limit, asking).await;
            found.unwrap_or(Err(EndpointFailure::TooSlow))
        });
    }

    fn explain(mut self, hosts: &Hosts) -> NoSchema {
        let running = self.tasks.running().len();
        // Stable, so that of equal ones the first of the list remains the first.
        self.failures
            .sort_by_key(|(place, failure)| (3 - failure.specificity(), *place));
        let mut failures = self.failures.iter();
        let is_unreachable = failures
            .all(|(_, failure)| matches!(failure, EndpointFailure::Unreachable(_)))
            && !self.failures.is_empty();
        let reason = match self.failures.first() {
            Some((place, failure)) => format!("{}: {failure}", hosts.get(*place as usize)),
            None if running == 0 => "there is no endpoint that speaks gRPC".to_owned(),
            None => "no endpoint has answered in time".to_owned(),
        };
        NoSchema {
            method: self.name.to_string(),
            reason,
            asked: self.failures.len() + running,
            is_unreachable,
        }
    }
}

/// Links a schema and finds the method, on a thread where others do not wait for it.
async fn link(
    unlinked: UnlinkedSchema,
    name: MethodName,
    linker: Arc<Semaphore>,
) -> Result<Arc<Method>, Error> {
    // It is never closed.
    let permit = linker.acquire_owned().await;
    let linking = spawn_blocking(move || {
        let _permit = permit;
        unlinked.method(&name)
    });
    let panicked = |_| {
        let reason = Untrusted::new("labrpc failed here; please report it");
        Err(Error::Link(reason))
    };
    linking.await.unwrap_or_else(panicked)
}

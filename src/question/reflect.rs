//! The schema of a method by reflection, from the endpoints that are about to be asked.
//!
//! The first endpoint of the list that gives it is enough, and where it answers at once no other is asked. An endpoint
//! that fails is replaced by the next one. As long as there is no answer, twice as many are asked after each
//! [`ESCALATION`], so that a list that begins with machines that are off costs seconds and not a timeout for each.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use prost::Message as _;
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, Streaming, metadata::MetadataMap};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
};

use crate::{
    schema::{
        Method, MethodName,
        reflection::{self, Exchange, ReflectionError},
    },
    survey::{
        Config, attempt::Client, caller::Caller, endpoint::Endpoint, hosts::Hosts,
        outcome::Outcome, status::code_name,
    },
    untrusted::Untrusted,
};

/// After this time without an answer, twice as many endpoints are asked. Far above the time of a healthy one.
const ESCALATION: Duration = Duration::from_millis(300);

/// How long endpoints that are earlier in the list may still answer after one that is later has.
const GRACE: Duration = Duration::from_millis(500);

/// Most endpoints that are asked at the same time.
const MAX_PARALLEL: usize = 64;

/// How many endpoints that have answered without giving the method are enough.
const MAX_WITHOUT: usize = 16;

/// Longest time for the search.
const MAX_SEARCH: Duration = Duration::from_secs(60);

/// Time between two searches while no endpoint is up.
const WAIT_PAUSE: Duration = Duration::from_millis(500);

/// Longest time for one endpoint, in multiples of the time for one call: a schema may take several exchanges.
const MAX_STEPS: u32 = 6;

/// Largest message that is decoded, unless the limit of answers is higher. No schema is larger than the second.
const MAX_MESSAGE: std::ops::RangeInclusive<usize> = 4 * 1024 * 1024..=16 * 1024 * 1024;

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
    /// Whether the endpoint is up and has answered.
    fn is_answer(&self) -> bool {
        matches!(self, Self::Reflection(_))
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
    loop {
        let mut search = Search {
            client: Arc::new(Client::new(config)),
            config,
            metadata,
            max_message: max_message.clamp(*MAX_MESSAGE.start(), *MAX_MESSAGE.end()),
            name,
            tasks: JoinSet::new(),
            running: BTreeSet::new(),
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
    tasks: JoinSet<(usize, EndpointResponse)>,
    /// The places in the list of the endpoints that are being asked.
    running: BTreeSet<usize>,
    found: Option<(usize, Arc<Method>)>,
    failures: Vec<(usize, EndpointFailure)>,
}

impl Search<'_> {
    async fn run(&mut self, hosts: &Hosts) {
        let mut places = (0..hosts.len())
            .filter(|&place| hosts.duplicate_of(place).is_none() && !hosts.get(place).raw);
        let mut parallel = 1;
        let mut step = Instant::now() + ESCALATION;
        loop {
            let answered_without_method = self
                .failures
                .iter()
                .filter(|(_, failure)| failure.is_answer());
            let may_start = self.found.is_none() && answered_without_method.count() < MAX_WITHOUT;
            while may_start && self.running.len() < parallel {
                let Some(place) = places.next() else { break };
                self.start(place, hosts.get(place));
            }
            // One that is earlier in the list is preferred if it answers soon.
            let first = self.running.first();
            if first.is_none_or(|first| self.found.as_ref().is_some_and(|(found, _)| found < first))
            {
                return;
            }
            tokio::select! {
                biased;
                Some(Ok((place, found))) = self.tasks.join_next() => {
                    self.running.remove(&place);
                    match found {
                        Ok(method) => {
                            if self.found.is_none() {
                                step = Instant::now() + GRACE;
                            }
                            if self.found.as_ref().is_none_or(|(found, _)| place < *found) {
                                self.found = Some((place, method));
                            }
                        }
                        Err(failure) => self.failures.push((place, failure)),
                    }
                }
                () = sleep_until(step) => {
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

    fn start(&mut self, place: usize, endpoint: Endpoint) {
        let (client, name, metadata) = (
            Arc::clone(&self.client),
            self.name.clone(),
            self.metadata.clone(),
        );
        let (limit, max_message) = (self.config.max_time, self.max_message);
        self.running.insert(place);
        self.tasks.spawn(async move {
            let asking = async {
                let caller = Caller::connect(&client, &endpoint, max_message)
                    .await
                    .map_err(EndpointFailure::Unreachable)?;
                let mut service = Service {
                    caller,
                    metadata,
                    path: reflection::V1,
                    has_answered: false,
                    limit,
                    open: None,
                };
                let found = reflection::find_method(&mut service, &name).await;
                found.map_err(EndpointFailure::Reflection)
            };
            let found = timeout(MAX_STEPS * limit, asking).await;
            (place, found.unwrap_or(Err(EndpointFailure::TooSlow)))
        });
    }

    fn explain(mut self, hosts: &Hosts) -> NoSchema {
        // Stable, so that of equal ones the first of the list remains the first.
        self.failures
            .sort_by_key(|(place, failure)| (3 - failure.specificity(), *place));
        let mut failures = self.failures.iter();
        let is_unreachable = failures
            .all(|(_, failure)| matches!(failure, EndpointFailure::Unreachable(_)))
            && !self.failures.is_empty();
        let reason = match self.failures.first() {
            Some((place, failure)) => format!("{}: {failure}", hosts.get(*place)),
            None if self.running.is_empty() => "there is no endpoint that speaks gRPC".to_owned(),
            None => "no endpoint has answered in time".to_owned(),
        };
        NoSchema {
            method: self.name.to_string(),
            reason,
            asked: self.failures.len() + self.running.len(),
            is_unreachable,
        }
    }
}

/// The reflection service of one endpoint, and the stream that is open there.
struct Service {
    caller: Caller,
    metadata: MetadataMap,
    path: &'static str,
    has_answered: bool,
    /// Longest time for one response.
    limit: Duration,
    open: Option<(
        UnboundedSender<ServerReflectionRequest>,
        Streaming<ServerReflectionResponse>,
    )>,
}

impl Exchange for Service {
    async fn exchange(
        &mut self,
        requests: &[MessageRequest],
    ) -> (Vec<ServerReflectionResponse>, Option<Status>) {
        let mut responses = Vec::new();
        loop {
            let Err(status) = self.try_exchange(requests, &mut responses).await else {
                return (responses, None);
            };
            self.open = None;
            let is_missing = status.code() == Code::Unimplemented && !self.has_answered;
            if !is_missing || self.path == reflection::V1_ALPHA {
                return (responses, Some(status));
            }
            self.path = reflection::V1_ALPHA;
        }
    }
}

impl Service {
    async fn try_exchange(
        &mut self,
        requests: &[MessageRequest],
        responses: &mut Vec<ServerReflectionResponse>,
    ) -> Result<(), Status> {
        let (sender, opening) = match self.open.take() {
            Some((sender, stream)) => (sender, Ok(stream)),
            None => {
                let (sender, receiver) = unbounded_channel();
                (sender, Err(receiver))
            }
        };
        for request in requests {
            // A closed channel shows in the stream of the responses.
            let _ = sender.send(ServerReflectionRequest {
                host: String::new(),
                message_request: Some(request.clone()),
            });
        }
        let too_slow = |_| Status::deadline_exceeded("no response in time");
        let mut stream = match opening {
            Ok(stream) => stream,
            // Servers may send headers after the first request only, so that is sent before they are waited for.
            Err(receiver) => {
                let mut call = tonic::Request::new(UnboundedReceiverStream::new(receiver));
                *call.metadata_mut() = self.metadata.clone();
                let stream = self.caller.clone().stream(self.path, call);
                timeout(self.limit, stream).await.map_err(too_slow)??
            }
        };
        let mut size = 0;
        while responses.len() < requests.len() {
            let response = timeout(self.limit, stream.message())
                .await
                .map_err(too_slow)??;
            let response = response.ok_or_else(|| Status::unavailable("the stream has ended"))?;
            self.has_answered = true;
            size += response.encoded_len();
            if size > *MAX_MESSAGE.end() {
                return Err(Status::resource_exhausted("the schema is too large"));
            }
            responses.push(response);
        }
        self.open = Some((sender, stream));
        Ok(())
    }
}

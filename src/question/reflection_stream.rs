//! The exchange with one endpoint's reflection service, in either version.

use std::{sync::Arc, time::Duration};

use prost::Message as _;
use tokio::{
    sync::{
        OwnedSemaphorePermit, Semaphore,
        mpsc::{UnboundedSender, unbounded_channel},
    },
    time::timeout,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, Streaming, metadata::MetadataMap};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use crate::{
    question::redact::redacted,
    schema::reflection::{self, Exchange},
    survey::caller::Caller,
};

/// Largest message that is decoded, unless the limit of answers is higher. No schema is larger than the second.
pub(super) const MAX_MESSAGE: std::ops::RangeInclusive<usize> = 4 * 1024 * 1024..=16 * 1024 * 1024;

/// The reflection service of one endpoint, and the stream that is open there.
pub(super) struct ReflectionStream {
    caller: Caller,
    metadata: MetadataMap,
    path: &'static str,
    has_answered: bool,
    /// Longest time for one response.
    limit: Duration,
    readers: Arc<Semaphore>,
    /// The permission to read, from the first response on: endpoints that do not answer must not keep others from it.
    permit: Option<OwnedSemaphorePermit>,
    open: Option<(
        UnboundedSender<ServerReflectionRequest>,
        Streaming<ServerReflectionResponse>,
    )>,
}

impl Exchange for ReflectionStream {
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
                return (responses, Some(redacted(status, &self.metadata)));
            }
            self.path = reflection::V1_ALPHA;
        }
    }
}

impl ReflectionStream {
    pub(super) fn new(
        caller: Caller,
        metadata: MetadataMap,
        limit: Duration,
        readers: Arc<Semaphore>,
    ) -> Self {
        Self {
            caller,
            metadata,
            path: reflection::V1,
            has_answered: false,
            limit,
            readers,
            permit: None,
            open: None,
        }
    }

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
        if self.permit.is_none() {
            self.permit = Arc::clone(&self.readers).acquire_owned().await.ok();
        }
        let mut size = 0;
        while responses.len() < requests.len() {
            let response = timeout(self.limit, stream.message())
                .await
                .map_err(too_slow)??;
            let response = response.ok_or_else(|| Status::unavailable("the stream has ended"))?;
            self.has_answered = true;
            size += response.encoded_len() + decoded_overhead(&response);
            if size > *MAX_MESSAGE.end() {
                return Err(Status::out_of_range("the schema is too large"));
            }
            responses.push(response);
        }
        self.open = Some((sender, stream));
        Ok(())
    }
}

/// What the files of a response take besides their bytes. An empty one has two of these.
fn decoded_overhead(response: &ServerReflectionResponse) -> usize {
    match &response.message_response {
        Some(MessageResponse::FileDescriptorResponse(files)) => {
            size_of_val(&files.file_descriptor_proto[..])
        }
        _ => 0,
    }
}

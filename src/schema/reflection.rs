//! A schema from server reflection.
//!
//! Servers differ in what they send for a symbol: its file with all imports or alone, the imports in any order, twice,
//! as empty placeholders, or not at all where only options need them. So files are collected until no import is left
//! that the server has, and the linker decides whether what came is enough.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use tonic::Status;
use tonic_reflection::pb::v1::{
    ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use crate::{
    schema::{
        error::{Error, Names},
        files::{Files, MAX_FILES},
        method::{Method, MethodName},
        source::Schema,
    },
    untrusted::Untrusted,
};

/// The method of the service's first version. Both versions have the same messages.
pub const V1: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// The method of the version before it, which many servers still have alone.
pub const V1_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

/// Requests that are sent before their responses are read.
const BATCH: usize = 64;

/// How many streams may end before their last response. Some servers end one with an error for a name that they do
/// not have; the requests behind it are repeated on the next.
const MAX_ENDED_STREAMS: usize = 32;

/// A reflection service, of either version.
pub trait Exchange: Send {
    /// Sends requests on one stream, and returns the responses up to the end of the stream, at most one for each. With
    /// fewer responses there is a status.
    fn exchange(
        &mut self,
        requests: &[MessageRequest],
    ) -> impl Future<Output = (Vec<ServerReflectionResponse>, Option<Status>)> + Send;
}

/// Why a server's reflection does not give a method.
#[derive(Debug, thiserror::Error)]
pub enum ReflectionError {
    /// The call of the reflection service failed.
    #[error("the reflection service failed")]
    Status(Box<Status>),
    /// The schema has no such method, or cannot be used.
    #[error(transparent)]
    Schema(#[from] Error),
}

/// The files of a schema as a server has sent them.
pub struct UnlinkedSchema(Files);

impl UnlinkedSchema {
    /// Links the files, and finds a method in them. With a schema at the limits this takes about a second.
    ///
    /// # Errors
    /// The files cannot be linked, or there is no such method in them.
    pub fn method(self, name: &MethodName) -> Result<Arc<Method>, Error> {
        Schema::link(self.0)?.method(name)
    }
}

/// Collects the files that define a service, with those that they need.
///
/// # Errors
/// [`ReflectionError`]. Each step is bounded in files and bytes, not in time: that is the caller's to do.
pub async fn collect(
    exchange: &mut impl Exchange,
    name: &MethodName,
) -> Result<UnlinkedSchema, ReflectionError> {
    let mut collector = FileCollector {
        exchange,
        files: Files::default(),
        asked: HashSet::new(),
        services: Vec::new(),
        ended_streams: 0,
    };
    collector.find_service(name).await?;
    collector.complete().await?;
    Ok(UnlinkedSchema(collector.files))
}

struct FileCollector<'a, E> {
    exchange: &'a mut E,
    files: Files,
    /// Names of files and symbols: each is asked for once.
    asked: HashSet<String>,
    services: Vec<String>,
    ended_streams: usize,
}

impl<E: Exchange> FileCollector<'_, E> {
    async fn find_service(&mut self, name: &MethodName) -> Result<(), ReflectionError> {
        let MethodName { service, method } = name;
        let symbol = |symbol: String| vec![MessageRequest::FileContainingSymbol(symbol)];
        let ended = self.ask(symbol(service.clone())).await?;
        if self.files.define_service(service) {
            return Ok(());
        }
        // Some servers end the stream for a symbol that they do not have. Others are not there at all.
        let is_answer = |status: &Status| {
            use tonic::Code::{Internal, InvalidArgument, NotFound, Unknown};
            matches!(
                status.code(),
                NotFound | InvalidArgument | Unknown | Internal
            )
        };
        if ended.as_ref().is_none_or(is_answer) {
            let listed = vec![MessageRequest::ListServices(String::new())];
            self.ask(listed).await?;
        }
        if let Some(status) = ended.filter(|_| self.services.is_empty()) {
            return Err(ReflectionError::Status(Box::new(status)));
        }
        if self.services.contains(service) {
            self.ask(symbol(format!("{service}.{method}"))).await?;
            if self.files.define_service(service) {
                return Ok(());
            }
        }
        let error = Error::UnknownService {
            service: Untrusted::new(service),
            known: Names::new(self.services.iter().map(|name| &**name)),
        };
        Err(error.into())
    }

    /// Asks for missing imports by their names, and for missing types by theirs where that does not help.
    async fn complete(&mut self) -> Result<(), Error> {
        while self.ended_streams <= MAX_ENDED_STREAMS {
            let missing = self.files.missing().map(str::to_owned).collect();
            let mut requests = self.unasked(missing, MessageRequest::FileByFilename)?;
            if requests.is_empty() {
                if self.files.missing().next().is_none() {
                    break;
                }
                let types = self.files.undefined_types()?;
                requests = self.unasked(types, MessageRequest::FileContainingSymbol)?;
            }
            if requests.is_empty() {
                break;
            }
            // Its streams may end because of one of the names; the others are still wanted.
            self.ask(requests).await?;
        }
        Ok(())
    }

    fn unasked(
        &mut self,
        names: Vec<String>,
        request: fn(String) -> MessageRequest,
    ) -> Result<Vec<MessageRequest>, Error> {
        let names = names.into_iter();
        let new: Vec<_> = names
            .filter(|name| self.asked.insert(name.clone()))
            .collect();
        if self.asked.len() > 2 * MAX_FILES {
            return Err(Error::TooLarge {
                limit: MAX_FILES,
                what: "files",
            });
        }
        Ok(new.into_iter().map(request).collect())
    }

    /// Sends requests and takes what comes back. Returns the status of the last stream that ended too early.
    async fn ask(&mut self, requests: Vec<MessageRequest>) -> Result<Option<Status>, Error> {
        let mut open = VecDeque::from(requests);
        let mut ended = None;
        while !open.is_empty() && self.ended_streams <= MAX_ENDED_STREAMS {
            let batch: Vec<_> = open.iter().take(BATCH).cloned().collect();
            let (responses, end) = self.exchange.exchange(&batch).await;
            open.drain(..responses.len().min(open.len()));
            for response in responses {
                self.take(response)?;
            }
            if let Some(status) = end {
                // The request that ended it is not repeated.
                open.pop_front();
                self.ended_streams += 1;
                ended = Some(status);
            }
        }
        Ok(ended)
    }

    fn take(&mut self, response: ServerReflectionResponse) -> Result<(), Error> {
        match response.message_response {
            Some(MessageResponse::FileDescriptorResponse(files)) => {
                let mut files = files.file_descriptor_proto.iter();
                files.try_for_each(|file| self.files.add(file))
            }
            Some(MessageResponse::ListServicesResponse(services)) => {
                self.services = services.service.into_iter().map(|s| s.name).collect();
                Ok(())
            }
            // Whether what it refuses is needed shows when the files are linked.
            _ => Ok(()),
        }
    }
}

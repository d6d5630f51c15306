//! Any unary method, whose schema is known at run time.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, Uri};
use tonic::{Status, client::Grpc, metadata::MetadataMap};

use crate::{
    question::{
        answers::{AnswerId, Answers, Interner},
        unary::unary,
    },
    schema::Method,
    survey::{
        question::{InvalidAnswer, Question},
        transport::CallTransport,
    },
};

/// Length of the largest message that is accepted unless another is set.
pub const DEFAULT_MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// Calls a unary method with one request for all endpoints.
///
/// Answers are kept as bytes, each distinct one once. Clones share them.
#[derive(Clone, Debug)]
pub struct AnyMethod {
    /// The method.
    pub method: Arc<Method>,
    /// The encoded request.
    pub request: Bytes,
    /// Sent with each request.
    pub metadata: MetadataMap,
    /// Length of the largest message that is accepted.
    pub max_message: usize,
    /// Whether repeating the call is harmless.
    pub is_idempotent: bool,
    interner: Arc<Interner>,
}

impl AnyMethod {
    /// Without metadata, with [`DEFAULT_MAX_MESSAGE`], and idempotent if the schema of the method declares it.
    #[must_use]
    pub fn new(method: Arc<Method>, request: Bytes) -> Self {
        Self {
            request,
            metadata: MetadataMap::new(),
            max_message: DEFAULT_MAX_MESSAGE,
            is_idempotent: method.is_idempotent(),
            method,
            interner: Arc::default(),
        }
    }

    /// The distinct answers so far.
    #[must_use]
    pub fn answers(&self) -> Answers {
        Answers {
            method: Arc::clone(&self.method),
            distinct: self.interner.distinct(),
        }
    }

    /// The same question for another run, which begins with the `kept` answers alone. Their ids are changed accordingly.
    #[must_use]
    pub fn renewed<'a>(&self, kept: impl IntoIterator<Item = &'a mut AnswerId>) -> Self {
        Self {
            interner: Arc::new(self.interner.renew(kept.into_iter())),
            ..self.clone()
        }
    }
}

impl Question for AnyMethod {
    type Answer = AnswerId;

    async fn call(
        &self,
        transport: CallTransport,
        origin: Uri,
        timeout: Duration,
    ) -> Result<Result<AnswerId, InvalidAnswer>, Status> {
        let (metadata, request) = (self.metadata.clone(), self.request.clone());
        let mut request = tonic::Request::from_parts(metadata, Extensions::new(), request);
        request.set_timeout(timeout);
        let client =
            Grpc::with_origin(transport, origin).max_decoding_message_size(self.max_message);
        let answer = unary(client, self.method.path().clone(), request).await?;
        Ok(self.interner.intern(&self.method, &answer))
    }

    fn max_message(&self) -> usize {
        self.max_message
    }

    fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }
}

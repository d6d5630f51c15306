//! Any unary method, whose schema is known at run time.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Extensions, Uri};
use serde_json::Value;
use tonic::{Status, client::Grpc, metadata::MetadataMap};

use crate::{
    question::{
        answers::{AnswerId, Answers, Interner},
        bytes_codec::BytesCodec,
        redact::redacted,
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
#[derive(Clone)]
pub struct AnyMethod {
    /// The method.
    pub method: Arc<Method>,
    /// The encoded request with the prefix of a gRPC message. The calls share it.
    body: Bytes,
    /// Sent with each request.
    pub metadata: MetadataMap,
    /// Length of the largest message that is accepted.
    pub max_message: usize,
    /// Whether repeating the call is harmless.
    pub is_idempotent: bool,
    interner: Arc<Interner>,
}

/// Without the request and the metadata, which may have secrets.
impl fmt::Debug for AnyMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyMethod")
            .field("method", self.method.path())
            .finish_non_exhaustive()
    }
}

impl AnyMethod {
    /// Asks with an encoded `request`, without metadata, with [`DEFAULT_MAX_MESSAGE`], and as idempotent if the schema
    /// of the method declares it.
    #[must_use]
    pub fn new(method: Arc<Method>, request: Bytes) -> Self {
        let length = (request.len() as u32).to_be_bytes();
        Self {
            body: [&[0], &length[..], &request].concat().into(),
            metadata: MetadataMap::new(),
            max_message: DEFAULT_MAX_MESSAGE,
            is_idempotent: method.is_idempotent(),
            method,
            interner: Arc::default(),
        }
    }

    /// The canonical value of an answer that came; null for an id of another run.
    #[must_use]
    pub fn value(&self, id: AnswerId) -> Value {
        let answer = self.interner.get(id);
        // It was decoded when it came.
        let value = answer.and_then(|bytes| self.method.value(&bytes).ok());
        value.unwrap_or_default()
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
        let mut request = tonic::Request::from_parts(self.metadata.clone(), Extensions::new(), ());
        request.set_timeout(timeout);
        let transport = transport.with_body(self.body.clone());
        let mut client =
            Grpc::with_origin(transport, origin).max_decoding_message_size(self.max_message);
        let ready = client.ready().await;
        ready.map_err(|error| Status::unknown(error.to_string()))?;
        let path = self.method.path().clone();
        let response = client.unary(request, path, BytesCodec).await;
        let response = response.map_err(|status| redacted(status, &self.metadata))?;
        Ok(self.interner.intern(&self.method, response.get_ref()))
    }

    fn max_message(&self) -> usize {
        self.max_message
    }

    fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    #[test]
    fn debug_output_has_neither_request_nor_metadata() {
        let name = "lab.Profile/GetProfile".parse().unwrap();
        let method = Schema::built_in().method(&name).unwrap();
        let mut question = AnyMethod::new(method, Bytes::from_static(b"secret-request"));
        let token = "secret-token".parse().unwrap();
        question.metadata.insert("authorization", token);
        let shown = format!("{question:?}");
        assert!(shown.contains("/lab.Profile/GetProfile"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}

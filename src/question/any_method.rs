//! Any unary method, whose schema is known at run time.

use std::{sync::Arc, time::Duration};

use bytes::{Buf as _, BufMut as _, Bytes};
use http::{Extensions, Uri};
use tonic::{
    Status,
    client::Grpc,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};

use crate::{
    question::answers::{AnswerId, Answers, Interner},
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
        let mut client =
            Grpc::with_origin(transport, origin).max_decoding_message_size(self.max_message);
        let ready = client.ready().await;
        ready.map_err(|error| Status::unknown(error.to_string()))?;
        let path = self.method.path().clone();
        let response = client.unary(request, path, BytesCodec).await?;
        Ok(self.interner.intern(&self.method, response.get_ref()))
    }

    fn max_message(&self) -> usize {
        self.max_message
    }

    fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }
}

/// Passes messages through as bytes.
struct BytesCodec;

impl BytesCodec {
    /// tonic's default is 8 KiB for each direction of each call. A longer message gets what it needs.
    fn buffers() -> BufferSettings {
        BufferSettings::new(512, 32 * 1024)
    }
}

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        Self::buffers()
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }

    fn buffer_settings(&self) -> BufferSettings {
        Self::buffers()
    }
}

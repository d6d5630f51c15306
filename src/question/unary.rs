//! A unary call whose messages stay bytes, because each question decodes answers in a way of its own.

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::survey::transport::CallTransport;

/// Sends the request, and returns the message of the response.
pub(crate) async fn unary(
    mut client: Grpc<CallTransport>,
    path: PathAndQuery,
    request: Request<Bytes>,
) -> Result<Bytes, Status> {
    let ready = client.ready().await;
    ready.map_err(|error| Status::unknown(error.to_string()))?;
    let response = client.unary(request, path, BytesCodec).await?;
    Ok(response.into_inner())
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

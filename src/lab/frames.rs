//! HTTP/2 and gRPC bytes, put together by hand: a misbehaving peer cannot be made of a well-behaved library.
//!
//! Frames are RFC 9113, header blocks RFC 7541 without table or Huffman code, messages the gRPC wire format.

use prost::Message as _;

use crate::{pb::GetProfileResponse, profile::Profile};

/// Frame types.
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
    pub(crate) const UNKNOWN: u8 = 0xfa;
}

pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The one stream that a client opens.
const STREAM: u32 = 1;

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// An empty SETTINGS frame, with which every server begins.
pub(crate) fn settings() -> Vec<u8> {
    frame(kind::SETTINGS, 0, 0, &[])
}

/// RST_STREAM for the call, with an error code.
pub(crate) fn reset(code: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, STREAM, &code.to_be_bytes())
}

/// GOAWAY with the last stream that is answered and an error code.
pub(crate) fn go_away(last: u32, code: u32) -> Vec<u8> {
    let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
    frame(kind::GOAWAY, 0, 0, &payload)
}

/// Adds to the window of the connection.
pub(crate) fn window(add: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, 0, &add.to_be_bytes())
}

/// A header list as a block.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        // Literal without indexing, new name.
        bytes.push(0);
        for text in [name, value] {
            length(&mut bytes, text.len());
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// A string's length as a prefixed integer of 7 bits (RFC 7541, 5.1).
fn length(bytes: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        return bytes.push(length as u8);
    };
    bytes.push(127);
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
}

/// HEADERS with a list, and CONTINUATION where one frame cannot hold it.
pub(crate) fn headers(fields: &[(&str, &str)], flags: u8) -> Vec<u8> {
    const MAX_FRAME: usize = 16_384;
    let block = block(fields);
    let mut chunks = block.chunks(MAX_FRAME).peekable();
    let mut bytes = Vec::new();
    let mut kind = kind::HEADERS;
    let mut flags = flags;
    while let Some(chunk) = chunks.next() {
        let end = if chunks.peek().is_none() {
            END_HEADERS
        } else {
            0
        };
        bytes.extend(frame(kind, flags | end, STREAM, chunk));
        (kind, flags) = (kind::CONTINUATION, 0);
    }
    bytes
}

/// The headers of a gRPC response.
pub(crate) fn response() -> Vec<u8> {
    headers(
        &[(":status", "200"), ("content-type", "application/grpc")],
        0,
    )
}

/// The trailers of a gRPC response.
pub(crate) fn trailers(fields: &[(&str, &str)]) -> Vec<u8> {
    headers(fields, END_STREAM)
}

/// A whole response without a message: headers that are trailers.
pub(crate) fn status(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut all = vec![(":status", "200"), ("content-type", "application/grpc")];
    all.extend(fields);
    trailers(&all)
}

/// DATA with a message that says its own length.
pub(crate) fn message(bytes: &[u8]) -> Vec<u8> {
    prefixed(bytes.len() as u32, bytes)
}

/// DATA with a message that says any length.
pub(crate) fn prefixed(length: u32, bytes: &[u8]) -> Vec<u8> {
    let mut payload = vec![0];
    payload.extend(length.to_be_bytes());
    payload.extend(bytes);
    data(&payload, 0)
}

/// DATA with any bytes.
pub(crate) fn data(payload: &[u8], flags: u8) -> Vec<u8> {
    frame(kind::DATA, flags, STREAM, payload)
}

/// A whole and honest response, SETTINGS included.
pub(crate) fn healthy(person: &Profile) -> Vec<u8> {
    answer(&GetProfileResponse::from(person))
}

/// A whole response with any message.
pub(crate) fn answer(response: &GetProfileResponse) -> Vec<u8> {
    [
        settings(),
        self::response(),
        message(&response.encode_to_vec()),
        trailers(&[("grpc-status", "0")]),
    ]
    .concat()
}

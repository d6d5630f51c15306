//! HTTP/2 and gRPC bytes written by hand, since libraries do not send invalid ones.
//!
//! Frames follow RFC 9113, header blocks RFC 7541 without dynamic table and Huffman code, messages the gRPC wire
//! format.

/// Frame types (RFC 9113, section 6).
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

/// The stream of the client's only call.
const STREAM: u32 = 1;

/// The header fields with which every gRPC response begins.
const RESPONSE_FIELDS: [(&str, &str); 2] =
    [(":status", "200"), ("content-type", "application/grpc")];

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// An empty SETTINGS frame, which a server must send first.
pub(crate) fn settings() -> Vec<u8> {
    frame(kind::SETTINGS, 0, 0, &[])
}

/// RST_STREAM for the call, with an error code.
pub(crate) fn rst_stream(code: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, STREAM, &code.to_be_bytes())
}

/// GOAWAY with the last stream that the server answers, and an error code.
pub(crate) fn go_away(last: u32, code: u32) -> Vec<u8> {
    let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
    frame(kind::GOAWAY, 0, 0, &payload)
}

/// WINDOW_UPDATE for the connection.
pub(crate) fn window_update(add: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, 0, &add.to_be_bytes())
}

/// The header block of a list of fields.
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

/// Appends a string's length as an integer with a 7-bit prefix (RFC 7541, section 5.1).
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

/// HEADERS with a list of fields, and CONTINUATION for what one frame cannot hold.
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
pub(crate) fn response_headers() -> Vec<u8> {
    headers(&RESPONSE_FIELDS, 0)
}

/// The trailers of a gRPC response.
pub(crate) fn trailers(fields: &[(&str, &str)]) -> Vec<u8> {
    headers(fields, END_STREAM)
}

/// A response without a message: the headers are the trailers (`Trailers-Only` in gRPC's specification).
pub(crate) fn trailers_only(fields: &[(&str, &str)]) -> Vec<u8> {
    trailers(&[&RESPONSE_FIELDS, fields].concat())
}

/// DATA with a message and its length.
pub(crate) fn message_frame(message: &[u8]) -> Vec<u8> {
    message_of_length(message.len() as u32, message)
}

/// DATA with a message and any number as its length.
pub(crate) fn message_of_length(length: u32, message: &[u8]) -> Vec<u8> {
    data(&prefixed(length, message), 0)
}

/// A message behind its prefix, with any number as its length.
pub(crate) fn prefixed(length: u32, message: &[u8]) -> Vec<u8> {
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// DATA with any payload.
pub(crate) fn data(payload: &[u8], flags: u8) -> Vec<u8> {
    frame(kind::DATA, flags, STREAM, payload)
}

/// A correct response to a call, from headers to trailers.
pub(crate) fn response(message: &[u8]) -> Vec<u8> {
    [response_headers(), message_frame(message), ok_trailers()].concat()
}

/// All that a server sends on a connection with one call.
pub(crate) fn whole_response(message: &[u8]) -> Vec<u8> {
    [settings(), response(message)].concat()
}

/// A response up to this number of bytes of the frame with the message.
pub(crate) fn truncated(message: &[u8], end: usize) -> Vec<u8> {
    let mut data = message_frame(message);
    data.truncate(end);
    [response_start(), data].concat()
}

/// A response up to the message.
pub(crate) fn response_start() -> Vec<u8> {
    [settings(), response_headers()].concat()
}

/// The trailers of a call that succeeded.
pub(crate) fn ok_trailers() -> Vec<u8> {
    trailers(&[("grpc-status", "0")])
}

/// A header of 4,000 bytes that enters the table, and a thousand references to it of one byte each.
pub(crate) fn hpack_bomb() -> Vec<u8> {
    let mut bytes = vec![0x40];
    bytes.extend(&block(&[("x", &"y".repeat(4_000))])[1..]);
    bytes.resize(bytes.len() + 1_000, 0xbe);
    frame(kind::HEADERS, 4, 1, &bytes)
}

//! A client that writes HTTP/2 frame by frame, including what libraries refuse to send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Frame types (RFC 9113, section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

// Flags; END_STREAM and ACK share a bit.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// One frame as bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of literals without indexing and without Huffman coding (RFC 7541, section 6.2.2).
pub(crate) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(0);
        for text in [name, value] {
            // Lengths below 127 fit into the first byte, longer ones follow in groups of seven bits.
            match u8::try_from(text.len()) {
                Ok(len) if len < 127 => bytes.push(len),
                _ => {
                    bytes.push(127);
                    let mut rest = text.len() - 127;
                    while rest >= 128 {
                        bytes.push((rest % 128) as u8 | 128);
                        rest /= 128;
                    }
                    bytes.push(rest as u8);
                }
            }
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// The headers of a valid call, and those to add.
pub(crate) fn call_headers(more: &[(&str, &str)]) -> Vec<u8> {
    headers_of("/lab.Profile/GetProfile", more)
}

/// The headers of a call of any method.
pub(crate) fn headers_of(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut headers = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "127.0.0.1"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers.extend(more);
    block(&headers)
}

/// Calls without method and path, each of which the server must reset.
pub(crate) fn malformed_calls(count: u32) -> Vec<u8> {
    let block = block(&[(":scheme", "http")]);
    let calls = (0..count).map(|n| frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &block));
    calls.flatten().collect()
}

/// The message of a valid call: empty, uncompressed.
pub(crate) const EMPTY_MESSAGE: &[u8] = &[0; 5];

/// A received frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Whether it is the last one of its stream.
    pub(crate) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// A connection to a server.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    /// Connects, and sends nothing.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Connects from a loopback address of the caller's choice.
    pub(crate) async fn connect_from(source: &str, to: SocketAddr) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0))?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// Connects, sends the preface with these settings, and acknowledges those of the server.
    pub(crate) async fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self::connect(address).await;
        assert!(raw.handshake(settings).await, "closed by the server");
        raw
    }

    /// Sends the preface with these settings, and waits for the server's; false where it closes instead.
    pub(crate) async fn handshake(&mut self, settings: &[(u16, u32)]) -> bool {
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        self.send(&[PREFACE, &frame(SETTINGS, 0, 0, &payload)].concat())
            .await;
        let answered = self
            .until(|frame| frame.kind == SETTINGS && frame.flags & ACK == 0)
            .await
            .is_some();
        self.send(&frame(SETTINGS, ACK, 0, &[])).await;
        answered
    }

    /// Sends bytes. An error is ignored, since reading shows whether the peer has closed.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends a complete valid call with more headers.
    pub(crate) async fn call(&mut self, stream: u32, more: &[(&str, &str)]) {
        let headers = frame(HEADERS, END_HEADERS, stream, &call_headers(more));
        let data = frame(DATA, END_STREAM, stream, EMPTY_MESSAGE);
        self.send(&[headers, data].concat()).await;
    }

    /// The next frame; `None` if the server has closed.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }

    /// Reads up to the first frame that matches; `None` if the server closed before.
    pub(crate) async fn until(&mut self, matches: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if matches(&frame) {
                return Some(frame);
            }
        }
    }

    /// Reads until the server closes, and returns all frames.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}

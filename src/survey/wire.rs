//! The bytes of one attempt: counted, gathered on the way out, told apart on the way in.
//!
//! Both HTTP/2 and the raw reader use a [`Wire`] by reference, so that whoever drives them can look at what
//! came through it afterwards. The peer's first bytes decide its protocol; HTTP/2 sees them only if they are
//! HTTP/2.

use std::{
    io,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    survey::{connect::Stream, outcome::OtherProtocol},
    untrusted::Untrusted,
};

/// Most bytes read from a peer in one attempt. A profile's answer has 200 or so, with all headers.
const MAX_READ: usize = 32 * 1024;

/// How much of an opening is looked at. Nothing that is told apart needs more.
const OPENING: usize = 512;

/// One attempt's connection.
pub(crate) struct Wire(Mutex<Inner>);

struct Inner {
    stream: Stream,
    /// What was written and not yet sent.
    out: Vec<u8>,
    /// Whether a flush sends. Small answers to the peer's frames can wait for the next reason to send.
    sending: bool,
    /// The peer's first bytes, until they were told apart and handed on.
    opening: Vec<u8>,
    protocol: Option<Opening>,
    received: usize,
    end: Option<End>,
}

/// What the first bytes of a peer say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// A SETTINGS frame, with which every HTTP/2 server begins.
    Http2,
    /// A JSON object, as the original exercise's servers send.
    Json,
    /// Something else.
    Other(OtherProtocol),
}

/// Why no more can be read.
#[derive(Debug)]
pub(crate) enum End {
    /// The peer closed.
    Closed,
    /// The peer sent more than any profile needs.
    Full,
    /// The connection failed.
    Failed(io::Error),
}

/// What came through a wire.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What the peer's first bytes were; `None` if there were not enough to tell.
    pub(crate) opening: Option<Opening>,
    /// The first bytes, as far as they were kept.
    pub(crate) excerpt: Untrusted,
    /// Bytes read.
    pub(crate) received: usize,
    /// Why reading ended, if it did.
    pub(crate) end: Option<End>,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self(Mutex::new(Inner {
            stream,
            out: Vec::with_capacity(512),
            sending: false,
            opening: Vec::new(),
            protocol: None,
            received: 0,
            end: None,
        }))
    }

    /// From now on, `true`, each flush sends what was gathered; or, `false`, keeps it.
    pub(crate) fn set_sending(&self, sending: bool) {
        self.inner().sending = sending;
    }

    /// Reads whatever comes next, first bytes included and whatever they are, into `buffer`. Returns whether
    /// there may be more.
    pub(crate) async fn read_raw(&self, buffer: &mut Vec<u8>) -> bool {
        std::future::poll_fn(|cx| {
            let inner = &mut *self.inner();
            if !inner.opening.is_empty() {
                buffer.append(&mut inner.opening);
                return Poll::Ready(inner.end.is_none());
            }
            let mut chunk = [0; OPENING];
            let mut chunk = ReadBuf::new(&mut chunk);
            let more = ready!(inner.poll_fill(cx, &mut chunk));
            buffer.extend_from_slice(chunk.filled());
            Poll::Ready(more)
        })
        .await
    }

    /// What came through so far.
    pub(crate) fn seen(&self) -> Seen {
        let mut inner = self.inner();
        if inner.protocol.is_none() && inner.end.is_some() {
            inner.protocol = last_chance(&inner.opening);
        }
        Seen {
            opening: inner.protocol.clone(),
            excerpt: Untrusted::from_bytes(inner.opening.trim_ascii_end()),
            received: inner.received,
            end: inner.end.take(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Reads more bytes, counted and capped. Returns whether there may be more; if not, `end` says why.
    fn poll_fill(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<bool> {
        let before = buf.filled().len();
        let end = match ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
            Err(error) => End::Failed(error),
            Ok(()) => match buf.filled().len() - before {
                0 => End::Closed,
                read => {
                    self.received += read;
                    if self.received <= MAX_READ {
                        return Poll::Ready(true);
                    }
                    End::Full
                }
            },
        };
        self.end = Some(end);
        Poll::Ready(false)
    }

    /// Reads until the peer's protocol is known or cannot become known.
    fn poll_opening(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.protocol.is_none() {
            let mut chunk = [0; OPENING];
            let mut chunk = ReadBuf::new(&mut chunk);
            let more = ready!(self.poll_fill(cx, &mut chunk));
            self.opening.extend_from_slice(chunk.filled());
            self.protocol = tell(&self.opening);
            if !more {
                break;
            }
        }
        Poll::Ready(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.out.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out)) {
                Ok(sent) if sent > 0 => drop(self.out.drain(..sent)),
                // A peer that no longer listens may still have said something; reading finds out.
                Ok(_) | Err(_) => self.out.clear(),
            }
        }
        // TLS keeps what it has encrypted until it is flushed; an error shows when reading.
        Pin::new(&mut self.stream).poll_flush(cx).map(drop)
    }
}

/// Reading for HTTP/2: an error as soon as the peer is known to speak anything else.
impl AsyncRead for &Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = &mut *self.inner();
        ready!(inner.poll_opening(cx));
        match (&inner.protocol, &inner.end) {
            (Some(Opening::Http2), _) => {}
            (None, Some(End::Closed)) => return Poll::Ready(Ok(())),
            _ => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
        if !inner.opening.is_empty() {
            let count = inner.opening.len().min(buf.remaining());
            buf.put_slice(&inner.opening[..count]);
            inner.opening.drain(..count);
            return Poll::Ready(Ok(()));
        }
        ready!(inner.poll_fill(cx, buf));
        Poll::Ready(match &inner.end {
            Some(End::Full) => Err(io::ErrorKind::InvalidData.into()),
            Some(End::Failed(error)) => Err(error.kind().into()),
            _ => Ok(()),
        })
    }
}

/// Writing for HTTP/2: gathered until a flush that is let through.
impl AsyncWrite for &Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Bounded by what was read, since after the request HTTP/2 only ever answers the peer's frames.
        self.inner().out.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.inner();
        if inner.sending {
            ready!(inner.poll_send(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// The byte order mark of UTF-8, which some editors and libraries put before a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A JSON text without its byte order mark. RFC 8259, section 8.1, forbids to send one and allows to ignore it.
/// Nothing is left while a mark is not there in full.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    match bytes.strip_prefix(MARK) {
        Some(rest) => rest,
        None if MARK.starts_with(bytes) => &[],
        None => bytes,
    }
}

/// Tells an opening apart; `None` while it could still become several things.
fn tell(bytes: &[u8]) -> Option<Opening> {
    // A frame header: 24 bits of length, of which no SETTINGS frame needs the first 8; type 4; no flags.
    const SETTINGS: [Option<u8>; 5] = [Some(0), None, None, Some(4), Some(0)];
    const HTTP1: &[u8] = b"HTTP/1";

    let text = without_mark(bytes).trim_ascii_start();
    let Some(&first) = text.first() else {
        // Nothing yet, or white space or a byte order mark before an object.
        let waiting = bytes.len() < OPENING;
        return (!waiting).then_some(Opening::Other(OtherProtocol::Text));
    };
    let begins = |start: &[u8]| bytes.iter().zip(start).all(|(a, b)| a == b);
    match first {
        b'{' => Some(Opening::Json),
        0 if bytes[0] == 0 => {
            let fits = bytes
                .iter()
                .zip(SETTINGS)
                .all(|(byte, want)| want.is_none_or(|want| want == *byte));
            match fits {
                false => Some(Opening::Other(OtherProtocol::Other)),
                true => (bytes.len() >= SETTINGS.len()).then_some(Opening::Http2),
            }
        }
        0x15 | 0x16 if bytes[0] == first => match bytes.get(1) {
            None => None,
            Some(3) => Some(Opening::Other(OtherProtocol::Tls)),
            Some(_) => Some(Opening::Other(OtherProtocol::Other)),
        },
        b'H' if begins(HTTP1) => {
            (bytes.len() >= HTTP1.len()).then_some(Opening::Other(OtherProtocol::Http1))
        }
        _ => text_or_not(bytes).map(Opening::Other),
    }
}

/// What an opening was that ended before it could be told apart.
fn last_chance(bytes: &[u8]) -> Option<Opening> {
    match bytes.first() {
        None => None,
        // The beginning of a SETTINGS frame or of a TLS record, cut short.
        Some(0 | 0x15 | 0x16) => None,
        Some(_) => Some(Opening::Other(
            text_or_not(bytes).unwrap_or(OtherProtocol::Other),
        )),
    }
}

/// What a peer speaks that should have sent an object.
pub(crate) fn speaks(bytes: &[u8]) -> OtherProtocol {
    match tell(bytes).or_else(|| last_chance(bytes)) {
        Some(Opening::Other(speaks)) => speaks,
        Some(Opening::Http2 | Opening::Json) | None => OtherProtocol::Other,
    }
}

/// Whether bytes are printable; `None` for the beginning of a first character.
fn text_or_not(bytes: &[u8]) -> Option<OtherProtocol> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        // The last character is not there in full.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Some(OtherProtocol::Other),
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n' | '\x1b');
    match text.chars().all(printable) {
        _ if text.is_empty() => None,
        true => Some(OtherProtocol::Text),
        false => Some(OtherProtocol::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: [(&[u8], Opening); 14] = [
        (b"\0\0\0\x04\0\0\0\0\0", Opening::Http2),
        (b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80", Opening::Http2),
        (b"{\"id\":", Opening::Json),
        (b" \r\n\t{", Opening::Json),
        (b"\xef\xbb\xbf {", Opening::Json),
        (b"\xef\xbb\xbfhello", Opening::Other(OtherProtocol::Text)),
        (
            b"HTTP/1.1 400 Bad Request",
            Opening::Other(OtherProtocol::Http1),
        ),
        (
            b"\x15\x03\x01\0\x02\x02\x46",
            Opening::Other(OtherProtocol::Tls),
        ),
        (
            b"\x16\x03\x03\0\x7a\x02",
            Opening::Other(OtherProtocol::Tls),
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            Opening::Other(OtherProtocol::Text),
        ),
        (
            "欢迎光临\r\n".as_bytes(),
            Opening::Other(OtherProtocol::Text),
        ),
        (
            b"\xff\xfd\x18\xff\xfd\x20",
            Opening::Other(OtherProtocol::Other),
        ),
        (
            b"\0\0\x04\x08\0\0\0\0\0",
            Opening::Other(OtherProtocol::Other),
        ),
        (b"\x16\x01\x00\x00", Opening::Other(OtherProtocol::Other)),
    ];

    /// However an opening is cut into reads, it is told apart as the whole is, or not yet.
    #[test]
    fn every_prefix_of_an_opening_is_told_as_the_whole_or_not_at_all() {
        for (bytes, opening) in SAMPLES {
            let mut told = None;
            for end in 0..=bytes.len() {
                match tell(&bytes[..end]) {
                    None => assert_eq!(told, None, "{bytes:?} forgotten at {end}"),
                    Some(other) => told = Some(other),
                }
                assert!(
                    told.is_none() || told == Some(opening.clone()),
                    "{bytes:?} to {end}: {told:?}"
                );
            }
            assert_eq!(told, Some(opening));
        }
    }

    #[test]
    fn an_opening_cut_short_is_what_it_was_so_far() {
        let text = Some(Opening::Other(OtherProtocol::Text));
        for (bytes, opening) in [
            (&b""[..], None),
            (b"\0\0", None),
            (b"\x16", None),
            (b"HTT", text.clone()),
            (b" \n", text),
        ] {
            assert_eq!(tell(bytes), None, "{bytes:?}");
            assert_eq!(last_chance(bytes), opening, "{bytes:?}");
        }
    }

    #[test]
    fn blanks_without_end_are_text() {
        assert_eq!(
            tell(&[b' '; OPENING]),
            Some(Opening::Other(OtherProtocol::Text))
        );
    }

    #[test]
    fn every_first_byte_is_told_apart_or_waited_for() {
        for byte in 0..=u8::MAX {
            let opening = tell(&[byte]).or_else(|| last_chance(&[byte]));
            let waits = matches!(byte, 0 | 0x15 | 0x16);
            assert_eq!(opening.is_none(), waits, "{byte:#x}");
        }
    }
}

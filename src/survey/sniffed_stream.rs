//! The connection of one attempt: reads are counted, limited and sniffed, writes are gathered.
//!
//! HTTP/2 and the raw reader use a [`SniffedStream`] by reference, so that the attempt can look at what was read
//! when they have failed. The peer's first bytes decide its protocol. HTTP/2 gets them only if they are HTTP/2;
//! otherwise they are kept, for the raw reader or as an excerpt for the report.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    survey::{
        attempt_state::AttemptState,
        detect::{Detected, MAX_SNIFFED, detect, detect_at_eof},
        message_memory::WINDOW,
    },
    untrusted::Untrusted,
};

/// A connection of any kind: TCP, a Unix socket, TLS over either.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connected peer of any kind. The one allocation costs less than a copy of the call's code for each kind.
pub(crate) type Stream = Box<dyn Duplex>;

/// One attempt's connection.
pub(crate) struct SniffedStream(Mutex<Inner>);

struct Inner {
    stream: Stream,
    /// What was written and is not sent yet.
    write_buffer: Vec<u8>,
    /// Whether a flush keeps the write buffer instead of sending it.
    corked: bool,
    /// The peer's first bytes, until their protocol is known and its reader has taken them.
    first_bytes: Vec<u8>,
    detected: Option<Detected>,
    received: usize,
    /// Most bytes that are read, as far as the message has come.
    max_read: usize,
    limit: ReadLimit,
    end: Option<ReadEnd>,
}

/// Limits what is read from a peer. The limit grows with the message: a flood of other frames ends as early where large
/// messages are accepted.
#[derive(Debug)]
pub(crate) struct ReadLimit {
    /// Length of the longest message.
    pub(crate) max_message: usize,
    /// Counts what has come of it.
    pub(crate) state: Arc<AttemptState>,
}

impl ReadLimit {
    /// Small frames may double a message, of which a window may come at once; the rest is for settings and headers.
    fn max_read(&self) -> usize {
        let message = self.state.lock().message.saturating_add(WINDOW);
        24 * 1024 + 2 * message.min(self.max_message)
    }
}

/// Why no more can be read.
#[derive(Debug)]
pub(crate) enum ReadEnd {
    /// The peer closed.
    Closed,
    /// The peer sent more than any answer needs.
    LimitReached,
    /// The connection failed.
    Failed(io::Error),
}

/// What was read from a peer.
#[derive(Debug)]
pub(crate) struct ReadSummary {
    /// The peer's protocol; `None` if there were too few bytes.
    pub(crate) detected: Option<Detected>,
    /// The first line of the first bytes, unless a reader has taken them.
    pub(crate) excerpt: Untrusted,
    /// Bytes read.
    pub(crate) received: usize,
    /// Why reading ended, if it did.
    pub(crate) end: Option<ReadEnd>,
}

impl SniffedStream {
    pub(crate) fn new(stream: Stream, limit: ReadLimit) -> Self {
        Self(Mutex::new(Inner {
            stream,
            write_buffer: Vec::with_capacity(512),
            corked: true,
            first_bytes: Vec::new(),
            detected: None,
            received: 0,
            max_read: limit.max_read(),
            limit,
            end: None,
        }))
    }

    /// Makes each flush keep what was written. A new stream is corked.
    pub(crate) fn cork(&self) {
        self.inner().corked = true;
    }

    /// Makes each flush send what was written.
    pub(crate) fn uncork(&self) {
        self.inner().corked = false;
    }

    /// Appends what comes next to `buffer`, beginning with the first bytes, of any protocol. Returns whether there
    /// may be more.
    pub(crate) async fn read_raw(&self, buffer: &mut Vec<u8>) -> bool {
        std::future::poll_fn(|cx| {
            let inner = &mut *self.inner();
            if !inner.first_bytes.is_empty() {
                buffer.append(&mut inner.first_bytes);
                return Poll::Ready(inner.end.is_none());
            }
            let mut chunk = [0; MAX_SNIFFED];
            let mut chunk = ReadBuf::new(&mut chunk);
            let more = ready!(inner.poll_fill(cx, &mut chunk));
            buffer.extend_from_slice(chunk.filled());
            Poll::Ready(more)
        })
        .await
    }

    /// What was read so far. Hands over the reason why reading ended.
    pub(crate) fn summary(&self) -> ReadSummary {
        let mut inner = self.inner();
        if inner.detected.is_none() && inner.end.is_some() {
            inner.detected = detect_at_eof(&inner.first_bytes);
        }
        ReadSummary {
            detected: inner.detected.clone(),
            excerpt: Untrusted::first_line(&inner.first_bytes),
            received: inner.received,
            end: inner.end.take(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Reads more bytes, counted and limited. Returns whether there may be more; if not, `end` has the reason.
    fn poll_fill(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<bool> {
        let before = buf.filled().len();
        let end = match ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
            Err(error) => ReadEnd::Failed(error),
            Ok(()) => match buf.filled().len() - before {
                0 => ReadEnd::Closed,
                read => {
                    self.received += read;
                    if self.received > self.max_read {
                        self.max_read = self.limit.max_read();
                    }
                    if self.received <= self.max_read {
                        return Poll::Ready(true);
                    }
                    ReadEnd::LimitReached
                }
            },
        };
        self.end = Some(end);
        Poll::Ready(false)
    }

    /// Reads until the peer's protocol is known or cannot become known.
    fn poll_detect(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.detected.is_none() {
            let mut chunk = [0; MAX_SNIFFED];
            let mut chunk = ReadBuf::new(&mut chunk);
            let more = ready!(self.poll_fill(cx, &mut chunk));
            self.first_bytes.extend_from_slice(chunk.filled());
            self.detected = detect(&self.first_bytes);
            if !more {
                break;
            }
        }
        Poll::Ready(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.write_buffer.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &self.write_buffer)) {
                Ok(sent) if sent > 0 => drop(self.write_buffer.drain(..sent)),
                // A peer that has stopped reading may have sent an answer before; reading shows it.
                Ok(_) | Err(_) => self.write_buffer.clear(),
            }
        }
        // TLS keeps what it has encrypted until it is flushed; an error shows when reading.
        Pin::new(&mut self.stream).poll_flush(cx).map(drop)
    }
}

/// Reading for HTTP/2: an error as soon as the peer's protocol is known to be another one.
impl AsyncRead for &SniffedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = &mut *self.inner();
        ready!(inner.poll_detect(cx));
        match (&inner.detected, &inner.end) {
            (Some(Detected::Http2), _) => {}
            (None, Some(ReadEnd::Closed)) => return Poll::Ready(Ok(())),
            _ => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
        if !inner.first_bytes.is_empty() {
            let count = inner.first_bytes.len().min(buf.remaining());
            buf.put_slice(&inner.first_bytes[..count]);
            inner.first_bytes.drain(..count);
            return Poll::Ready(Ok(()));
        }
        ready!(inner.poll_fill(cx, buf));
        Poll::Ready(match &inner.end {
            Some(ReadEnd::LimitReached) => Err(io::ErrorKind::InvalidData.into()),
            Some(ReadEnd::Failed(error)) => Err(error.kind().into()),
            _ => Ok(()),
        })
    }
}

/// Writing for HTTP/2: gathered until an uncorked flush.
impl AsyncWrite for &SniffedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let inner = &mut *self.inner();
        // A long request, of which the peer takes less than its window promises.
        if inner.write_buffer.len() > WINDOW {
            ready!(inner.poll_send(cx));
        }
        inner.write_buffer.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.inner();
        if !inner.corked {
            ready!(inner.poll_send(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

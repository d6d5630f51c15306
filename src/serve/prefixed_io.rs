//! The byte stream of a connection, with the bytes that protocol detection has read put back in front.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// The kinds of byte stream that a connection uses.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    // Boxed: a TLS session is thirty times the size of a socket.
    Tls(Box<TlsStream<PrefixedIo>>),
}

impl Transport {
    /// The address that a TCP peer connected to.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            _ => None,
        }
    }
}

/// Reads `prefix` first and then from the transport; writes go straight through.
#[derive(Debug)]
pub(crate) struct PrefixedIo {
    prefix: Bytes,
    transport: Transport,
}

impl PrefixedIo {
    pub(crate) fn new(transport: Transport, prefix: Bytes) -> Self {
        Self { prefix, transport }
    }
}

/// Evaluates an expression with `$stream` pinned, whichever kind it is: all three are `Unpin`.
macro_rules! with_stream {
    ($transport:expr, $stream:ident => $poll:expr) => {
        match $transport {
            Transport::Tcp($stream) => $poll,
            #[cfg(unix)]
            Transport::Unix($stream) => $poll,
            Transport::Tls($stream) => $poll,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        with_stream!(&mut *self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncRead for PrefixedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.transport).poll_read(cx, buf);
        }
        let len = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix[..len]);
        self.prefix.advance(len);
        if self.prefix.is_empty() {
            // An empty `Bytes` would keep the buffer for as long as the connection lives.
            self.prefix = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PrefixedIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        with_stream!(&mut self.transport, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with_stream!(&mut self.transport, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        with_stream!(&self.transport, stream => stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(&mut self.transport, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(&mut self.transport, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

//! HTTP for browsers: the page, and the events that keep it up to date.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::{
    body::{Body, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Sleep, sleep, timeout},
};

use crate::{board::Snapshot, serve::http::same_site};

/// How often an event stream says that it is alive, so that a browser that is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Web {
    pub(crate) latest: watch::Receiver<Snapshot>,
    pub(crate) policy: String,
    pub(crate) host_name: String,
    pub(crate) patience: Duration,
}

type Answer = Response<Either<Full<Bytes>, Events>>;

impl Web {
    /// Answers one request, or sends events until the browser is gone.
    pub(crate) async fn serve(&self, stream: TcpStream) {
        let service = service_fn(|request: Request<Incoming>| {
            let response = self.respond(&request);
            async move { Ok::<_, Infallible>(response) }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience)
            // One request a connection: the cap on connections is then one on browsers.
            .keep_alive(false)
            .max_headers(64)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(Patient::new(stream, self.patience)), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a browser's connection ended");
        }
    }

    fn respond<B>(&self, request: &Request<B>) -> Answer {
        if let Err((status, reason)) = same_site(&self.host_name, request) {
            return self.text(status, reason);
        }
        let path = request.uri().path();
        if !matches!(path, "/" | "/events") {
            return self.text(StatusCode::NOT_FOUND, "nothing here; the board is at /\n");
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = self.text(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET is answered here\n",
            );
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        if path == "/events" && request.method() == Method::GET {
            let events = Events::new(self.latest.clone());
            return self.answer(StatusCode::OK, "text/event-stream", Either::Right(events));
        }
        let page = self.latest.borrow().page.clone();
        self.answer(
            StatusCode::OK,
            "text/html; charset=utf-8",
            Either::Left(Full::new(page)),
        )
    }

    fn text(&self, status: StatusCode, text: &'static str) -> Answer {
        let body = Full::new(Bytes::from_static(text.as_bytes()));
        self.answer(status, "text/plain; charset=utf-8", Either::Left(body))
    }

    fn answer(
        &self,
        status: StatusCode,
        kind: &'static str,
        body: Either<Full<Bytes>, Events>,
    ) -> Answer {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // A frame is what a policy in the page itself cannot forbid.
        let policy = format!("{}; frame-ancestors 'none'", self.policy);
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// The next connection, whatever becomes of those in between.
pub(crate) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut pause = Duration::from_millis(5);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it the page is as good, and later.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            // Out of descriptors: the queue can wait, and a loop that spins helps nobody.
            Err(error) => {
                tracing::warn!(%error, "a browser's connection was not accepted");
                sleep(pause).await;
                pause = (2 * pause).min(Duration::from_secs(1));
            }
        }
    }
}

/// How long a rejected browser may take to send its request and to close.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends the refusal, and reads what the browser sends until it closes.
///
/// To close a socket with unread bytes resets the connection, and the browser may lose the refusal.
pub(crate) async fn reject(mut stream: TcpStream) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
        Content-Type: text/plain\r\nContent-Length: 46\r\n\r\nToo many browsers look at this board already.\n";
    const MAX_REQUEST: u64 = 64 * 1024;
    let reject = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MAX_REQUEST), &mut tokio::io::sink()).await
    };
    // A browser that does not close, or is gone already, gets no more than this.
    let _ = timeout(REJECTION_TIMEOUT, reject).await;
}

/// What is waited for next, and whence what comes then; `None` when the board has ended.
type Next = Pin<Box<dyn Future<Output = Option<(Bytes, watch::Receiver<Snapshot>)>> + Send>>;

/// The body of an event stream: the latest snapshot whenever there is a new one and room for it.
pub(crate) struct Events {
    next: Next,
}

impl Events {
    fn new(mut latest: watch::Receiver<Snapshot>) -> Self {
        // The first event is what there is now: the page may be older, or from another board.
        latest.mark_changed();
        Self {
            next: Box::pin(next(latest)),
        }
    }
}

async fn next(mut latest: watch::Receiver<Snapshot>) -> Option<(Bytes, watch::Receiver<Snapshot>)> {
    let event = tokio::select! {
        changed = latest.changed() => {
            changed.ok()?;
            latest.borrow_and_update().event.clone()
        }
        () = sleep(HEARTBEAT) => Bytes::from_static(b":\n\n"),
    };
    Some((event, latest))
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(ready!(self.next.as_mut().poll(cx)).map(|(event, latest)| {
            self.next = Box::pin(next(latest));
            Ok(Frame::data(event))
        }))
    }
}

/// A connection whose peer must take what it is sent: one that takes nothing for too long is an error.
struct Patient {
    stream: TcpStream,
    patience: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            waiting: None,
        }
    }

    /// Lets a pending write wait no longer than it may.
    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

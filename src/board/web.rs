//! HTTP for browsers: the page, and the events that update it.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::{interval, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tokio_stream::{StreamExt as _, wrappers::WatchStream};

use crate::{
    board::rounds::Snapshot,
    http1::{self, RequestLimits},
};

/// Time between two comments on an event stream without events. Writing them detects a browser that is gone.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Time for a rejected browser to send its request and to close.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(1);

type PageBody = UnsyncBoxBody<Bytes, Infallible>;

/// What every connection needs.
pub(crate) struct Web {
    latest: watch::Receiver<Snapshot>,
    /// The Content-Security-Policy. Always present: our policies are valid as a header.
    policy: Option<HeaderValue>,
    host_name: String,
    timeout: Duration,
}

impl Web {
    pub(crate) fn new(latest: watch::Receiver<Snapshot>, policy: &str, timeout: Duration) -> Self {
        // A page can have the rest of the policy in itself, but cannot forbid frames.
        let policy = HeaderValue::try_from(format!("{policy}; frame-ancestors 'none'"));
        Self {
            latest,
            policy: policy.ok(),
            host_name: http1::host_name(),
            timeout,
        }
    }

    /// Answers one request, or sends events until the browser is gone.
    pub(crate) async fn serve(&self, stream: TcpStream) {
        let limits = RequestLimits {
            timeout: self.timeout,
            // Browsers send the cookies of every server on this host name.
            size: 64 * 1024,
        };
        // hyper bounds the time of a request, but not that of a response.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.timeout));
        http1::serve_one(Box::pin(stream), limits, |request| self.respond(request)).await;
    }

    fn respond<B>(&self, request: &Request<B>) -> Response<PageBody> {
        let rejection = match http1::require_same_site(&self.host_name, request) {
            Err(rejection) => Some(*rejection),
            Ok(()) => {
                http1::wrong_target(request, &["/", "/events"], "not found; the board is at /\n")
            }
        };
        if let Some(rejection) = rejection {
            return rejection.map(Full::boxed_unsync);
        }
        let (content_type, body) =
            if request.uri().path() == "/events" && request.method() == Method::GET {
                ("text/event-stream", self.events())
            } else {
                let page = self.latest.borrow().page.clone();
                ("text/html; charset=utf-8", Full::new(page).boxed_unsync())
            };
        let mut response = http1::response(StatusCode::OK, content_type, body);
        let headers = response.headers_mut();
        let no_referrer = HeaderValue::from_static("no-referrer");
        headers.insert(header::REFERRER_POLICY, no_referrer);
        if let Some(policy) = self.policy.clone() {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }

    /// The latest snapshot whenever the browser has read the one before, and a comment while there is no new one.
    ///
    /// It begins with the current one: the page may be older, or from an earlier board.
    fn events(&self) -> PageBody {
        let events = WatchStream::new(self.latest.clone()).timeout_repeating(interval(HEARTBEAT));
        let frames = events.map(|snapshot| {
            let comment = Bytes::from_static(b":\n\n");
            Ok(Frame::data(
                snapshot.map_or(comment, |snapshot| snapshot.event),
            ))
        });
        StreamBody::new(frames).boxed_unsync()
    }
}

/// Sends a 503, and reads until the browser closes.
///
/// Closing a socket with unread bytes resets the connection, and the browser may lose the response.
pub(crate) async fn reject(mut stream: TcpStream) {
    const RESPONSE: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
        Content-Type: text/plain\r\nContent-Length: 32\r\n\r\nThe board has too many browsers.";
    const MAX_REQUEST: u64 = 64 * 1024;
    let reject = async {
        stream.write_all(RESPONSE).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MAX_REQUEST), &mut tokio::io::sink()).await
    };
    // A browser that is gone, or does not close, needs nothing more.
    let _ = timeout(REJECTION_TIMEOUT, reject).await;
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn event_stream_starts_with_the_current_snapshot_and_sends_heartbeats() {
        let snapshot = |event| Snapshot {
            page: Bytes::new(),
            event: Bytes::from_static(event),
        };
        let (snapshots, latest) = watch::channel(snapshot(b"first"));
        let mut events = Web::new(latest, "", HEARTBEAT).events();
        let mut next = async || {
            let start = Instant::now();
            let frame = events.frame().await.unwrap().unwrap();
            (start.elapsed().as_secs(), frame.into_data().unwrap())
        };
        assert_eq!(next().await, (0, Bytes::from("first")));
        assert_eq!(next().await, (10, Bytes::from(":\n\n")));
        snapshots.send_replace(snapshot(b"skipped"));
        snapshots.send_replace(snapshot(b"latest"));
        assert_eq!(next().await, (0, Bytes::from("latest")));
        assert_eq!(next().await, (10, Bytes::from(":\n\n")));
    }
}

//! A request body that ends in time.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use tokio::time::{Instant, Sleep, sleep_until};

/// The body of a request, which ends at a point in time if its sender does not end it before.
pub(crate) struct Bounded {
    body: Incoming,
    until: Pin<Box<Sleep>>,
}

impl Bounded {
    pub(crate) fn new(body: Incoming, until: Instant) -> Self {
        Self {
            body,
            until: Box::pin(sleep_until(until)),
        }
    }
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let me = self.get_mut();
        if me.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut me.body).poll_frame(cx)
    }
}

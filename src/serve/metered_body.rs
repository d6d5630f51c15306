//! The response body of a streaming call: ends at the deadline, and holds the call's slot until it is sent.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::{Sleep, sleep_until};
use tonic::{Code, Status, body::Body};

use crate::serve::{call_record::CallRecord, slot::Slot};

/// The call ends with the body, but each part of the response holds the slot until it is sent or discarded. So a peer
/// that opens one stream after another and reads nothing cannot make more bytes wait than its slots account for.
pub(crate) struct MeteredBody {
    body: Body,
    record: CallRecord,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl MeteredBody {
    pub(crate) fn new(body: Body, record: CallRecord) -> Self {
        let deadline = record.end_deadline.map(|at| Box::pin(sleep_until(at)));
        Self {
            body,
            record,
            deadline,
        }
    }

    /// The next frame of the body, or the trailers of a call whose deadline has passed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.deadline = None;
            self.body = Body::empty();
            let mut trailers = HeaderMap::new();
            let status = Status::deadline_exceeded("the deadline passed");
            let added = status.add_header(&mut trailers);
            return Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

impl hyper::body::Body for MeteredBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let me = self.get_mut();
        let frame = me.poll(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(code) = frame.trailers_ref().and_then(status_code)
        {
            me.record.code = code;
        }
        let slot = me.record.slot.as_ref();
        frame.map_ok(|frame| {
            frame.map_data(|bytes| match slot {
                Some(slot) => Bytes::from_owner(Unsent::new(&bytes, slot)),
                None => bytes,
            })
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that the connection has not sent yet.
struct Unsent {
    bytes: Box<[u8]>,
    _slot: Slot,
}

impl Unsent {
    /// Copies, because the encoder's buffer may be twice as large as its content.
    fn new(bytes: &[u8], slot: &Slot) -> Self {
        Self {
            bytes: bytes.into(),
            _slot: slot.clone(),
        }
    }
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The status in headers or trailers.
pub(crate) fn status_code(headers: &HeaderMap) -> Option<Code> {
    headers
        .get(Status::GRPC_STATUS)
        .map(|value| Code::from_bytes(value.as_bytes()))
}

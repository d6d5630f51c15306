//! What the server keeps about one gRPC call while it runs.

use std::{sync::Arc, time::Duration};

use http::Request;
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::Code;

use crate::serve::{
    activity::Activity,
    context::ConnectionContext,
    deadline_body::DeadlineBody,
    limiter::Resource,
    limits::YEAR,
    metrics::{RejectReason, ServedMethod, code_name},
    slot::Slot,
};

/// Counts the call as started when made, and as handled when dropped, however it ends.
pub(crate) struct CallRecord {
    pub(crate) context: Arc<ConnectionContext>,
    activity: Arc<Activity>,
    method: ServedMethod,
    started: Instant,
    /// When the response must begin.
    pub(crate) response_deadline: Instant,
    /// When the response must end; absent where it may last as long as the connection.
    pub(crate) end_deadline: Option<Instant>,
    pub(crate) slot: Option<Slot>,
    /// The status that is counted. It stays CANCELLED if the peer goes away.
    pub(crate) code: Code,
}

impl CallRecord {
    pub(crate) fn begin(
        context: &Arc<ConnectionContext>,
        activity: &Arc<Activity>,
        method: ServedMethod,
    ) -> Self {
        activity.begin_call();
        context.server.metrics.count_started(method);
        let started = Instant::now();
        Self {
            context: Arc::clone(context),
            activity: Arc::clone(activity),
            method,
            started,
            response_deadline: started,
            end_deadline: None,
            slot: None,
            code: Code::Cancelled,
        }
    }

    pub(crate) fn is_streaming(&self) -> bool {
        self.method.resource() != Resource::Call
    }

    /// Acquires a slot the first time, and leaves a clone for the driver. False if none is free. Calls that complete
    /// on the first poll need none: answering them is as cheap as rejecting them.
    pub(crate) fn acquire_slot(&mut self) -> bool {
        if self.slot.is_none() {
            self.slot = Slot::acquire(&self.context, self.method.resource(), self.end_deadline);
            match &self.slot {
                Some(slot) => drop(self.activity.replace_slot(Some(slot.clone()))),
                None => self
                    .context
                    .server
                    .metrics
                    .count_rejection(RejectReason::Overload),
            }
        }
        self.slot.is_some()
    }

    /// Sets the deadlines from the caller's timeout, which the server's own limit caps.
    pub(crate) fn set_timeout(&mut self, timeout: Option<Duration>) {
        let limit = self.context.server.config.limits.call;
        self.response_deadline = self.started + timeout.map_or(limit, |timeout| timeout.min(limit));
        self.end_deadline = match self.method {
            // The server's limit is for the request only.
            ServedMethod::HealthWatch => timeout.map(|timeout| self.started + timeout.min(YEAR)),
            _ => Some(self.response_deadline),
        };
    }

    /// Ends the request of a streaming call after its deadline. The task of its service would otherwise wait for the
    /// next message for as long as the peer leaves the stream open.
    pub(crate) fn limit_request(&self, request: Request<Incoming>) -> Request<DeadlineBody> {
        let deadline = self.response_deadline + self.context.server.config.limits.grace;
        request.map(|body| DeadlineBody::new(body, deadline))
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        let now = Instant::now();
        let metrics = &self.context.server.metrics;
        metrics.count_handled(self.method, self.code, now - self.started);
        tracing::debug!(
            peer = self.context.peer_name(),
            method = self.method.name(),
            status = code_name(self.code as usize),
            elapsed = ?now - self.started,
            "call answered"
        );
        self.activity.end_call(now);
    }
}

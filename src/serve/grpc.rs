//! The HTTP/2 connection that carries gRPC calls.
//!
//! The services are tonic's, generated or ready-made; the connection is hyper's and driven here. So every limit is
//! set in one place, the server decides when to send GOAWAY, and cuts a peer that ignores it.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
};

use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_io_timeout::TimeoutWriter;

use crate::serve::{
    activity::Activity,
    bounded_io::{BoundedIo, Turn},
    context::{ConnectionContext, Phase},
    limits::Limits,
    metrics::{CloseReason, RejectReason, ServedProtocol},
    prefixed_io::PrefixedIo,
    router::Router,
    slot::Slot,
};

/// The calls that hyper has read from the connection and that have not been polled yet.
///
/// Most calls complete on the first poll. Polling them here, in the connection's task and one after the other, saves a
/// task for each, and the responses to one read leave in one write. Only pending calls become tasks.
type NewCalls = Mutex<Vec<CallTask>>;

/// A call in hyper's wrapping, which writes the response.
type CallTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Receives new calls from hyper. Each call holds a clone. With a strong reference the calls that a closed connection
/// leaves in the list would keep the list, themselves, and the connection's permit alive.
#[derive(Clone)]
struct CallExecutor(Weak<NewCalls>);

/// Fails once the peer has read nothing for the write timeout: what it leaves unread keeps slots (see `slot`).
type TimedIo = Pin<Box<TimeoutWriter<PrefixedIo>>>;

/// A connection together with its new calls.
struct Driver {
    connection: http2::Connection<TokioIo<BoundedIo<TimedIo>>, Router, CallExecutor>,
    turn: Arc<Turn>,
    new_calls: Arc<NewCalls>,
    activity: Arc<Activity>,
    context: Arc<ConnectionContext>,
}

/// Serves gRPC on one connection to its end.
pub(crate) async fn serve(io: PrefixedIo, context: Arc<ConnectionContext>, tls: bool) {
    let limits = &context.server.config.limits;
    let metrics = &context.server.metrics;
    metrics.count_connection(ServedProtocol::Grpc, tls);
    let activity = Arc::new(Activity::new());
    let mut driver = Driver::new(io, &context, &activity);
    let reason = tokio::select! {
        biased;
        () = driver.run() => return,
        reason = close_reason(context.server.phase.subscribe(), &activity, limits) => reason,
    };
    metrics.count_close(reason);
    // Sends GOAWAY, and ends the connection after its last call.
    Pin::new(&mut driver.connection).graceful_shutdown();
    match reason {
        // The drain timeout is the bound.
        CloseReason::Drain => driver.run().await,
        _ => drop(tokio::time::timeout(limits.grace, driver.run()).await),
    }
}

/// Completes when the server should close the connection.
async fn close_reason(
    mut phase: watch::Receiver<Phase>,
    activity: &Activity,
    limits: &Limits,
) -> CloseReason {
    // A tenth to either side, so that connections made together do not all reconnect together.
    let age = limits.max_age.mul_f64(0.9 + 0.2 * fastrand::f64());
    let old_at = activity.opened_at + age;
    let mut timer = pin!(sleep_until(old_at.min(activity.idle_at(limits.idle))));
    let mut draining = pin!(phase.wait_for(|phase| *phase >= Phase::Draining));
    loop {
        tokio::select! {
            biased;
            _ = &mut draining => return CloseReason::Drain,
            () = &mut timer => {}
        }
        let (now, idle_at) = (Instant::now(), activity.idle_at(limits.idle));
        if now >= old_at {
            return CloseReason::Age;
        }
        if now >= idle_at {
            return CloseReason::Idle;
        }
        timer.as_mut().reset(old_at.min(idle_at));
    }
}

impl Driver {
    fn new(io: PrefixedIo, context: &Arc<ConnectionContext>, activity: &Arc<Activity>) -> Self {
        let limits = &context.server.config.limits;
        let turn = Arc::new(Turn::default());
        let new_calls = Arc::new(NewCalls::default());
        let executor = CallExecutor(Arc::downgrade(&new_calls));
        let mut io = TimeoutWriter::new(io);
        io.set_timeout(Some(limits.write));
        let io = TokioIo::new(BoundedIo::new(Box::pin(io), Arc::clone(&turn)));
        let router = Router::new(Arc::clone(context), Arc::clone(activity));
        Self {
            connection: builder(limits, executor).serve_connection(io, router),
            turn,
            new_calls,
            activity: Arc::clone(activity),
            context: Arc::clone(context),
        }
    }

    /// Drives the connection to its end.
    async fn run(&mut self) {
        let end = poll_fn(|cx| self.poll(cx)).await;
        self.log_end(end);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.turn.begin();
        loop {
            if let Poll::Ready(end) = Pin::new(&mut self.connection).poll(cx) {
                return Poll::Ready(end);
            }
            let calls = std::mem::take(&mut *lock(&self.new_calls));
            if calls.is_empty() {
                return Poll::Pending;
            }
            for mut call in calls {
                let pending = call.as_mut().poll(cx).is_pending();
                let slot = self.activity.replace_slot(None);
                if pending {
                    self.spawn(call, slot);
                }
            }
            // Again, to send the responses.
        }
    }

    /// Spawns a call that is still pending. It waits for its request, and has a slot; or for the peer to read the
    /// response, and takes a slot here. Without a free slot the stream is reset.
    fn spawn(&self, call: CallTask, slot: Option<Slot>) {
        match slot.or_else(|| Slot::for_response(&self.context)) {
            Some(slot) => drop(tokio::spawn(slot.run(call))),
            None => self
                .context
                .server
                .metrics
                .count_rejection(RejectReason::Overload),
        }
    }

    /// Logs the error that the connection ended with, and counts a flood.
    fn log_end(&self, end: hyper::Result<()>) {
        if let Err(error) = end {
            if self.turn.is_flooded() || is_flood(&error) {
                self.context
                    .server
                    .metrics
                    .count_close(CloseReason::EnhanceYourCalm);
            }
            tracing::debug!(%error, "gRPC connection ended");
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for CallExecutor {
    fn execute(&self, call: F) {
        if let Some(new_calls) = self.0.upgrade() {
            lock(&new_calls).push(Box::pin(call));
        }
    }
}

fn lock(new_calls: &NewCalls) -> MutexGuard<'_, Vec<CallTask>> {
    new_calls.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether h2 ended the connection for a flood that it limits itself, such as one of resets.
fn is_flood(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let error = source.and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM)
    })
}

fn builder(limits: &Limits, executor: CallExecutor) -> http2::Builder<CallExecutor> {
    let mut builder = http2::Builder::new(executor);
    builder
        .max_concurrent_streams(limits.calls_per_connection)
        // Against floods of streams that are reset as soon as they are opened (CVE-2023-44487) or by provoked errors
        // (RUSTSEC-2024-0003).
        .max_pending_accept_reset_streams(64)
        .max_local_error_reset_streams(1024)
        // A call's headers take some hundred bytes; h2 limits CONTINUATION frames by this as well.
        .max_header_list_size(8 * 1024)
        .initial_stream_window_size(16 * 1024)
        .initial_connection_window_size(1024 * 1024)
        // For each stream. A profile is some forty bytes; reflection responses are a few KiB.
        .max_send_buf_size(16 * 1024)
        // gRPC does not use it.
        .auto_date_header(false);
    builder
}

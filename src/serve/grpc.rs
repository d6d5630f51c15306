//! The gRPC dialect: the services, and the HTTP/2 connection that carries their calls.
//!
//! The services are tonic's, generated or ready-made; the connection is hyper's, owned here. So every limit is
//! set in one place, GOAWAY is sent when this code says so, and a peer that ignores it is cut.

use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http2};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until};
use tonic::{Status, body::Body};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tower_service::Service as _;

use crate::{
    pb::{
        FILE_DESCRIPTOR_SET, GetProfileRequest, GetProfileResponse,
        profile_server::{self, ProfileServer},
    },
    serve::{
        Phase, Visit,
        bounded::Bounded,
        bounded_io::{BoundedIo, Turn},
        call::{Activity, Call, Reply, Tally, expired, timeout},
        http as http1,
        io::Io,
        limits::Limits,
        metrics::{Cut, Dialect, Method, Refusal},
        slot::Slot,
    },
};

/// Requests here are empty or a service's name; a length that the wire claims is not believed beyond this.
const MAX_MESSAGE: usize = 1024;

/// The answer to every call, asked from the source anew.
struct Owner(Arc<Visit>);

#[tonic::async_trait]
impl profile_server::Profile for Owner {
    async fn get_profile(
        &self,
        _request: tonic::Request<GetProfileRequest>,
    ) -> Result<tonic::Response<GetProfileResponse>, Status> {
        match self.0.server.config.profile.profile(self.0.local) {
            Some(profile) => Ok(tonic::Response::new((&profile).into())),
            None => Err(Status::not_found("nobody sits at this address")),
        }
    }
}

/// A service whose type has no name.
type Unnamed = Box<dyn Fn(Request<Bounded>) -> Reply + Send + Sync>;

/// Both versions of the reflection service.
struct Reflection {
    v1: Unnamed,
    v1alpha: Unnamed,
}

/// The services that all connections of a server share.
pub(crate) struct Services {
    reporter: HealthReporter,
    health: HealthServer<HealthService>,
    reflection: Option<Reflection>,
}

impl Services {
    pub(crate) fn new(reflection: bool) -> Self {
        let reporter = HealthReporter::new();
        let health = HealthService::from_health_reporter(reporter.clone());
        Self {
            reporter,
            health: HealthServer::new(health).max_decoding_message_size(MAX_MESSAGE),
            reflection: reflection.then(Reflection::new),
        }
    }

    /// Sets the health of the server as a whole and of its one service of its own.
    pub(crate) async fn report(&self, status: ServingStatus) {
        for service in ["", profile_server::SERVICE_NAME] {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

impl Reflection {
    fn new() -> Self {
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let valid = "both descriptor sets were compiled with the program";
        let v1 = builder().build_v1().expect(valid);
        let v1 = v1.max_decoding_message_size(MAX_MESSAGE);
        // Some clients, evans among them, speak the older version only.
        let v1alpha = builder().build_v1alpha().expect(valid);
        let v1alpha = v1alpha.max_decoding_message_size(MAX_MESSAGE);
        Self {
            v1: Box::new(move |request| v1.clone().call(request)),
            v1alpha: Box::new(move |request| v1alpha.clone().call(request)),
        }
    }
}

/// The service of one connection.
struct Calls {
    visit: Arc<Visit>,
    profile: ProfileServer<Owner>,
    activity: Arc<Activity>,
}

impl hyper::service::Service<Request<Incoming>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Call;

    fn call(&self, request: Request<Incoming>) -> Call {
        if !is_grpc(&request) {
            return Call::Other(Box::pin(other(Arc::clone(&self.visit), request)));
        }
        let method = Method::of(request.uri().path());
        let mut tally = Tally::begin(&self.visit, &self.activity, method);
        let wanted = match timeout(request.headers()) {
            Ok(wanted) => wanted,
            Err(status) => return tally.refuse(status),
        };
        if wanted.is_some_and(|wanted| wanted.is_zero()) {
            return tally.refuse(expired());
        }
        tally.set_timeout(wanted);
        let services = &self.visit.server.services;
        let reply: Reply = match (method, &services.reflection) {
            (Method::GetProfile, _) => self.profile.clone().call(request),
            (Method::HealthCheck | Method::HealthWatch, _) => services.health.clone().call(request),
            (Method::Reflection, Some(reflection)) => (reflection.v1)(tally.bounded(request)),
            (Method::ReflectionAlpha, Some(reflection)) => {
                (reflection.v1alpha)(tally.bounded(request))
            }
            _ => return tally.refuse(Status::unimplemented(UNKNOWN_METHOD)),
        };
        tally.answer(reply)
    }
}

const UNKNOWN_METHOD: &str = "no such method; this server has lab.Profile/GetProfile";

/// Whether the request is one of gRPC's (PROTOCOL-HTTP2.md, "Requests").
fn is_grpc<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    request.method() == http::Method::POST
        && kind.is_some_and(|kind| {
            kind.as_bytes()
                .strip_prefix(b"application/grpc")
                // grpc-web is another protocol.
                .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
        })
}

/// Answers what is no call: a browser that trusts the certificate speaks HTTP/2 as well.
async fn other(visit: Arc<Visit>, mut request: Request<Incoming>) -> Response<Body> {
    // The request is heard out, as far as it is a modest one: what is wrong with its end is said then.
    let hear_out = async {
        let mut heard = 0;
        while let Some(Ok(frame)) = request.body_mut().frame().await {
            heard += frame.data_ref().map_or(0, Bytes::len);
            if heard > MAX_MESSAGE {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(visit.server.config.limits.handshake, hear_out).await;
    if visit.server.config.accept.http {
        return http1::respond(&visit, &request).map(Body::new);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

/// The calls that hyper has taken from the connection and that have not been looked at yet.
///
/// Most calls are answered the first time they are looked at. Running them here, in the connection's task and
/// in one go, saves a task for each and lets the responses of one read leave in one write; only what has to
/// wait becomes a task of its own.
type Fresh = Mutex<Vec<Task>>;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where hyper puts new calls. Every call holds one of these: were it more than weak, the calls that a
/// connection leaves behind would keep each other alive, and its permit with them.
#[derive(Clone)]
struct Queue(Weak<Fresh>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Queue {
    fn execute(&self, call: F) {
        if let Some(fresh) = self.0.upgrade() {
            lock(&fresh).push(Box::pin(call));
        }
    }
}

fn lock(fresh: &Fresh) -> std::sync::MutexGuard<'_, Vec<Task>> {
    fresh.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection together with the calls that came in on it.
struct Driver {
    connection: http2::Connection<TokioIo<BoundedIo<Io>>, Calls, Queue>,
    turn: Arc<Turn>,
    fresh: Arc<Fresh>,
    activity: Arc<Activity>,
    visit: Arc<Visit>,
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.turn.begin();
        loop {
            if let Poll::Ready(end) = Pin::new(&mut self.connection).poll(cx) {
                return Poll::Ready(end);
            }
            let calls = std::mem::take(&mut *lock(&self.fresh));
            if calls.is_empty() {
                return Poll::Pending;
            }
            for mut call in calls {
                let pending = call.as_mut().poll(cx).is_pending();
                let slot = self.activity.take_slot();
                if pending {
                    self.keep(call, slot);
                }
            }
            // Once more, to send what they answered.
        }
    }

    /// Makes a call that is not over a task of its own. It may wait for its request and has taken a slot for that,
    /// or it is answered and the peer does not take the answer: what then finds no slot is reset.
    fn keep(&self, call: Task, slot: Option<Slot>) {
        match slot.or_else(|| Slot::of_answer(&self.visit)) {
            Some(slot) => drop(tokio::spawn(slot.hold(call))),
            None => self.visit.server.metrics.refusal(Refusal::Overload),
        }
    }

    /// Logs the error that a connection ended with, and counts a flood.
    fn ended(&self, end: hyper::Result<()>) {
        if let Err(error) = end {
            if self.turn.is_flooded() || is_flood(&error) {
                self.visit.server.metrics.cut(Cut::EnhanceYourCalm);
            }
            tracing::debug!(%error, "a gRPC connection ended");
        }
    }
}

/// Serves gRPC on one connection until either side has had enough.
pub(crate) async fn serve(io: Io, visit: Arc<Visit>, tls: bool) {
    let limits = &visit.server.config.limits;
    let metrics = &visit.server.metrics;
    metrics.connection(Dialect::Grpc, tls);
    let mut phase = visit.server.phase.subscribe();
    let activity = Arc::new(Activity::new());
    let fresh = Arc::new(Fresh::default());
    let calls = Calls {
        profile: ProfileServer::new(Owner(Arc::clone(&visit)))
            .max_decoding_message_size(MAX_MESSAGE),
        activity: Arc::clone(&activity),
        visit: Arc::clone(&visit),
    };
    let queue = Queue(Arc::downgrade(&fresh));
    let turn = Arc::new(Turn::default());
    let io = TokioIo::new(BoundedIo::new(io, Arc::clone(&turn)));
    let mut driver = Driver {
        connection: builder(limits, queue).serve_connection(io, calls),
        turn,
        fresh,
        activity: Arc::clone(&activity),
        visit: Arc::clone(&visit),
    };

    // A tenth to either side, so that connections made together do not all come back together.
    let age = limits.age.mul_f64(0.9 + 0.2 * fastrand::f64());
    let old_at = activity.born + age;
    let mut timer = pin!(sleep_until(old_at.min(activity.idle_at(limits.idle))));
    let reason = loop {
        tokio::select! {
            biased;
            end = std::future::poll_fn(|cx| driver.poll(cx)) => return driver.ended(end),
            _ = phase.wait_for(|phase| *phase >= Phase::Draining) => break Cut::Drain,
            () = &mut timer => {
                let (now, idle_at) = (Instant::now(), activity.idle_at(limits.idle));
                if now >= old_at {
                    break Cut::Age;
                }
                if now >= idle_at {
                    break Cut::Idle;
                }
                timer.as_mut().reset(old_at.min(idle_at));
            }
        }
    };

    metrics.cut(reason);
    Pin::new(&mut driver.connection).graceful_shutdown();
    let rest = async {
        let end = std::future::poll_fn(|cx| driver.poll(cx)).await;
        driver.ended(end);
    };
    match reason {
        // The drain has its own bound, after which every connection is cut.
        Cut::Drain => rest.await,
        _ => drop(tokio::time::timeout(limits.grace, rest).await),
    }
}

/// Whether h2 ended the connection for a flood that it limits itself, such as one of resets.
fn is_flood(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let error = source.and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM)
    })
}

fn builder(limits: &Limits, queue: Queue) -> http2::Builder<Queue> {
    let mut builder = http2::Builder::new(queue);
    builder
        .max_concurrent_streams(limits.calls_per_connection)
        // Guards against floods of streams that are reset as soon as they are opened (CVE-2023-44487) or by
        // provoked errors (RUSTSEC-2024-0003).
        .max_pending_accept_reset_streams(64)
        .max_local_error_reset_streams(1024)
        // A call's headers take some hundred bytes; h2 bounds CONTINUATION frames by this as well.
        .max_header_list_size(8 * 1024)
        .initial_stream_window_size(16 * 1024)
        .initial_connection_window_size(1024 * 1024)
        // For each stream. An answer is some forty bytes; those of reflection are a few KiB.
        .max_send_buf_size(16 * 1024)
        // gRPC has no use for it.
        .auto_date_header(false);
    builder
}

//! The gRPC dialect: calls, and the HTTP/2 connection that carries them.
//!
//! The services are tonic's, generated or ready-made; the connection is hyper's, owned here. So every limit is
//! set in one place, GOAWAY is sent when this code says so, and a peer that ignores it is cut.

use std::{
    convert::Infallible,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http2,
};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Code, Status, body::Body};
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
        Phase, Visit, http as http1,
        io::Io,
        limits::Limits,
        metrics::{Cut, Dialect, Method, Refusal},
    },
};

/// Requests here are empty or a service's name; a length that the wire claims is not believed beyond this.
const MAX_MESSAGE: usize = 1024;

/// What a shed caller is asked to wait before it tries again, in milliseconds.
const PUSHBACK_MS: HeaderValue = HeaderValue::from_static("1000");

/// The answer to every call, asked from the source anew.
struct Owner(Arc<Visit>);

#[tonic::async_trait]
impl profile_server::Profile for Owner {
    async fn get_profile(
        &self,
        _request: tonic::Request<GetProfileRequest>,
    ) -> Result<tonic::Response<GetProfileResponse>, Status> {
        match self.0.server.config.profile.answer(self.0.local) {
            Some(answer) => Ok(tonic::Response::new(answer.response.clone())),
            None => Err(Status::not_found("nobody sits at this address")),
        }
    }
}

/// A service whose type has no name.
type Unnamed = Box<dyn Fn(Request<Incoming>) -> Reply + Send + Sync>;

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

/// What one connection is doing, for its idle limit.
struct Activity {
    born: Instant,
    running: AtomicUsize,
    /// When the last call began or ended, in milliseconds after `born`.
    last: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self {
            born: Instant::now(),
            running: AtomicUsize::new(0),
            last: AtomicU64::new(0),
        }
    }

    fn touch(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.born).as_millis();
        self.last
            .store(u64::try_from(millis).unwrap_or(u64::MAX), Relaxed);
    }

    /// When the connection will have been idle for `limit` if nothing happens until then.
    fn idle_at(&self, limit: Duration) -> Instant {
        let since = if self.running.load(Relaxed) > 0 {
            Instant::now()
        } else {
            self.born + Duration::from_millis(self.last.load(Relaxed))
        };
        since + limit
    }
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
        let tally = Tally::begin(&self.visit, &self.activity, method);
        let limits = self.visit.server.gate.limits();
        let deadline = match timeout(request.headers()) {
            Ok(wanted) => wanted.map_or(limits.call, |wanted| wanted.min(limits.call)),
            Err(status) => return tally.refuse(status),
        };
        if deadline.is_zero() {
            return tally.refuse(expired());
        }
        let services = &self.visit.server.services;
        let reply: Reply = match (method, &services.reflection) {
            (Method::GetProfile, _) => self.profile.clone().call(request),
            (Method::HealthCheck | Method::HealthWatch, _) => services.health.clone().call(request),
            (Method::Reflection, Some(reflection)) => (reflection.v1)(request),
            (Method::ReflectionAlpha, Some(reflection)) => (reflection.v1alpha)(request),
            _ => return tally.refuse(Status::unimplemented(UNKNOWN_METHOD)),
        };
        let at = tally.started + deadline;
        Call::Running(Box::new(Running {
            reply,
            tally: Some(tally),
            deadline: Deadline::At(at),
        }))
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
    let _ = tokio::time::timeout(visit.server.gate.limits().handshake, hear_out).await;
    if visit.server.config.accept.http {
        return http1::respond(&visit, &request).map(Body::new);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

/// The answer to a call that is one too many, with the time after which to try again (gRFC A6).
fn shed() -> Response<Body> {
    let status = Status::resource_exhausted("the server is answering too many calls");
    let mut response = status.into_http();
    let headers = response.headers_mut();
    headers.insert("grpc-retry-pushback-ms", PUSHBACK_MS);
    response
}

fn expired() -> Status {
    Status::deadline_exceeded("the deadline passed before the whole request had come")
}

/// The timeout that the caller sent: 1 to 8 digits and a unit (PROTOCOL-HTTP2.md, "Timeout").
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let parse = |text: &[u8]| {
        let (unit, digits) = text.split_last()?;
        if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number: u64 = str::from_utf8(digits).ok()?.parse().ok()?;
        Some(match unit {
            b'H' => Duration::from_secs(number * 3600),
            b'M' => Duration::from_secs(number * 60),
            b'S' => Duration::from_secs(number),
            b'm' => Duration::from_millis(number),
            b'u' => Duration::from_micros(number),
            b'n' => Duration::from_nanos(number),
            _ => return None,
        })
    };
    parse(value.as_bytes()).map(Some).ok_or_else(|| {
        Status::invalid_argument("grpc-timeout is not 1 to 8 digits and one of H M S m u n")
    })
}

/// One call's entry in the books: counted in when made, out when dropped, whatever happens in between.
struct Tally {
    visit: Arc<Visit>,
    activity: Arc<Activity>,
    method: Method,
    started: Instant,
    waits: bool,
    // A caller that goes away leaves this value in place.
    code: Code,
}

impl Tally {
    fn begin(visit: &Arc<Visit>, activity: &Arc<Activity>, method: Method) -> Self {
        activity.running.fetch_add(1, Relaxed);
        Self {
            visit: Arc::clone(visit),
            activity: Arc::clone(activity),
            method,
            started: Instant::now(),
            waits: false,
            code: Code::Cancelled,
        }
    }

    /// Takes the permit that a call needs as soon as it has to wait. One that is answered at once holds
    /// nothing, and to answer it costs no more than to shed it.
    fn wait(&mut self) -> bool {
        if !self.waits {
            let metrics = &self.visit.server.metrics;
            self.waits = self.visit.permit.begin_call();
            if self.waits {
                metrics.waits(self.method);
            } else {
                metrics.refusal(Refusal::Overload);
            }
        }
        self.waits
    }

    fn refuse(mut self, status: Status) -> Call {
        self.code = status.code();
        Call::Done(Some(status.into_http()))
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let now = Instant::now();
        let metrics = &self.visit.server.metrics;
        metrics.handled(self.method, self.code, now - self.started);
        if self.waits {
            metrics.waited(self.method);
            self.visit.permit.end_call();
        }
        self.activity.touch(now);
        self.activity.running.fetch_sub(1, Relaxed);
    }
}

type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// The response to one request, under its deadline and with its panics caught.
enum Call {
    Done(Option<Response<Body>>),
    Running(Box<Running>),
    Other(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

struct Running {
    reply: Reply,
    tally: Option<Tally>,
    deadline: Deadline,
}

/// A timer that is set only once it is clear that the call must wait at all.
enum Deadline {
    At(Instant),
    Set(Pin<Box<Sleep>>),
}

impl Future for Call {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Done(response) => {
                let response = response
                    .take()
                    .expect("a future is not polled after it ended");
                Poll::Ready(Ok(response))
            }
            Self::Running(running) => running.poll(cx).map(Ok),
            Self::Other(response) => response.as_mut().poll(cx).map(Ok),
        }
    }
}

impl Running {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        // The handler is never polled again after a panic, so nothing sees what it left half done.
        let reply = catch_unwind(AssertUnwindSafe(|| self.reply.as_mut().poll(cx)));
        let response = match reply {
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Pending) => {
                if self.poll_deadline(cx).is_ready() {
                    expired().into_http()
                } else if self.tally.as_mut().is_some_and(Tally::wait) {
                    return Poll::Pending;
                } else {
                    shed()
                }
            }
            Err(_) => {
                if let Some(tally) = &self.tally {
                    tally.visit.server.metrics.panic();
                }
                Status::internal("the handler failed; the server's log says why").into_http()
            }
        };
        Poll::Ready(self.conclude(response))
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Deadline::At(at) = self.deadline {
            self.deadline = Deadline::Set(Box::pin(sleep_until(at)));
        }
        match &mut self.deadline {
            Deadline::Set(sleep) => sleep.as_mut().poll(cx),
            Deadline::At(_) => Poll::Pending,
        }
    }

    /// Books the response. That of a stream counts once its last message is out.
    fn conclude(&mut self, response: Response<Body>) -> Response<Body> {
        let Some(mut tally) = self.tally.take() else {
            return response;
        };
        let code = code(response.headers());
        if code.is_none() && tally.method.is_stream() {
            if tally.wait() {
                return response.map(|body| Body::new(Observed { body, tally }));
            }
            tally.code = Code::ResourceExhausted;
            return shed();
        }
        // The one message of a unary call is encoded without fail: its trailers will say OK.
        tally.code = code.unwrap_or(Code::Ok);
        response
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers
        .get(Status::GRPC_STATUS)
        .map(|value| Code::from_bytes(value.as_bytes()))
}

/// The messages of a streaming call, whose end closes its entry in the books.
struct Observed {
    body: Body,
    tally: Tally,
}

impl hyper::body::Body for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let me = self.get_mut();
        let frame = Pin::new(&mut me.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(code) = frame.trailers_ref().and_then(code)
        {
            me.tally.code = code;
        }
        frame
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The calls that hyper has taken from the connection and that have not been looked at yet.
///
/// Most calls are answered the first time they are looked at. Running them here, in the connection's task and
/// in one go, saves a task for each and lets the responses of one read leave in one write; only what has to
/// wait becomes a task of its own.
#[derive(Clone, Default)]
struct Fresh(Arc<Mutex<Vec<Task>>>);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Fresh {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Fresh {
    fn execute(&self, call: F) {
        self.lock().push(Box::pin(call));
    }
}

/// A connection together with the calls that came in on it.
struct Driver {
    connection: http2::Connection<TokioIo<Io>, Calls, Fresh>,
    fresh: Fresh,
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        loop {
            if let Poll::Ready(end) = Pin::new(&mut self.connection).poll(cx) {
                return Poll::Ready(end);
            }
            let calls = std::mem::take(&mut *self.fresh.lock());
            if calls.is_empty() {
                return Poll::Pending;
            }
            for mut call in calls {
                if call.as_mut().poll(cx).is_pending() {
                    tokio::spawn(call);
                }
            }
            // Once more, to send what they answered.
        }
    }
}

/// Serves gRPC on one connection until either side has had enough.
pub(crate) async fn serve(io: Io, visit: Arc<Visit>, tls: bool) {
    let limits = visit.server.gate.limits();
    let metrics = &visit.server.metrics;
    metrics.connection(Dialect::Grpc, tls);
    let mut phase = visit.server.phase.subscribe();
    let activity = Arc::new(Activity::new());
    let fresh = Fresh::default();
    let calls = Calls {
        profile: ProfileServer::new(Owner(Arc::clone(&visit)))
            .max_decoding_message_size(MAX_MESSAGE),
        activity: Arc::clone(&activity),
        visit: Arc::clone(&visit),
    };
    let mut driver = Driver {
        connection: builder(limits, fresh.clone()).serve_connection(TokioIo::new(io), calls),
        fresh,
    };

    // A tenth to either side, so that connections made together do not all come back together.
    let age = limits.age.mul_f64(0.9 + 0.2 * fastrand::f64());
    let old_at = activity.born + age;
    let mut timer = pin!(sleep_until(old_at.min(activity.idle_at(limits.idle))));
    let reason = loop {
        tokio::select! {
            biased;
            end = std::future::poll_fn(|cx| driver.poll(cx)) => return ended(end),
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
    let rest = std::future::poll_fn(|cx| driver.poll(cx));
    match reason {
        // The drain has its own bound, after which every connection is cut.
        Cut::Drain => ended(rest.await),
        Cut::Age | Cut::Idle => {
            let _ = tokio::time::timeout(limits.grace, rest).await.map(ended);
        }
    }
}

fn ended(end: hyper::Result<()>) {
    if let Err(error) = end {
        tracing::debug!(%error, "a gRPC connection ended");
    }
}

fn builder(limits: &Limits, fresh: Fresh) -> http2::Builder<Fresh> {
    let mut builder = http2::Builder::new(fresh);
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
        .max_send_buf_size(64 * 1024)
        // gRPC has no use for it.
        .auto_date_header(false);
    builder
}

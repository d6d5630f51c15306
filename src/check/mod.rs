//! One server examined: a fixed list of checks, each passed, failed or not possible, with what to do about it.
//!
//! The checks ask as a stranger would, over connections of their own, so that one that upsets the server does
//! not spoil the next. What the survey can tell (is it there, what does it speak, is the profile good) it tells
//! here as well; what it never asks (health, reflection, deadlines, bad manners) is asked over the same kind of
//! connection.

mod caller;
mod contract;

use std::{collections::BTreeMap, fmt, time::Duration};

use http::{Method, Request};
use http_body_util::{BodyExt as _, Limited};
use prost::Message as _;
use prost_types::FileDescriptorProto;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{v1, v1alpha};

use crate::{
    check::caller::Caller,
    profile::Profile,
    survey::{
        self, Config,
        attempt::Asker,
        endpoint::Endpoint,
        outcome::{Answer, Dialect, Outcome, Stage, code_name},
    },
    untrusted::Untrusted,
};

/// How many callers ask at once: a room.
const CALLERS: usize = 40;

/// The deadline of a call that can never be complete. A server on the other side of the world has heard of it
/// by then.
const DEADLINE: Duration = Duration::from_millis(500);

/// How long after that the call must have ended: a server's timers need not be exact.
const GRACE: Duration = Duration::from_secs(3);

/// How long a server may take to close a connection after its caller has.
const PARTING: Duration = Duration::from_millis(250);

/// Largest message that is decoded. A description of a service with all its comments has some ten kilobytes.
const MAX_MESSAGE: usize = 256 * 1024;

/// The service that is examined.
const SERVICE: &str = "lab.Profile";

/// What is checked, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// A connection can be made.
    Reachable,
    /// HTTP/2 is spoken: the answer to the preface is a SETTINGS frame.
    Preface,
    /// `GetProfile` gives a valid profile.
    Data,
    /// The health service says that server and service are serving.
    Health,
    /// Reflection, version 1.
    ReflectionV1,
    /// Reflection, version 1alpha, which older tools speak.
    ReflectionV1Alpha,
    /// The description of the service is that of the room's contract.
    Descriptor,
    /// A method that does not exist is UNIMPLEMENTED.
    UnknownMethod,
    /// A call that cannot be completed ends at its deadline.
    Deadline,
    /// Forty callers at the same time are all answered.
    Callers,
    /// A caller that breaks off in the middle of a request does no harm.
    Cut,
}

/// One check's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What was checked.
    pub name: Name,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// As it should be; what was seen.
    Pass(String),
    /// Not as it should be.
    Fail {
        /// What was seen.
        seen: String,
        /// What to do about it.
        advice: String,
    },
    /// Could not be checked, and why.
    Skip(&'static str),
}

impl Verdict {
    fn fail(seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Fail {
            seen: seen.into(),
            advice: advice.into(),
        }
    }

    /// Whether something must be done.
    #[must_use]
    pub fn is_fail(&self) -> bool {
        matches!(self, Self::Fail { .. })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reachable => "reachable",
            Self::Preface => "speaks HTTP/2",
            Self::Data => "data valid",
            Self::Health => "health",
            Self::ReflectionV1 => "reflection v1",
            Self::ReflectionV1Alpha => "reflection v1alpha",
            Self::Descriptor => "descriptor",
            Self::UnknownMethod => "unknown method",
            Self::Deadline => "deadline honoured",
            Self::Callers => "forty callers at once",
            Self::Cut => "survives a cut",
        })
    }
}

/// One line: the verdict, the check, what was seen, and what to do.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, verdict } = self;
        match verdict {
            Verdict::Pass(seen) => write!(f, "pass  {name:21}  {seen}"),
            Verdict::Fail { seen, advice } => write!(f, "FAIL  {name:21}  {seen}; {advice}"),
            Verdict::Skip(reason) => write!(f, "skip  {name:21}  {reason}"),
        }
    }
}

/// Examines the server at an endpoint. `observe` is called with each check as it is done.
///
/// It takes some seconds: a server that does not honour deadlines is waited for.
pub async fn run(
    endpoint: &Endpoint,
    config: &Config,
    mut observe: impl FnMut(&Check),
) -> Vec<Check> {
    let config = Config {
        // What fails once shall be seen to fail.
        retries: 0,
        wait: None,
        ..config.clone()
    };
    let server = Server {
        endpoint,
        asker: Asker::new(&config),
        config,
    };
    let mut checks = Vec::new();
    let mut note = |name, verdict| {
        let check = Check { name, verdict };
        observe(&check);
        let passed = matches!(check.verdict, Verdict::Pass(_));
        checks.push(check);
        passed
    };

    let (reachable, preface) = server.preface().await;
    let there = note(Name::Reachable, reachable);
    let http2 = note(Name::Preface, preface);
    let answer = match there {
        true => Some(survey::ask(endpoint, &server.config).await),
        false => None,
    };
    let profile = answer.as_ref().and_then(|answer| answer.outcome.profile());
    let good = note(
        Name::Data,
        answer
            .as_ref()
            .map_or(Verdict::Skip("needs a connection"), data),
    );

    let needs_http2 = Verdict::Skip("needs HTTP/2");
    let mut files = None;
    if http2 {
        note(Name::Health, server.health().await);
        for (name, found) in [
            (Name::ReflectionV1, server.reflection_v1().await),
            (Name::ReflectionV1Alpha, server.reflection_v1alpha().await),
        ] {
            note(
                name,
                match found {
                    Ok(described) => {
                        let seen = format!("describes {SERVICE}");
                        files.get_or_insert(described);
                        Verdict::Pass(seen)
                    }
                    Err(verdict) => verdict,
                },
            );
        }
        note(
            Name::Descriptor,
            match &files {
                Some(files) => descriptor(files),
                None => Verdict::Skip("needs reflection"),
            },
        );
        note(Name::UnknownMethod, server.unknown_method().await);
        note(Name::Deadline, server.deadline().await);
    } else {
        for name in [
            Name::Health,
            Name::ReflectionV1,
            Name::ReflectionV1Alpha,
            Name::Descriptor,
            Name::UnknownMethod,
            Name::Deadline,
        ] {
            note(name, needs_http2.clone());
        }
    }

    match profile.filter(|_| good) {
        Some((profile, _)) => {
            note(Name::Callers, server.callers(profile).await);
            note(Name::Cut, server.cut(profile).await);
        }
        None => {
            note(Name::Callers, Verdict::Skip("needs valid data"));
            note(Name::Cut, Verdict::Skip("needs valid data"));
        }
    }
    checks
}

/// The server under examination.
struct Server<'a> {
    endpoint: &'a Endpoint,
    config: Config,
    asker: Asker,
}

/// The client's connection preface and an empty SETTINGS frame (RFC 9113, 3.4), and then the header of a HEADERS
/// frame whose 64 bytes never come.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const HALF_A_REQUEST: &[u8] = b"\0\0\x40\x01\x05\0\0\0\x01";

impl Server<'_> {
    /// A connection, and whether HTTP/2 is spoken on it.
    async fn preface(&self) -> (Verdict, Verdict) {
        let connected = || Verdict::Pass(self.endpoint.to_string());
        let mut stream = match self.asker.open(self.endpoint).await {
            Ok((stream, _)) => stream,
            // TCP has connected; what came then is another matter.
            Err(outcome @ (Outcome::Tls(_) | Outcome::Timeout(Stage::Tls))) => {
                return (connected(), failed(&outcome));
            }
            Err(outcome) => return (failed(&outcome), Verdict::Skip("needs a connection")),
        };
        // Whether the peer takes the bytes shows in what it says.
        let _ = stream.write_all(PREFACE).await;
        let _ = stream.flush().await;
        let mut frame = [0; 9];
        let mut got = 0;
        let reading = async {
            while got < frame.len() {
                match stream.read(&mut frame[got..]).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => got += read,
                }
            }
        };
        let silent = timeout(self.config.max_time, reading).await.is_err();
        // Parting in peace: whether the server survives anything else is another check.
        let _ = stream.shutdown().await;
        let mut rest = [0; 512];
        let parting = async { while let Ok(1..) = stream.read(&mut rest).await {} };
        let _ = timeout(PARTING, parting).await;
        let advice =
            "callers speak gRPC, which is HTTP/2; is the right server running on this port?";
        let verdict = match &frame[..got] {
            [0, _, _, 4, 0, 0, 0, 0, 0] => Verdict::Pass("SETTINGS came first".to_owned()),
            [] if silent => failed(&Outcome::Timeout(Stage::Headers)),
            [] => failed(&Outcome::Reset),
            [b'{', ..] => Verdict::fail(
                "it sends a JSON object at once, as the original exercise's servers do",
                "a survey understands that, gRPC callers do not",
            ),
            bytes => Verdict::fail(format!("it says {}", Untrusted::from_bytes(bytes)), advice),
        };
        (connected(), verdict)
    }

    async fn caller(&self) -> Result<Caller, Verdict> {
        Caller::connect(&self.asker, self.endpoint)
            .await
            .map_err(|outcome| failed(&outcome))
    }

    /// Bounds a call; one that does not end is a failure like any other.
    async fn within<T>(&self, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        match timeout(self.config.max_time, call).await {
            Ok(answer) => answer,
            Err(_) => Err(Status::deadline_exceeded("there was no answer")),
        }
    }

    async fn health(&self) -> Verdict {
        const ADVICE: &str =
            "offer grpc.health.v1.Health, SERVING for \"\" and for \"lab.Profile\"";
        let caller = match self.caller().await {
            Ok(caller) => caller,
            Err(verdict) => return verdict,
        };
        let mut client = HealthClient::with_origin(caller.clone(), caller.origin.clone())
            .max_decoding_message_size(MAX_MESSAGE);
        for service in ["", SERVICE] {
            let request = HealthCheckRequest {
                service: service.to_owned(),
            };
            let answer = self.within(client.check(request)).await;
            let seen = match answer.map(|answer| answer.into_inner().status()) {
                Ok(ServingStatus::Serving) => continue,
                Ok(status) => status.as_str_name().to_owned(),
                Err(status) => shown(&status),
            };
            return Verdict::fail(format!("for \"{service}\" it says {seen}"), ADVICE);
        }
        Verdict::Pass("SERVING".to_owned())
    }

    async fn unknown_method(&self) -> Verdict {
        let caller = match self.caller().await {
            Ok(caller) => caller,
            Err(verdict) => return verdict,
        };
        match self.within(caller.unary("/lab.Profile/NoSuchMethod")).await {
            Err(status) if status.code() == Code::Unimplemented => {
                Verdict::Pass("UNIMPLEMENTED".to_owned())
            }
            Err(status) => Verdict::fail(
                shown(&status),
                "answer UNIMPLEMENTED, by which callers tell a missing method from a broken one",
            ),
            Ok(_) => Verdict::fail(
                "OK for /lab.Profile/NoSuchMethod",
                "answer UNIMPLEMENTED; does the server look at the path at all?",
            ),
        }
    }

    /// Opens a call, never sends its message, and waits for the deadline to end it.
    async fn deadline(&self) -> Verdict {
        let mut caller = match self.caller().await {
            Ok(caller) => caller,
            Err(verdict) => return verdict,
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(caller.uri("/lab.Profile/GetProfile"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", format!("{}m", DEADLINE.as_millis()))
            .body(caller::never());
        let Ok(request) = request else {
            return Verdict::Skip("this endpoint has no URI");
        };
        let ending = async {
            let response = caller.send(request).await.ok()?;
            if let Some(status) = Status::from_header_map(response.headers()) {
                return Some(status);
            }
            let body = Limited::new(response.into_body(), MAX_MESSAGE);
            Status::from_header_map(body.collect().await.ok()?.trailers()?)
        };
        let begun = Instant::now();
        let ended = timeout(DEADLINE + GRACE, ending).await;
        let took = begun.elapsed();
        // A server's clock may be a little fast.
        let early = took < DEADLINE.mul_f64(0.8);
        let after = format!("after {} ms", took.as_millis());
        match ended.map(|status| status.map(|status| status.code())) {
            Ok(Some(Code::Ok)) => Verdict::Skip("it answers before the request is complete"),
            Ok(None) if early => Verdict::fail(
                "a request that came in two parts was reset at once",
                "wait for the message; callers may send it in a frame of its own",
            ),
            Ok(Some(code @ (Code::DeadlineExceeded | Code::Cancelled))) if early => Verdict::fail(
                format!("{} {after}, of {DEADLINE:?}", code_name(code)),
                "wait for the message until the deadline is over",
            ),
            Ok(Some(code @ (Code::DeadlineExceeded | Code::Cancelled))) => {
                Verdict::Pass(format!("{} {after}", code_name(code)))
            }
            Ok(None) => Verdict::Pass(format!("the call was reset {after}")),
            Ok(Some(code)) => Verdict::fail(
                format!("{} instead of DEADLINE_EXCEEDED", code_name(code)),
                "end calls by the grpc-timeout that they bring",
            ),
            Err(_) => Verdict::fail(
                format!("a call was still open {GRACE:?} after its deadline"),
                "end calls by the grpc-timeout that they bring, or stuck ones pile up",
            ),
        }
    }

    /// Asks as a whole room does.
    async fn callers(&self, profile: &Profile) -> Verdict {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (endpoint, config) = (self.endpoint.clone(), self.config.clone());
            callers.spawn(async move { survey::ask(&endpoint, &config).await });
        }
        let mut failures: BTreeMap<&'static str, usize> = BTreeMap::new();
        while let Some(joined) = callers.join_next().await {
            let name = match joined.map(|answer| answer.outcome) {
                Ok(Outcome::Ok { profile: other, .. }) if other == *profile => continue,
                Ok(Outcome::Ok { .. }) => "another profile",
                Ok(outcome) => outcome.name(),
                Err(_) => "local",
            };
            *failures.entry(name).or_default() += 1;
        }
        let failed: usize = failures.values().sum();
        if failed == 0 {
            return Verdict::Pass(format!("{CALLERS} of {CALLERS} answered alike"));
        }
        let kinds: Vec<_> = failures
            .iter()
            .map(|(name, count)| format!("{count} × {name}"))
            .collect();
        Verdict::fail(
            format!(
                "{} of {CALLERS} answered; {}",
                CALLERS - failed,
                kinds.join(", ")
            ),
            "serve every connection in a task or thread of its own, and listen with a longer backlog",
        )
    }

    /// Breaks off in the middle of a request, and asks once more.
    async fn cut(&self, profile: &Profile) -> Verdict {
        match self.asker.open(self.endpoint).await {
            Ok((mut stream, _)) => {
                // A peer that has closed already was cut as well.
                let _ = stream.write_all(PREFACE).await;
                let _ = stream.write_all(HALF_A_REQUEST).await;
                let _ = stream.flush().await;
                // What the server says stays unread, so that the end of the connection is a reset.
                let _ = timeout(Duration::from_secs(1), stream.read_u8()).await;
            }
            Err(outcome) => return failed(&outcome),
        }
        let Answer { outcome, .. } = survey::ask(self.endpoint, &self.config).await;
        match outcome {
            Outcome::Ok { profile: other, .. } if other == *profile => {
                Verdict::Pass("it answers as before".to_owned())
            }
            Outcome::Ok { .. } => Verdict::fail(
                "it answers with another profile",
                "keep what belongs to a connection apart from what belongs to the server",
            ),
            outcome => Verdict::fail(
                format!("then {}", seen(&outcome)),
                "an error on one connection must not end the server",
            ),
        }
    }
}

/// Both versions of reflection have the same messages, generated apart.
macro_rules! reflection {
    ($method:ident, $pb:ident, $name:literal) => {
        impl Server<'_> {
            /// What the server says about its service.
            async fn $method(&self) -> Result<Vec<FileDescriptorProto>, Verdict> {
                use $pb::{
                    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                    server_reflection_request::MessageRequest,
                    server_reflection_response::MessageResponse,
                };
                const ADVICE: &str = concat!(
                    "offer ",
                    $name,
                    ", so that grpcurl needs no copy of the proto file"
                );
                let caller = self.caller().await?;
                let mut client =
                    ServerReflectionClient::with_origin(caller.clone(), caller.origin.clone())
                        .max_decoding_message_size(MAX_MESSAGE);
                let request = ServerReflectionRequest {
                    message_request: Some(MessageRequest::FileContainingSymbol(SERVICE.to_owned())),
                    ..Default::default()
                };
                let asking = async {
                    let requests = tokio_stream::once(request);
                    let answer = client.server_reflection_info(requests).await?;
                    answer.into_inner().message().await
                };
                match self.within(asking).await {
                    Ok(Some(answer)) => match answer.message_response {
                        Some(MessageResponse::FileDescriptorResponse(files)) => {
                            described(&files.file_descriptor_proto)
                                .map_err(|seen| Verdict::fail(seen, ADVICE))
                        }
                        Some(MessageResponse::ErrorResponse(error)) => {
                            let message = Untrusted::new(&error.error_message);
                            Err(Verdict::fail(format!("it says {message}"), ADVICE))
                        }
                        _ => Err(Verdict::fail("an answer to another question", ADVICE)),
                    },
                    Ok(None) => Err(Verdict::fail("no answer", ADVICE)),
                    Err(status) => Err(Verdict::fail(shown(&status), ADVICE)),
                }
            }
        }
    };
}

reflection!(reflection_v1, v1, "grpc.reflection.v1.ServerReflection");
reflection!(
    reflection_v1alpha,
    v1alpha,
    "grpc.reflection.v1alpha.ServerReflection"
);

fn described(files: &[Vec<u8>]) -> Result<Vec<FileDescriptorProto>, String> {
    files
        .iter()
        .map(|bytes| FileDescriptorProto::decode(&**bytes))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("no file descriptor: {}", Untrusted::new(&error.to_string())))
}

/// Holds a server's description against the contract.
fn descriptor(files: &[FileDescriptorProto]) -> Verdict {
    match contract::differences(files).as_slice() {
        [] => Verdict::Pass("as the contract says".to_owned()),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            Verdict::fail(
                format!("{first}{more}"),
                "generate the code from the room's own profile.proto",
            )
        }
    }
}

/// Whether the profile is one.
fn data(answer: &Answer) -> Verdict {
    match &answer.outcome {
        Outcome::Ok { dialect, .. } => Verdict::Pass(match dialect {
            Dialect::Grpc => "a valid profile".to_owned(),
            Dialect::Raw => "a valid profile, as bare JSON".to_owned(),
        }),
        outcome => failed(outcome),
    }
}

/// A survey's outcome as a verdict.
fn failed(outcome: &Outcome) -> Verdict {
    Verdict::fail(seen(outcome), outcome.hint().unwrap_or_default())
}

fn seen(outcome: &Outcome) -> String {
    let name = outcome.name().replace('_', " ");
    match outcome.detail() {
        Some(detail) => format!("{name} ({detail})"),
        None => name,
    }
}

fn shown(status: &Status) -> String {
    let code = code_name(status.code());
    match status.message() {
        "" => code.to_owned(),
        message => format!("{code} ({})", Untrusted::new(message)),
    }
}

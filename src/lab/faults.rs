//! The table of faults: every way in which a seat can misbehave, with the outcome that a survey must report.

use std::time::Duration;

use prost::Message as _;
use tonic::Code;

use crate::{
    lab::{
        expected::ExpectedOutcome::{self, *},
        frames::{
            END_STREAM, block, data, frame, go_away, headers, hpack_bomb, kind, message_frame,
            message_of_length, ok_trailers, prefixed, response, response_headers, response_start,
            rst_stream, settings, trailers, trailers_only, truncated, whole_response,
            window_update,
        },
        machines::MachineFault,
        script::Step::{self, *},
        service_kind::ServiceKind,
    },
    pb::GetProfileResponse,
    profile::Profile,
    survey::outcome::{AttemptPhase, OtherProtocol, Outcome, Protocol},
};

/// One way in which a seat can behave.
#[derive(Debug)]
pub struct Fault {
    /// Its name in a list of faults.
    pub name: &'static str,
    /// What the seat does, in a few words.
    pub description: &'static str,
    pub(crate) kind: FaultKind,
    pub(crate) expected: ExpectedOutcome,
}

/// How a fault is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FaultKind {
    /// Not at all: a real server with valid data.
    Healthy,
    /// A healthy server that starts to answer after this delay.
    Slow(Duration),
    /// A healthy server with the id of another seat.
    DuplicateId,
    /// A healthy server whose endpoint is listed as `raw://`.
    RawEndpoint,
    /// A port that is not listened on.
    Refuse,
    /// A gRPC status instead of a message.
    Status(Code),
    /// A response with a message that violates the contract.
    BadField(fn(&mut GetProfileResponse)),
    /// A real server of the fleet whose machine differs from the others.
    Machine(MachineFault),
    /// The steps of a script, given the message of a healthy seat.
    Script(fn(&[u8]) -> Vec<Step>),
    /// The steps of a script for profiles only.
    ProfileScript(fn(&Profile) -> Vec<Step>),
}

/// The behaviour of seats without a fault.
pub static HEALTHY: Fault = fault(
    "healthy",
    FaultKind::Healthy,
    Valid(Protocol::Grpc),
    "answers correctly",
);

/// All faults, in the order in which `all` takes them. A table, so each stands on one line or two.
#[rustfmt::skip]
pub static FAULTS: &[Fault] = &[
    // Machines that differ from the others of their fleet.
    machine("drift", MachineFault::Drift, "another version and other limits"),
    machine("old-schema", MachineFault::OldSchema, "built before the latest fields"),
    machine("unknown-field", MachineFault::UnknownField, "sends a field that its schema lacks"),
    machine("not-serving", MachineFault::NotServing, "health is NOT_SERVING"),
    machine("escape-label", MachineFault::EscapeLabel, "terminal escapes in a label"),
    machine("large", MachineFault::Large, "answers with 1 MiB"),
    // Seats of any service, or of profiles.
    fault("slow", FaultKind::Slow(Duration::from_millis(300)), Valid(Protocol::Grpc), "answers after 300 ms"),
    fault("duplicate", FaultKind::DuplicateId, DuplicateId, "has the id of another seat"),
    fault("raw-endpoint", FaultKind::RawEndpoint, Valid(Protocol::Raw), "healthy, listed as raw://"),
    fault("refuse", FaultKind::Refuse, Refused, "does not listen"),
    // No answer: hangs after each part of one.
    scripted("hang", Timeout(AttemptPhase::Headers), "sends nothing", |_| vec![Hang]),
    scripted("hang-tls", NotGrpc(OtherProtocol::Tls), "begins a TLS handshake, hangs",
        |_| vec![Write(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03".to_vec()), Hang]),
    scripted("hang-settings", Timeout(AttemptPhase::Headers), "hangs after SETTINGS", |_| vec![Write(settings()), Hang]),
    scripted("hang-headers", Timeout(AttemptPhase::Body), "hangs after the headers", |_| vec![Read, Write(settings()), Write(response_headers()), Hang]),
    scripted("hang-body", Timeout(AttemptPhase::Body), "hangs within the message", |p| vec![Read, Write(truncated(p, 30)), Hang]),
    scripted("hang-trailers", Timeout(AttemptPhase::Body), "hangs before the trailers", |p| vec![Read, Write(truncated(p, END)), Hang]),
    // A slow answer: a byte or a few at a time.
    scripted("slow-bytes-settings", Timeout(AttemptPhase::Headers), "SETTINGS, one byte a second", |_| vec![Trickle(settings(), BYTE_PAUSE), Hang]),
    scripted("slow-bytes-headers", Timeout(AttemptPhase::Headers), "headers, one byte a second",
        |_| vec![Read, Write(settings()), Trickle(response_headers(), BYTE_PAUSE), Hang]),
    scripted("slow-bytes-body", Timeout(AttemptPhase::Body), "message, one byte a second",
        |p| vec![Read, Write(truncated(p, 0)), Trickle(message_frame(p), BYTE_PAUSE), Hang]),
    scripted("chunked", Valid(Protocol::Grpc), "answers in pieces of 11 bytes", |p| vec![Read, Chunks(whole_response(p), 11)]),
    // An answer that ends early: FIN, RST, RST_STREAM or GOAWAY after each part.
    scripted("close", ConnectionReset, "closes without a byte", |_| vec![]),
    scripted("close-settings", ConnectionReset, "closes after SETTINGS", |_| vec![Write(settings())]),
    scripted("close-half-settings", ConnectionReset, "closes within SETTINGS", |_| vec![Write(settings()[..5].to_vec())]),
    scripted("close-headers", ConnectionReset, "closes after the headers", |_| vec![Read, Write(settings()), Write(response_headers())]),
    scripted("close-body", ConnectionReset, "closes within the message", |p| vec![Read, Write(truncated(p, 30))]),
    scripted("reset", ConnectionReset, "TCP reset at once", |_| vec![Reset]),
    scripted("reset-request", ConnectionReset, "TCP reset after the request", |_| vec![Read, Reset]),
    scripted("reset-settings", ConnectionReset, "TCP reset after SETTINGS", |_| vec![Read, Write(settings()), Sleep(RESET_DELAY), Reset]),
    scripted("reset-headers", ConnectionReset, "TCP reset after the headers",
        |_| vec![Read, Write(settings()), Write(response_headers()), Sleep(RESET_DELAY), Reset]),
    scripted("reset-body", ConnectionReset, "TCP reset within the message", |p| vec![Read, Write(truncated(p, 30)), Sleep(RESET_DELAY), Reset]),
    scripted("rst-stream", ConnectionReset, "RST_STREAM INTERNAL_ERROR", |_| vec![Read, Write(settings()), Write(rst_stream(2)), Hang]),
    scripted("rst-refused", ConnectionReset, "RST_STREAM REFUSED_STREAM", |_| vec![Read, Write(settings()), Write(rst_stream(7)), Hang]),
    scripted("goaway", ConnectionReset, "GOAWAY NO_ERROR", |_| vec![Read, Write(settings()), Write(go_away(0, 0))]),
    scripted("goaway-calm", ConnectionReset, "GOAWAY ENHANCE_YOUR_CALM", |_| vec![Read, Write(settings()), Write(go_away(0, 11))]),
    // More of something than a client should take.
    scripted("huge-length-prefix", TooLarge, "length prefix of 4 GiB",
        |_| vec![Read, Write(response_start()), Write(message_of_length(u32::MAX, b"\x0a")), Hang]),
    // These two ignore the window. Where a message may be larger than a window, that is what they are rejected for.
    profile_script("big-message", TooLarge, "message of 4 MiB",
        |_| vec![Read, Write(response_start()), Write(message_of_length(4 << 20, &[0; 1024])), Flood(data(&[0; 1024], 0))]),
    profile_script("endless-messages", TooLarge, "messages without end", |p| vec![Read, Write(response_start()), Flood(message_frame(&encoded_with(p, |_| {})))]),
    profile_script("big-id", TooLarge, "id of 16,000 characters",
        |p| vec![Read, Write(response_start()), Write(message_frame(&encoded_with(p, |m| m.id = "7".repeat(16_000)))), Hang]),
    scripted("many-trailers", TooLarge, "100,000 trailers", |p| vec![Read, Write(truncated(p, END)), Write(trailers(&vec![("x", "y"); 100_000])), Hang]),
    scripted("big-header", TooLarge, "header of 20,000 bytes",
        |_| vec![Read, Write(settings()), Write(headers(&[(":status", "200"), ("x", &"y".repeat(20_000))], 0)), Hang]),
    scripted("hpack-bomb", TooLarge, "4 MB of headers in 5 KB", |_| vec![Read, Write(settings()), Write(hpack_bomb()), Hang]),
    scripted("continuation-flood", TooLarge, "CONTINUATION without end",
        |_| vec![Read, Write(settings()), Write(frame(kind::HEADERS, 0, 1, &[])), Flood(frame(kind::CONTINUATION, 0, 1, &block(&[("x", "y")])))]),
    scripted("ping-flood", TooLarge, "PING without end", |_| vec![Write(settings()), Flood(frame(kind::PING, 0, 0, &[0; 8]))]),
    scripted("settings-flood", TooLarge, "SETTINGS without end", |_| vec![Flood(settings())]),
    scripted("window-flood", TooLarge, "WINDOW_UPDATE without end", |_| vec![Write(settings()), Flood(window_update(1))]),
    scripted("goaway-flood", TooLarge, "GOAWAY without end", |_| vec![Read, Write(settings()), Flood(go_away(1, 0))]),
    scripted("empty-data-flood", TooLarge, "empty DATA without end", |_| vec![Read, Write(response_start()), Flood(data(&[], 0))]),
    scripted("unknown-frame-flood", TooLarge, "unknown frames without end", |_| vec![Write(settings()), Flood(frame(kind::UNKNOWN, 0, 0, &[0; 100]))]),
    // Violations of HTTP/2, and three rare answers that it allows.
    scripted("no-settings", NotGrpc(OtherProtocol::Other), "headers before SETTINGS", |_| vec![Read, Write(response_headers()), Hang]),
    scripted("window-overflow", NotGrpc(OtherProtocol::Other), "window above 2^31-1", |_| vec![Read, Write(settings()), Write(window_update(0x7fff_ffff)), Hang]),
    scripted("rst-flood", NotGrpc(OtherProtocol::Other), "RST_STREAM for unopened streams",
        |_| vec![Write(settings()), Flood(frame(kind::RST_STREAM, 0, 7, &[0; 4]))]),
    scripted("push-promise", NotGrpc(OtherProtocol::Other), "PUSH_PROMISE",
        |_| vec![Read, Write(settings()), Write(frame(kind::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2])), Hang]),
    scripted("frame-too-long", NotGrpc(OtherProtocol::Other), "frame above the size limit", |_| vec![Read, Write(settings()), Write(data(&[0; 20_000], 0)), Hang]),
    scripted("zero-window", Valid(Protocol::Grpc), "answers with a window of 0",
        |p| vec![Write(frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])), Read, Write(response(p))]),
    scripted("early-hints", Valid(Protocol::Grpc), "answers after a status 103",
        |p| vec![Read, Write(settings()), Write(headers(&[(":status", "103")], 0)), Write(response(p))]),
    scripted("unknown-frame", Valid(Protocol::Grpc), "answers after an unknown frame",
        |p| vec![Read, Write(settings()), Write(frame(kind::UNKNOWN, 0xff, 9, b"?")), Write(response(p))]),
    // Other protocols.
    scripted("http1", NotGrpc(OtherProtocol::Http1), "HTTP/1.1 400", |_| vec![Read, Write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec())]),
    scripted("tls", NotGrpc(OtherProtocol::Tls), "TLS alert", |_| vec![Read, Write(b"\x15\x03\x01\x00\x02\x02\x46".to_vec())]),
    scripted("ssh", NotGrpc(OtherProtocol::Text), "SSH banner", |_| vec![Write(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Hang]),
    scripted("html", NotGrpc(OtherProtocol::Text), "HTML page without HTTP",
        |_| vec![Read, Write(b"<!DOCTYPE html><title>\x1b]0;pwned\x1b\\Router</title>".to_vec())]),
    scripted("http2-page", NotGrpc(OtherProtocol::Other), "HTTP/2 404 with text/html",
        |_| vec![Read, Write(settings()), Write(headers(&[(":status", "404"), ("content-type", "text/html")], END_STREAM))]),
    scripted("grpc-web", NotGrpc(OtherProtocol::Other), "content type of gRPC-Web",
        |p| vec![Read, Write(settings()), Write(headers(&[(":status", "200"), ("content-type", "application/grpc-web+proto")], 0)), Write(message_frame(p)), Hang]),
    scripted("garbage", NotGrpc(OtherProtocol::Other), "binary bytes without end", |_| vec![Flood(b"\xb7\x00\xfe\x01\x93\xff".to_vec())]),
    scripted("whitespace", NotGrpc(OtherProtocol::Text), "white space without end", |_| vec![Flood(b" \n".to_vec())]),
    // Violations of gRPC.
    scripted("junk-message", InvalidMessage, "message is not protobuf",
        |_| vec![Read, Write(response_start()), Write(message_frame(b"\xff\xff\xff\xff")), Write(ok_trailers())]),
    scripted("compressed", InvalidMessage, "unrequested compression",
        |p| vec![Read, Write(response_start()), Write(data(&[&[1, 0, 0, 0, 40][..], p].concat(), 0)), Write(ok_trailers())]),
    scripted("short-message", InvalidMessage, "message ends early", |_| vec![Read, Write(response_start()), Write(data(&[0, 0, 0, 0, 40, 1, 2], END_STREAM))]),
    scripted("no-message", InvalidMessage, "OK without a message", |_| vec![Read, Write(response_start()), Write(ok_trailers())]),
    scripted("no-trailers", InvalidMessage, "no trailers",
        |p| vec![Read, Write(response_start()), Write(data(&prefixed(p.len() as u32, p), END_STREAM))]),
    // Violations of the contract of the data.
    scripted("bad-utf8", InvalidMessage, "first field is not UTF-8",
        |_| vec![Read, Write(response_start()), Write(message_frame(b"\x0a\x02\xc3\x28")), Write(ok_trailers())]),
    bad_field("no-height", "no height", |m| m.height_cm = None),
    bad_field("nan", "height is NaN", |m| m.height_cm = Some(f64::NAN)),
    bad_field("infinite", "weight is infinite", |m| m.weight_kg = Some(f64::INFINITY)),
    bad_field("negative", "weight is negative", |m| m.weight_kg = Some(-60.0)),
    bad_field("metres", "height in metres", |m| m.height_cm = Some(1.78)),
    bad_field("no-size", "no size", |m| m.size = 0),
    bad_field("unknown-size", "size 99", |m| m.size = 99),
    bad_field("empty-id", "empty id", |m| m.id.clear()),
    bad_field("long-id", "id of 3,000 characters", |m| m.id = "7".repeat(3_000)),
    bad_field("escape-id", "terminal escapes in the id", |m| m.id = "\x1b[2J\u{202e}=1+1".to_owned()),
    // A status instead of a message.
    status("status-cancelled", Code::Cancelled),
    status("status-unknown", Code::Unknown),
    status("status-invalid-argument", Code::InvalidArgument),
    status("status-deadline-exceeded", Code::DeadlineExceeded),
    status("status-not-found", Code::NotFound),
    status("status-already-exists", Code::AlreadyExists),
    status("status-permission-denied", Code::PermissionDenied),
    status("status-resource-exhausted", Code::ResourceExhausted),
    status("status-failed-precondition", Code::FailedPrecondition),
    status("status-aborted", Code::Aborted),
    status("status-out-of-range", Code::OutOfRange),
    status("status-unimplemented", Code::Unimplemented),
    status("status-internal", Code::Internal),
    status("status-unavailable", Code::Unavailable),
    status("status-data-loss", Code::DataLoss),
    status("status-unauthenticated", Code::Unauthenticated),
    scripted("status-nonsense", Status(Code::Unknown), "grpc-status is not a number", |_| vec![Read, Write(status_text("many"))]),
    scripted("status-pushback", Status(Code::Unavailable), "UNAVAILABLE, do not retry", |_| vec![Read, Write(unavailable_for_good())]),
    scripted("status-details", Status(Code::NotFound), "NOT_FOUND, malformed details",
        |_| vec![Read, Write(settings()), Write(trailers_only(&[("grpc-status", "5"), ("grpc-status-details-bin", "!!")]))]),
    scripted("status-escape", Status(Code::NotFound), "NOT_FOUND, escapes in the text",
        |_| vec![Read, Write(settings()), Write(trailers_only(&[("grpc-status", "5"), ("grpc-message", "%1B[31m%E2%80%AE%0D%0A<b>")]))]),
    scripted("status-late", Status(Code::Internal), "INTERNAL after a message",
        |p| vec![Read, Write(truncated(p, END)), Write(trailers(&[("grpc-status", "13")]))]),
    // Servers of the original exercise, with and without faults.
    profile_script("raw", Valid(Protocol::Raw), "JSON, as in the exercise", |p| vec![Write(json(p))]),
    profile_script("raw-open", Valid(Protocol::Raw), "JSON, stays connected", |p| vec![Write(json(p)), Hang]),
    profile_script("raw-chunked", Valid(Protocol::Raw), "JSON in pieces of 7 bytes", |p| vec![Write(b"\r\n ".to_vec()), Chunks(json(p), 7)]),
    profile_script("raw-truncated", ConnectionReset, "closes within the JSON", |p| vec![Write(json(p)[..20].to_vec())]),
    profile_script("raw-hang", Timeout(AttemptPhase::Body), "hangs within the JSON", |p| vec![Write(json(p)[..20].to_vec()), Hang]),
    profile_script("raw-endless", TooLarge, "JSON without end", |_| vec![Write(b"{\"id\":\"".to_vec()), Flood(b"7777".to_vec())]),
    profile_script("raw-junk", InvalidMessage, "malformed JSON", |_| vec![Write(b"{'id': 1}".to_vec())]),
    profile_script("raw-metres", InvalidField, "JSON with a height in metres", |_| vec![Write(br#"{"id":"1","height":1.78,"weight":60,"size":"M"}"#.to_vec())]),
];

/// Before a reset, which would otherwise overtake the bytes that were just sent.
const RESET_DELAY: Duration = Duration::from_millis(20);

/// Between two bytes of a slow answer: long enough that none is complete within an attempt's time.
const BYTE_PAUSE: Duration = Duration::from_secs(1);

/// Cuts [`truncated`] behind the message.
const END: usize = usize::MAX;

const fn fault(
    name: &'static str,
    kind: FaultKind,
    expected: ExpectedOutcome,
    description: &'static str,
) -> Fault {
    Fault {
        name,
        description,
        kind,
        expected,
    }
}

const fn scripted(
    name: &'static str,
    expected: ExpectedOutcome,
    description: &'static str,
    script: fn(&[u8]) -> Vec<Step>,
) -> Fault {
    fault(name, FaultKind::Script(script), expected, description)
}

const fn profile_script(
    name: &'static str,
    expected: ExpectedOutcome,
    description: &'static str,
    script: fn(&Profile) -> Vec<Step>,
) -> Fault {
    fault(
        name,
        FaultKind::ProfileScript(script),
        expected,
        description,
    )
}

const fn machine(name: &'static str, kind: MachineFault, description: &'static str) -> Fault {
    fault(
        name,
        FaultKind::Machine(kind),
        Valid(Protocol::Grpc),
        description,
    )
}

const fn status(name: &'static str, code: Code) -> Fault {
    fault(
        name,
        FaultKind::Status(code),
        Status(code),
        "that gRPC status",
    )
}

const fn bad_field(
    name: &'static str,
    description: &'static str,
    change: fn(&mut GetProfileResponse),
) -> Fault {
    fault(name, FaultKind::BadField(change), InvalidField, description)
}

impl Fault {
    /// The outcome that a survey reports.
    #[must_use]
    pub fn outcome(&self) -> String {
        self.expected.to_string()
    }

    /// The only service that can have the fault; `None` if all can.
    #[must_use]
    pub fn service(&self) -> Option<ServiceKind> {
        match self.kind {
            FaultKind::DuplicateId
            | FaultKind::RawEndpoint
            | FaultKind::BadField(_)
            | FaultKind::ProfileScript(_) => Some(ServiceKind::Profile),
            FaultKind::Machine(_) => Some(ServiceKind::Fleet),
            FaultKind::Healthy
            | FaultKind::Slow(_)
            | FaultKind::Refuse
            | FaultKind::Status(_)
            | FaultKind::Script(_) => None,
        }
    }

    /// Whether an outcome is that of the fault.
    #[doc(hidden)]
    #[must_use]
    pub fn matches<A>(&self, outcome: &Outcome<A>) -> bool {
        self.expected.matches(outcome)
    }

    /// Whether the seats of a service can have the fault.
    #[must_use]
    pub fn fits(&self, service: ServiceKind) -> bool {
        self.service().is_none_or(|only| only == service)
    }
}

impl FaultKind {
    /// The steps of a fault that is not simulated by a real server. `message` is what the seat would send without it,
    /// `person` whose profile that is, if it is one.
    pub(crate) fn script(
        self,
        message: impl FnOnce() -> Vec<u8>,
        person: Option<&Profile>,
    ) -> Option<Vec<Step>> {
        match self {
            Self::Status(code) => {
                let code = (code as i32).to_string();
                Some(vec![Read, Write(status_text(&code))])
            }
            Self::BadField(change) => {
                let message = encoded_with(person?, change);
                Some(vec![Read, Write(whole_response(&message))])
            }
            Self::Script(steps) => Some(steps(&message())),
            Self::ProfileScript(steps) => person.map(steps),
            Self::Healthy
            | Self::Slow(_)
            | Self::DuplicateId
            | Self::RawEndpoint
            | Self::Refuse
            | Self::Machine(_) => None,
        }
    }

    /// The fault of a machine whose server is real.
    pub(crate) fn of_machine(self) -> Option<MachineFault> {
        match self {
            Self::Machine(fault) => Some(fault),
            _ => None,
        }
    }
}

fn encoded_with(profile: &Profile, change: fn(&mut GetProfileResponse)) -> Vec<u8> {
    let mut message = GetProfileResponse::from(profile);
    change(&mut message);
    message.encode_to_vec()
}

fn status_text(code: &str) -> Vec<u8> {
    let fields = [("grpc-status", code), ("grpc-message", "as%20told")];
    [settings(), trailers_only(&fields)].concat()
}

/// UNAVAILABLE with a negative pushback, which forbids retries.
fn unavailable_for_good() -> Vec<u8> {
    let fields = [("grpc-status", "14"), ("grpc-retry-pushback-ms", "-1")];
    [settings(), trailers_only(&fields)].concat()
}

fn json(profile: &Profile) -> Vec<u8> {
    serde_json::to_vec(profile).unwrap_or_default()
}

//! The zoo: every way in which a seat may misbehave, one line each, with the outcome that is true of it.

use std::time::Duration;

use prost::Message as _;
use tonic::Code;

use crate::{
    lab::{
        frames::{self, END_STREAM, kind},
        script::Step::{self, *},
    },
    pb::GetProfileResponse,
    profile::Profile,
    survey::outcome::{Dialect, Invalid, Outcome, Speaks, Stage},
};

/// One way to behave.
#[derive(Debug)]
pub struct Fault {
    /// Its name in a list of faults.
    pub name: &'static str,
    pub(crate) kind: FaultKind,
    /// Whether an outcome is true of a seat that behaves so. An `Ok` must bring the seat's own person besides.
    pub(crate) expects: fn(&Outcome) -> bool,
}

/// How a behaviour is brought about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FaultKind {
    /// A real server that is well.
    Healthy,
    /// The same after a while.
    Slow(Duration),
    /// A real server that has another seat's id.
    DuplicateId,
    /// A real server, at an endpoint that asks for its raw dialect.
    RawEndpoint,
    /// Nobody listens.
    Refuse,
    /// The steps of a script.
    Script(fn(&Profile) -> Vec<Step>),
}

/// The behaviours, the honest one first. A line each: it is a table, and read as one.
#[rustfmt::skip]
pub(crate) static FAULTS: &[Fault] = &[
    entry("honest", FaultKind::Healthy, is_grpc),
    entry("slow", FaultKind::Slow(Duration::from_millis(300)), is_grpc),
    entry("duplicate", FaultKind::DuplicateId, is_grpc),
    entry("silent", FaultKind::RawEndpoint, is_raw),
    entry("refuse", FaultKind::Refuse, |o| matches!(o, Outcome::Refused)),
    // Nothing, at every stage.
    scripted("mute", |_| vec![Hang], in_headers),
    scripted("mute-tls", |_| vec![Write(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03".to_vec()), Hang], |o| speaks(o, Speaks::Tls)),
    scripted("mute-settings", |_| vec![Write(frames::settings()), Hang], in_headers),
    scripted("mute-headers", |_| vec![Read, Write(frames::settings()), Write(frames::response()), Hang], in_body),
    scripted("mute-body", |p| vec![Read, Write(truncated(p, 30)), Hang], in_body),
    scripted("mute-trailers", |p| vec![Read, Write(truncated(p, END)), Hang], in_body),
    // One byte after another.
    scripted("drip-settings", |_| vec![Trickle(frames::settings(), BYTE_PAUSE), Hang], in_headers),
    scripted("drip-headers", |_| vec![Read, Write(frames::settings()), Trickle(frames::response(), BYTE_PAUSE), Hang], in_headers),
    scripted("drip-body", |p| vec![Read, Write(truncated(p, 0)), Trickle(frames::message(&message(p)), BYTE_PAUSE), Hang], in_body),
    scripted("dribble", |p| vec![Read, Chunks(frames::healthy(p), 11)], is_grpc),
    // Ended early: in good order and by RST, at every stage.
    scripted("close", |_| vec![], is_reset),
    scripted("close-settings", |_| vec![Write(frames::settings())], is_reset),
    scripted("close-half-settings", |_| vec![Write(frames::settings()[..5].to_vec())], is_reset),
    scripted("close-headers", |_| vec![Read, Write(frames::settings()), Write(frames::response())], is_reset),
    scripted("close-body", |p| vec![Read, Write(truncated(p, 30))], is_reset),
    scripted("reset", |_| vec![Reset], is_reset),
    scripted("reset-request", |_| vec![Read, Reset], is_reset),
    scripted("reset-settings", |_| vec![Read, Write(frames::settings()), Sleep(RESET_DELAY), Reset], is_reset),
    scripted("reset-headers", |_| vec![Read, Write(frames::settings()), Write(frames::response()), Sleep(RESET_DELAY), Reset], is_reset),
    scripted("reset-body", |p| vec![Read, Write(truncated(p, 30)), Sleep(RESET_DELAY), Reset], is_reset),
    scripted("rst-stream", |_| vec![Read, Write(frames::settings()), Write(frames::reset(2)), Hang], is_reset),
    scripted("rst-refused", |_| vec![Read, Write(frames::settings()), Write(frames::reset(7)), Hang], is_reset),
    scripted("goaway", |_| vec![Read, Write(frames::settings()), Write(frames::go_away(0, 0))], is_reset),
    scripted("goaway-calm", |_| vec![Read, Write(frames::settings()), Write(frames::go_away(0, 11))], is_reset),
    // Too much of something.
    scripted("lying-prefix", |_| vec![Read, Write(response_start()), Write(frames::prefixed(u32::MAX, b"\x0a")), Hang], is_too_large),
    scripted("big-message", |_| vec![Read, Write(response_start()), Write(frames::prefixed(4 << 20, &[0; 1024])), Flood(frames::data(&[0; 1024], 0))], is_too_large),
    scripted("endless-messages", |p| vec![Read, Write(response_start()), Flood(frames::message(&message(p)))], is_too_large),
    scripted("big-id", |p| vec![Read, Write(response_start()), Write(frames::message(&message_with(p, |m| m.id = "7".repeat(16_000)))), Hang], is_too_large),
    scripted("many-trailers", |p| vec![Read, Write(truncated(p, END)), Write(frames::trailers(&vec![("x", "y"); 100_000])), Hang], is_too_large),
    scripted("big-header", |_| vec![Read, Write(frames::settings()), Write(frames::headers(&[(":status", "200"), ("x", &"y".repeat(20_000))], 0)), Hang], is_too_large),
    scripted("hpack-bomb", |_| vec![Read, Write(frames::settings()), Write(hpack_bomb()), Hang], is_too_large),
    scripted("continuation-flood", |_| vec![Read, Write(frames::settings()), Write(frames::frame(kind::HEADERS, 0, 1, &[])), Flood(frames::frame(kind::CONTINUATION, 0, 1, &frames::block(&[("x", "y")])))], is_too_large),
    scripted("ping-flood", |_| vec![Write(frames::settings()), Flood(frames::frame(kind::PING, 0, 0, &[0; 8]))], is_too_large),
    scripted("settings-flood", |_| vec![Flood(frames::settings())], is_too_large),
    scripted("window-flood", |_| vec![Write(frames::settings()), Flood(frames::window(1))], is_too_large),
    scripted("goaway-flood", |_| vec![Read, Write(frames::settings()), Flood(frames::go_away(1, 0))], is_too_large),
    scripted("empty-data-flood", |_| vec![Read, Write(response_start()), Flood(frames::data(&[], 0))], is_too_large),
    scripted("unknown-frames", |_| vec![Write(frames::settings()), Flood(frames::frame(kind::UNKNOWN, 0, 0, &[0; 100]))], is_too_large),
    // HTTP/2 against its rules.
    scripted("no-settings", |_| vec![Read, Write(frames::response()), Hang], |o| speaks(o, Speaks::Other)),
    scripted("window-overflow", |_| vec![Read, Write(frames::settings()), Write(frames::window(0x7fff_ffff)), Hang], |o| speaks(o, Speaks::Other)),
    scripted("rst-flood", |_| vec![Write(frames::settings()), Flood(frames::frame(kind::RST_STREAM, 0, 7, &[0; 4]))], |o| speaks(o, Speaks::Other)),
    scripted("push-promise", |_| vec![Read, Write(frames::settings()), Write(frames::frame(kind::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2])), Hang], |o| speaks(o, Speaks::Other)),
    scripted("frame-too-long", |_| vec![Read, Write(frames::settings()), Write(frames::data(&[0; 20_000], 0)), Hang], |o| speaks(o, Speaks::Other)),
    scripted("zero-window", |p| vec![Write(frames::frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])), Read, Write(frames::healthy(p)[9..].to_vec())], is_grpc),
    scripted("early-hints", |p| vec![Read, Write(frames::settings()), Write(frames::headers(&[(":status", "103")], 0)), Write(frames::healthy(p)[9..].to_vec())], is_grpc),
    scripted("odd-frames", |p| vec![Read, Write(frames::settings()), Write(frames::frame(kind::UNKNOWN, 0xff, 9, b"?")), Write(frames::healthy(p)[9..].to_vec())], is_grpc),
    // Other protocols.
    scripted("http1", |_| vec![Read, Write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec())], |o| speaks(o, Speaks::Http1)),
    scripted("tls", |_| vec![Read, Write(b"\x15\x03\x01\x00\x02\x02\x46".to_vec())], |o| speaks(o, Speaks::Tls)),
    scripted("ssh", |_| vec![Write(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Hang], |o| speaks(o, Speaks::Text)),
    scripted("html", |_| vec![Read, Write(b"<!DOCTYPE html><title>\x1b]0;pwned\x1b\\Router</title>".to_vec())], |o| speaks(o, Speaks::Text)),
    scripted("http2-page", |_| vec![Read, Write(frames::settings()), Write(frames::headers(&[(":status", "404"), ("content-type", "text/html")], END_STREAM))], |o| speaks(o, Speaks::Other)),
    scripted("grpc-web", |p| vec![Read, Write(frames::settings()), Write(frames::headers(&[(":status", "200"), ("content-type", "application/grpc-web+proto")], 0)), Write(frames::message(&message(p))), Hang], |o| speaks(o, Speaks::Other)),
    scripted("garbage", |_| vec![Flood(b"\xb7\x00\xfe\x01\x93\xff".to_vec())], |o| speaks(o, Speaks::Other)),
    scripted("blanks", |_| vec![Flood(b" \n".to_vec())], |o| speaks(o, Speaks::Text)),
    // gRPC against its rules.
    scripted("junk-message", |_| vec![Read, Write(response_start()), Write(frames::message(b"\xff\xff\xff\xff")), Write(ok_trailers())], is_invalid),
    scripted("compressed", |p| vec![Read, Write(response_start()), Write(frames::data(&[&[1, 0, 0, 0, 40][..], &message(p)].concat(), 0)), Write(ok_trailers())], is_invalid),
    scripted("short-message", |_| vec![Read, Write(response_start()), Write(frames::data(&[0, 0, 0, 0, 40, 1, 2], END_STREAM))], is_invalid),
    scripted("no-message", |_| vec![Read, Write(response_start()), Write(ok_trailers())], is_invalid),
    scripted("no-trailers", |p| vec![Read, Write(response_start()), Write(frames::data(&[&[0, 0, 0, 0, message(p).len() as u8][..], &message(p)].concat(), END_STREAM))], is_invalid),
    // Data against the contract.
    scripted("bad-utf8", |_| vec![Read, Write(response_start()), Write(frames::message(b"\x0a\x02\xc3\x28")), Write(ok_trailers())], is_invalid),
    scripted("no-height", |p| vec![Read, Write(bad_data(p, |m| m.height_cm = None))], is_bad_field),
    scripted("nan", |p| vec![Read, Write(bad_data(p, |m| m.height_cm = Some(f64::NAN)))], is_bad_field),
    scripted("infinite", |p| vec![Read, Write(bad_data(p, |m| m.weight_kg = Some(f64::INFINITY)))], is_bad_field),
    scripted("negative", |p| vec![Read, Write(bad_data(p, |m| m.weight_kg = Some(-60.0)))], is_bad_field),
    scripted("metres", |p| vec![Read, Write(bad_data(p, |m| m.height_cm = Some(1.78)))], is_bad_field),
    scripted("no-size", |p| vec![Read, Write(bad_data(p, |m| m.size = 0))], is_bad_field),
    scripted("unknown-size", |p| vec![Read, Write(bad_data(p, |m| m.size = 99))], is_bad_field),
    scripted("empty-id", |p| vec![Read, Write(bad_data(p, |m| m.id.clear()))], is_bad_field),
    scripted("long-id", |p| vec![Read, Write(bad_data(p, |m| m.id = "7".repeat(3_000)))], is_bad_field),
    scripted("escape-id", |p| vec![Read, Write(bad_data(p, |m| m.id = "\x1b[2J\u{202e}=1+1".to_owned()))], is_bad_field),
    // A status instead.
    scripted("status-cancelled", |_| vec![Read, Write(status_code("1"))], |o| has(o, Code::Cancelled)),
    scripted("status-unknown", |_| vec![Read, Write(status_code("2"))], |o| has(o, Code::Unknown)),
    scripted("status-invalid-argument", |_| vec![Read, Write(status_code("3"))], |o| has(o, Code::InvalidArgument)),
    scripted("status-deadline-exceeded", |_| vec![Read, Write(status_code("4"))], |o| has(o, Code::DeadlineExceeded)),
    scripted("status-not-found", |_| vec![Read, Write(status_code("5"))], |o| has(o, Code::NotFound)),
    scripted("status-already-exists", |_| vec![Read, Write(status_code("6"))], |o| has(o, Code::AlreadyExists)),
    scripted("status-permission-denied", |_| vec![Read, Write(status_code("7"))], |o| has(o, Code::PermissionDenied)),
    scripted("status-resource-exhausted", |_| vec![Read, Write(status_code("8"))], |o| has(o, Code::ResourceExhausted)),
    scripted("status-failed-precondition", |_| vec![Read, Write(status_code("9"))], |o| has(o, Code::FailedPrecondition)),
    scripted("status-aborted", |_| vec![Read, Write(status_code("10"))], |o| has(o, Code::Aborted)),
    scripted("status-out-of-range", |_| vec![Read, Write(status_code("11"))], |o| has(o, Code::OutOfRange)),
    scripted("status-unimplemented", |_| vec![Read, Write(status_code("12"))], |o| has(o, Code::Unimplemented)),
    scripted("status-internal", |_| vec![Read, Write(status_code("13"))], |o| has(o, Code::Internal)),
    scripted("status-unavailable", |_| vec![Read, Write(status_code("14"))], |o| has(o, Code::Unavailable)),
    scripted("status-data-loss", |_| vec![Read, Write(status_code("15"))], |o| has(o, Code::DataLoss)),
    scripted("status-unauthenticated", |_| vec![Read, Write(status_code("16"))], |o| has(o, Code::Unauthenticated)),
    scripted("status-nonsense", |_| vec![Read, Write(status_code("many"))], |o| has(o, Code::Unknown)),
    scripted("status-pushback", |_| vec![Read, Write(unavailable("-1"))], |o| has(o, Code::Unavailable)),
    scripted("status-details", |_| vec![Read, Write(frames::settings()), Write(frames::status(&[("grpc-status", "5"), ("grpc-status-details-bin", "!!")]))], |o| has(o, Code::NotFound)),
    scripted("status-escape", |_| vec![Read, Write(frames::settings()), Write(frames::status(&[("grpc-status", "5"), ("grpc-message", "%1B[31m%E2%80%AE%0D%0A<b>")]))], |o| has(o, Code::NotFound)),
    scripted("status-late", |p| vec![Read, Write(truncated(p, END)), Write(frames::trailers(&[("grpc-status", "13")]))], |o| has(o, Code::Internal)),
    // The original exercise's servers.
    scripted("raw", |p| vec![Write(json(p))], is_raw),
    scripted("raw-open", |p| vec![Write(json(p)), Hang], is_raw),
    scripted("raw-dribble", |p| vec![Write(b"\r\n ".to_vec()), Chunks(json(p), 7)], is_raw),
    scripted("raw-cut", |p| vec![Write(json(p)[..20].to_vec())], is_reset),
    scripted("raw-mute", |p| vec![Write(json(p)[..20].to_vec()), Hang], in_body),
    scripted("raw-endless", |_| vec![Write(b"{\"id\":\"".to_vec()), Flood(b"7777".to_vec())], is_too_large),
    scripted("raw-junk", |_| vec![Write(b"{'id': 1}".to_vec())], is_invalid),
    scripted("raw-metres", |_| vec![Write(br#"{"id":"1","height":1.78,"weight":60,"size":"M"}"#.to_vec())], is_bad_field),
];

/// Between an answer and a reset that would overtake it.
const RESET_DELAY: Duration = Duration::from_millis(20);

/// Between two bytes that drip: no answer gets through in the time of an attempt.
const BYTE_PAUSE: Duration = Duration::from_secs(1);

/// A cut behind the message.
const END: usize = usize::MAX;

const fn entry(name: &'static str, kind: FaultKind, expects: fn(&Outcome) -> bool) -> Fault {
    Fault {
        name,
        kind,
        expects,
    }
}

const fn scripted(
    name: &'static str,
    script: fn(&Profile) -> Vec<Step>,
    expects: fn(&Outcome) -> bool,
) -> Fault {
    entry(name, FaultKind::Script(script), expects)
}

fn is_grpc(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Ok {
            dialect: Dialect::Grpc,
            ..
        }
    )
}

fn is_raw(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Ok {
            dialect: Dialect::Raw,
            ..
        }
    )
}

fn in_headers(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Timeout(Stage::Headers))
}

fn in_body(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Timeout(Stage::Body))
}

fn is_reset(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Reset)
}

fn is_too_large(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::TooLarge)
}

fn is_invalid(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Invalid(Invalid::Message(_)))
}

fn is_bad_field(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Invalid(Invalid::Field(_)))
}

fn speaks(outcome: &Outcome, speaks: Speaks) -> bool {
    matches!(outcome, Outcome::NotGrpc(spoken, _) if *spoken == speaks)
}

fn has(outcome: &Outcome, code: Code) -> bool {
    matches!(outcome, Outcome::Status { code: sent, .. } if *sent == code)
}

fn message(person: &Profile) -> Vec<u8> {
    GetProfileResponse::from(person).encode_to_vec()
}

fn message_with(person: &Profile, change: fn(&mut GetProfileResponse)) -> Vec<u8> {
    let mut response = GetProfileResponse::from(person);
    change(&mut response);
    response.encode_to_vec()
}

/// An honest answer but for its data.
fn bad_data(person: &Profile, change: fn(&mut GetProfileResponse)) -> Vec<u8> {
    [
        response_start(),
        frames::message(&message_with(person, change)),
        ok_trailers(),
    ]
    .concat()
}

/// An honest answer up to so many bytes of its message's frame.
fn truncated(person: &Profile, end: usize) -> Vec<u8> {
    let mut data = frames::message(&message(person));
    data.truncate(end);
    [response_start(), data].concat()
}

/// What comes before a message, and after it.
fn response_start() -> Vec<u8> {
    [frames::settings(), frames::response()].concat()
}

fn ok_trailers() -> Vec<u8> {
    frames::trailers(&[("grpc-status", "0")])
}

fn status_code(code: &str) -> Vec<u8> {
    let fields = [("grpc-status", code), ("grpc-message", "as%20told")];
    [frames::settings(), frames::status(&fields)].concat()
}

fn unavailable(pushback: &str) -> Vec<u8> {
    let fields = [("grpc-status", "14"), ("grpc-retry-pushback-ms", pushback)];
    [frames::settings(), frames::status(&fields)].concat()
}

/// One large header in the table, and a thousand references to it at one byte each.
fn hpack_bomb() -> Vec<u8> {
    let mut block = vec![0x40];
    block.extend(&frames::block(&[("x", &"y".repeat(4_000))])[1..]);
    block.resize(block.len() + 1_000, 0xbe);
    frames::frame(kind::HEADERS, 4, 1, &block)
}

fn json(person: &Profile) -> Vec<u8> {
    serde_json::to_vec(person).unwrap_or_default()
}

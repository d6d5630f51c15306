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
pub struct Behaviour {
    /// Its name in a list of faults.
    pub name: &'static str,
    pub(crate) play: Play,
    /// Whether an outcome is true of a seat that behaves so. An `Ok` must bring the seat's own person besides.
    pub(crate) expects: fn(&Outcome) -> bool,
}

/// How a behaviour is brought about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Play {
    /// A real server that is well.
    Honest,
    /// The same after a while.
    Slow(Duration),
    /// A real server that has another seat's id.
    Duplicate,
    /// A real server, at an endpoint that asks for its raw dialect.
    Silent,
    /// Nobody listens.
    Refuse,
    /// The steps of a script.
    Script(fn(&Profile) -> Vec<Step>),
}

/// The behaviours, the honest one first. A line each: it is a table, and read as one.
#[rustfmt::skip]
pub(crate) static ZOO: &[Behaviour] = &[
    row("honest", Play::Honest, is_grpc),
    row("slow", Play::Slow(Duration::from_millis(300)), is_grpc),
    row("duplicate", Play::Duplicate, is_grpc),
    row("silent", Play::Silent, is_raw),
    row("refuse", Play::Refuse, |o| matches!(o, Outcome::Refused)),
    // Nothing, at every stage.
    act("mute", |_| vec![Stall], in_headers),
    act("mute-tls", |_| vec![Say(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03".to_vec()), Stall], |o| speaks(o, Speaks::Tls)),
    act("mute-settings", |_| vec![Say(frames::settings()), Stall], in_headers),
    act("mute-headers", |_| vec![Hear, Say(frames::settings()), Say(frames::response()), Stall], in_body),
    act("mute-body", |p| vec![Hear, Say(cut(p, 30)), Stall], in_body),
    act("mute-trailers", |p| vec![Hear, Say(cut(p, END)), Stall], in_body),
    // One byte after another.
    act("drip-settings", |_| vec![Drip(frames::settings(), DRIP), Stall], in_headers),
    act("drip-headers", |_| vec![Hear, Say(frames::settings()), Drip(frames::response(), DRIP), Stall], in_headers),
    act("drip-body", |p| vec![Hear, Say(cut(p, 0)), Drip(frames::message(&message(p)), DRIP), Stall], in_body),
    act("dribble", |p| vec![Hear, Pieces(frames::honest(p), 11)], is_grpc),
    // Ended early: in good order and by RST, at every stage.
    act("close", |_| vec![], is_reset),
    act("close-settings", |_| vec![Say(frames::settings())], is_reset),
    act("close-half-settings", |_| vec![Say(frames::settings()[..5].to_vec())], is_reset),
    act("close-headers", |_| vec![Hear, Say(frames::settings()), Say(frames::response())], is_reset),
    act("close-body", |p| vec![Hear, Say(cut(p, 30))], is_reset),
    act("reset", |_| vec![Reset], is_reset),
    act("reset-request", |_| vec![Hear, Reset], is_reset),
    act("reset-settings", |_| vec![Hear, Say(frames::settings()), Pause(TICK), Reset], is_reset),
    act("reset-headers", |_| vec![Hear, Say(frames::settings()), Say(frames::response()), Pause(TICK), Reset], is_reset),
    act("reset-body", |p| vec![Hear, Say(cut(p, 30)), Pause(TICK), Reset], is_reset),
    act("rst-stream", |_| vec![Hear, Say(frames::settings()), Say(frames::reset(2)), Stall], is_reset),
    act("rst-refused", |_| vec![Hear, Say(frames::settings()), Say(frames::reset(7)), Stall], is_reset),
    act("goaway", |_| vec![Hear, Say(frames::settings()), Say(frames::go_away(0, 0))], is_reset),
    act("goaway-calm", |_| vec![Hear, Say(frames::settings()), Say(frames::go_away(0, 11))], is_reset),
    // Too much of something.
    act("lying-prefix", |_| vec![Hear, Say(start()), Say(frames::prefixed(u32::MAX, b"\x0a")), Stall], is_too_large),
    act("big-message", |_| vec![Hear, Say(start()), Say(frames::prefixed(4 << 20, &[0; 1024])), Flood(frames::data(&[0; 1024], 0))], is_too_large),
    act("endless-messages", |p| vec![Hear, Say(start()), Flood(frames::message(&message(p)))], is_too_large),
    act("big-id", |p| vec![Hear, Say(start()), Say(frames::message(&with(p, |m| m.id = "7".repeat(16_000)))), Stall], is_too_large),
    act("many-trailers", |p| vec![Hear, Say(cut(p, END)), Say(frames::trailers(&vec![("x", "y"); 100_000])), Stall], is_too_large),
    act("big-header", |_| vec![Hear, Say(frames::settings()), Say(frames::headers(&[(":status", "200"), ("x", &"y".repeat(20_000))], 0)), Stall], is_too_large),
    act("hpack-bomb", |_| vec![Hear, Say(frames::settings()), Say(bomb()), Stall], is_too_large),
    act("continuation-flood", |_| vec![Hear, Say(frames::settings()), Say(frames::frame(kind::HEADERS, 0, 1, &[])), Flood(frames::frame(kind::CONTINUATION, 0, 1, &frames::block(&[("x", "y")])))], is_too_large),
    act("ping-flood", |_| vec![Say(frames::settings()), Flood(frames::frame(kind::PING, 0, 0, &[0; 8]))], is_too_large),
    act("settings-flood", |_| vec![Flood(frames::settings())], is_too_large),
    act("window-flood", |_| vec![Say(frames::settings()), Flood(frames::window(1))], is_too_large),
    act("goaway-flood", |_| vec![Hear, Say(frames::settings()), Flood(frames::go_away(1, 0))], is_too_large),
    act("empty-data-flood", |_| vec![Hear, Say(start()), Flood(frames::data(&[], 0))], is_too_large),
    act("unknown-frames", |_| vec![Say(frames::settings()), Flood(frames::frame(kind::UNKNOWN, 0, 0, &[0; 100]))], is_too_large),
    // HTTP/2 against its rules.
    act("no-settings", |_| vec![Hear, Say(frames::response()), Stall], |o| speaks(o, Speaks::Other)),
    act("window-overflow", |_| vec![Hear, Say(frames::settings()), Say(frames::window(0x7fff_ffff)), Stall], |o| speaks(o, Speaks::Other)),
    act("rst-flood", |_| vec![Say(frames::settings()), Flood(frames::frame(kind::RST_STREAM, 0, 7, &[0; 4]))], |o| speaks(o, Speaks::Other)),
    act("push-promise", |_| vec![Hear, Say(frames::settings()), Say(frames::frame(kind::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2])), Stall], |o| speaks(o, Speaks::Other)),
    act("frame-too-long", |_| vec![Hear, Say(frames::settings()), Say(frames::data(&[0; 20_000], 0)), Stall], |o| speaks(o, Speaks::Other)),
    act("zero-window", |p| vec![Say(frames::frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])), Hear, Say(frames::honest(p)[9..].to_vec())], is_grpc),
    act("early-hints", |p| vec![Hear, Say(frames::settings()), Say(frames::headers(&[(":status", "103")], 0)), Say(frames::honest(p)[9..].to_vec())], is_grpc),
    act("odd-frames", |p| vec![Hear, Say(frames::settings()), Say(frames::frame(kind::UNKNOWN, 0xff, 9, b"?")), Say(frames::honest(p)[9..].to_vec())], is_grpc),
    // Other protocols.
    act("http1", |_| vec![Hear, Say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec())], |o| speaks(o, Speaks::Http1)),
    act("tls", |_| vec![Hear, Say(b"\x15\x03\x01\x00\x02\x02\x46".to_vec())], |o| speaks(o, Speaks::Tls)),
    act("ssh", |_| vec![Say(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Stall], |o| speaks(o, Speaks::Text)),
    act("html", |_| vec![Hear, Say(b"<!DOCTYPE html><title>\x1b]0;pwned\x1b\\Router</title>".to_vec())], |o| speaks(o, Speaks::Text)),
    act("http2-page", |_| vec![Hear, Say(frames::settings()), Say(frames::headers(&[(":status", "404"), ("content-type", "text/html")], END_STREAM))], |o| speaks(o, Speaks::Other)),
    act("grpc-web", |p| vec![Hear, Say(frames::settings()), Say(frames::headers(&[(":status", "200"), ("content-type", "application/grpc-web+proto")], 0)), Say(frames::message(&message(p))), Stall], |o| speaks(o, Speaks::Other)),
    act("garbage", |_| vec![Flood(b"\xb7\x00\xfe\x01\x93\xff".to_vec())], |o| speaks(o, Speaks::Other)),
    act("blanks", |_| vec![Flood(b" \n".to_vec())], |o| speaks(o, Speaks::Text)),
    // gRPC against its rules.
    act("junk-message", |_| vec![Hear, Say(start()), Say(frames::message(b"\xff\xff\xff\xff")), Say(good())], is_invalid),
    act("compressed", |p| vec![Hear, Say(start()), Say(frames::data(&[&[1, 0, 0, 0, 40][..], &message(p)].concat(), 0)), Say(good())], is_invalid),
    act("short-message", |_| vec![Hear, Say(start()), Say(frames::data(&[0, 0, 0, 0, 40, 1, 2], END_STREAM))], is_invalid),
    act("no-message", |_| vec![Hear, Say(start()), Say(good())], is_invalid),
    act("no-trailers", |p| vec![Hear, Say(start()), Say(frames::data(&[&[0, 0, 0, 0, message(p).len() as u8][..], &message(p)].concat(), END_STREAM))], is_invalid),
    // Data against the contract.
    act("bad-utf8", |_| vec![Hear, Say(start()), Say(frames::message(b"\x0a\x02\xc3\x28")), Say(good())], is_invalid),
    act("no-height", |p| vec![Hear, Say(odd(p, |m| m.height_cm = None))], is_bad_field),
    act("nan", |p| vec![Hear, Say(odd(p, |m| m.height_cm = Some(f64::NAN)))], is_bad_field),
    act("infinite", |p| vec![Hear, Say(odd(p, |m| m.weight_kg = Some(f64::INFINITY)))], is_bad_field),
    act("negative", |p| vec![Hear, Say(odd(p, |m| m.weight_kg = Some(-60.0)))], is_bad_field),
    act("metres", |p| vec![Hear, Say(odd(p, |m| m.height_cm = Some(1.78)))], is_bad_field),
    act("no-size", |p| vec![Hear, Say(odd(p, |m| m.size = 0))], is_bad_field),
    act("unknown-size", |p| vec![Hear, Say(odd(p, |m| m.size = 99))], is_bad_field),
    act("empty-id", |p| vec![Hear, Say(odd(p, |m| m.id.clear()))], is_bad_field),
    act("long-id", |p| vec![Hear, Say(odd(p, |m| m.id = "7".repeat(3_000)))], is_bad_field),
    act("escape-id", |p| vec![Hear, Say(odd(p, |m| m.id = "\x1b[2J\u{202e}=1+1".to_owned()))], is_bad_field),
    // A status instead.
    act("status-cancelled", |_| vec![Hear, Say(code("1"))], |o| has(o, Code::Cancelled)),
    act("status-unknown", |_| vec![Hear, Say(code("2"))], |o| has(o, Code::Unknown)),
    act("status-invalid-argument", |_| vec![Hear, Say(code("3"))], |o| has(o, Code::InvalidArgument)),
    act("status-deadline-exceeded", |_| vec![Hear, Say(code("4"))], |o| has(o, Code::DeadlineExceeded)),
    act("status-not-found", |_| vec![Hear, Say(code("5"))], |o| has(o, Code::NotFound)),
    act("status-already-exists", |_| vec![Hear, Say(code("6"))], |o| has(o, Code::AlreadyExists)),
    act("status-permission-denied", |_| vec![Hear, Say(code("7"))], |o| has(o, Code::PermissionDenied)),
    act("status-resource-exhausted", |_| vec![Hear, Say(code("8"))], |o| has(o, Code::ResourceExhausted)),
    act("status-failed-precondition", |_| vec![Hear, Say(code("9"))], |o| has(o, Code::FailedPrecondition)),
    act("status-aborted", |_| vec![Hear, Say(code("10"))], |o| has(o, Code::Aborted)),
    act("status-out-of-range", |_| vec![Hear, Say(code("11"))], |o| has(o, Code::OutOfRange)),
    act("status-unimplemented", |_| vec![Hear, Say(code("12"))], |o| has(o, Code::Unimplemented)),
    act("status-internal", |_| vec![Hear, Say(code("13"))], |o| has(o, Code::Internal)),
    act("status-unavailable", |_| vec![Hear, Say(code("14"))], |o| has(o, Code::Unavailable)),
    act("status-data-loss", |_| vec![Hear, Say(code("15"))], |o| has(o, Code::DataLoss)),
    act("status-unauthenticated", |_| vec![Hear, Say(code("16"))], |o| has(o, Code::Unauthenticated)),
    act("status-nonsense", |_| vec![Hear, Say(code("many"))], |o| has(o, Code::Unknown)),
    act("status-pushback", |_| vec![Hear, Say(unavailable("-1"))], |o| has(o, Code::Unavailable)),
    act("status-details", |_| vec![Hear, Say(frames::settings()), Say(frames::status(&[("grpc-status", "5"), ("grpc-status-details-bin", "!!")]))], |o| has(o, Code::NotFound)),
    act("status-escape", |_| vec![Hear, Say(frames::settings()), Say(frames::status(&[("grpc-status", "5"), ("grpc-message", "%1B[31m%E2%80%AE%0D%0A<b>")]))], |o| has(o, Code::NotFound)),
    act("status-late", |p| vec![Hear, Say(cut(p, END)), Say(frames::trailers(&[("grpc-status", "13")]))], |o| has(o, Code::Internal)),
    // The original exercise's servers.
    act("raw", |p| vec![Say(json(p))], is_raw),
    act("raw-open", |p| vec![Say(json(p)), Stall], is_raw),
    act("raw-dribble", |p| vec![Say(b"\r\n ".to_vec()), Pieces(json(p), 7)], is_raw),
    act("raw-cut", |p| vec![Say(json(p)[..20].to_vec())], is_reset),
    act("raw-mute", |p| vec![Say(json(p)[..20].to_vec()), Stall], in_body),
    act("raw-endless", |_| vec![Say(b"{\"id\":\"".to_vec()), Flood(b"7777".to_vec())], is_too_large),
    act("raw-junk", |_| vec![Say(b"{'id': 1}".to_vec())], is_invalid),
    act("raw-metres", |_| vec![Say(br#"{"id":"1","height":1.78,"weight":60,"size":"M"}"#.to_vec())], is_bad_field),
];

/// Between an answer and a reset that would overtake it.
const TICK: Duration = Duration::from_millis(20);

/// Between two bytes that drip: no answer gets through in the time of an attempt.
const DRIP: Duration = Duration::from_secs(1);

/// A cut behind the message.
const END: usize = usize::MAX;

const fn row(name: &'static str, play: Play, expects: fn(&Outcome) -> bool) -> Behaviour {
    Behaviour {
        name,
        play,
        expects,
    }
}

const fn act(
    name: &'static str,
    script: fn(&Profile) -> Vec<Step>,
    expects: fn(&Outcome) -> bool,
) -> Behaviour {
    row(name, Play::Script(script), expects)
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

fn with(person: &Profile, change: fn(&mut GetProfileResponse)) -> Vec<u8> {
    let mut response = GetProfileResponse::from(person);
    change(&mut response);
    response.encode_to_vec()
}

/// An honest answer but for its data.
fn odd(person: &Profile, change: fn(&mut GetProfileResponse)) -> Vec<u8> {
    [start(), frames::message(&with(person, change)), good()].concat()
}

/// An honest answer up to so many bytes of its message's frame.
fn cut(person: &Profile, end: usize) -> Vec<u8> {
    let mut data = frames::message(&message(person));
    data.truncate(end);
    [start(), data].concat()
}

/// What comes before a message, and after it.
fn start() -> Vec<u8> {
    [frames::settings(), frames::response()].concat()
}

fn good() -> Vec<u8> {
    frames::trailers(&[("grpc-status", "0")])
}

fn code(code: &str) -> Vec<u8> {
    let fields = [("grpc-status", code), ("grpc-message", "as%20told")];
    [frames::settings(), frames::status(&fields)].concat()
}

fn unavailable(pushback: &str) -> Vec<u8> {
    let fields = [("grpc-status", "14"), ("grpc-retry-pushback-ms", pushback)];
    [frames::settings(), frames::status(&fields)].concat()
}

/// One large header in the table, and a thousand references to it at one byte each.
fn bomb() -> Vec<u8> {
    let mut block = vec![0x40];
    block.extend(&frames::block(&[("x", &"y".repeat(4_000))])[1..]);
    block.resize(block.len() + 1_000, 0xbe);
    frames::frame(kind::HEADERS, 4, 1, &block)
}

fn json(person: &Profile) -> Vec<u8> {
    serde_json::to_vec(person).unwrap_or_default()
}

//! Checks below gRPC: the connection, the HTTP/2 preface, and a connection that breaks within a request.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{
    check::{
        result::{CheckResult, Verdict, describe, fail, warn},
        target::Target,
    },
    survey::{
        detect::{Detected, MAX_SNIFFED, detect, detect_at_eof},
        outcome::{AttemptPhase, OtherProtocol, Outcome, Protocol},
        sniffed_stream::Stream,
    },
    untrusted::Untrusted,
};

/// Time for a server to close a connection after its client has.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);

/// Time for the first byte of a server's SETTINGS before a request is broken off.
const SETTINGS_TIMEOUT: Duration = Duration::from_secs(1);

/// The client's connection preface with an empty SETTINGS frame (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The header of a HEADERS frame whose 64 bytes of payload are never sent.
const HALF_A_REQUEST: &[u8] = b"\0\0\x40\x01\x05\0\0\0\x01";

pub(super) async fn reachable(target: &mut Target) -> Verdict {
    target.connection = Some(match target.client.connect_only(&target.endpoint).await {
        Ok((stream, _)) => Ok(stream),
        // TCP has connected, so the server is reachable; the next check reports the handshake.
        Err(outcome @ (Outcome::Tls(_) | Outcome::Timeout(AttemptPhase::Tls))) => Err(outcome),
        Err(outcome) => {
            let advice = outcome.hint().unwrap_or_default();
            return fail(
                format!("{}: {}", target.endpoint, describe(&outcome)),
                advice,
            );
        }
    });
    target.is_connected = true;
    Ok(target.endpoint.to_string())
}

/// Sends the preface, and expects a SETTINGS frame first.
pub(super) async fn http2(target: &mut Target) -> Verdict {
    if target.endpoint.raw {
        target.protocol = Some(Protocol::Raw);
        return Err(CheckResult::Skip("the endpoint is asked for bare JSON"));
    }
    let mut stream = match target.connection.take() {
        Some(connection) => connection?,
        None => return Err(Outcome::Reset { json_began: false }.into()),
    };
    // A failed write shows in what is read.
    let _ = stream.write_all(PREFACE).await;
    let _ = stream.flush().await;
    let mut received = [0; MAX_SNIFFED];
    let mut length = 0;
    let reading = async {
        while length < received.len() && detect(&received[..length]).is_none() {
            match stream.read(&mut received[length..]).await {
                Ok(0) | Err(_) => break,
                Ok(read) => length += read,
            }
        }
    };
    let timed_out = timeout(target.config.max_time, reading).await.is_err();
    close(stream).await;
    let received = &received[..length];
    match detect(received).or_else(|| detect_at_eof(received)) {
        Some(Detected::Http2) => {
            target.protocol = Some(Protocol::Grpc);
            Ok("SETTINGS came first".to_owned())
        }
        Some(Detected::Json) => {
            target.protocol = Some(Protocol::Raw);
            warn(
                "it sends a JSON object at once, as the original exercise's servers do",
                "a survey understands that, gRPC callers do not",
            )
        }
        Some(Detected::Other(protocol)) => {
            Err(Outcome::NotGrpc(protocol, Untrusted::first_line(received)).into())
        }
        None if target.serves_tls().await => {
            Err(Outcome::NotGrpc(OtherProtocol::Tls, Untrusted::new("")).into())
        }
        None if timed_out => Err(Outcome::Timeout(AttemptPhase::Headers).into()),
        None => Err(Outcome::Reset { json_began: false }.into()),
    }
}

/// Closes a connection without a reset, which some servers do not survive; that is another check.
async fn close(mut stream: Stream) {
    let _ = stream.shutdown().await;
    let mut rest = [0; 512];
    let draining = async { while let Ok(1..) = stream.read(&mut rest).await {} };
    let _ = timeout(CLOSE_TIMEOUT, draining).await;
}

/// Breaks a connection off within a request, and asks for the profile once more.
pub(super) async fn disconnect(target: &mut Target) -> Verdict {
    let (mut stream, _) = target.client.connect_only(&target.endpoint).await?;
    // A failed write means that the connection is broken already.
    let _ = stream.write_all(PREFACE).await;
    let _ = stream.write_all(HALF_A_REQUEST).await;
    let _ = stream.flush().await;
    // Bytes that stay unread make the system end the connection with a reset.
    let _ = timeout(SETTINGS_TIMEOUT, stream.read_u8()).await;
    drop(stream);
    match target.ask().await.outcome {
        Outcome::Ok { answer, .. } if Some(&answer) == target.profile.as_ref() => {
            Ok("it answers as before".to_owned())
        }
        Outcome::Ok { .. } => fail(
            "it answers with another profile",
            "keep the state of a connection apart from the state of the server",
        ),
        outcome => fail(
            format!("then {}", describe(&outcome)),
            "an error on one connection must not end the server",
        ),
    }
}

//! Checks of the gRPC services: the profile, health, reflection, unknown methods and deadlines.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame};
use prost::Message as _;
use prost_types::FileDescriptorProto;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use crate::{
    check::{
        contract,
        result::{CheckResult, Verdict, describe_status, fail},
        target::{MAX_MESSAGE, SERVICE, Target},
    },
    pb::{GetProfileRequest, GetProfileResponse},
    survey::outcome::{Outcome, Protocol, code_name},
    untrusted::Untrusted,
};

/// The deadline of a call that can never be completed. By then a request has reached even a distant server.
const DEADLINE: Duration = Duration::from_millis(500);

/// Time after the deadline for the call to end: a server's timers need not be exact.
const DEADLINE_SLACK: Duration = Duration::from_secs(3);

/// The method of reflection in both versions.
pub(super) const V1: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
pub(super) const V1_ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

pub(super) async fn data(target: &mut Target) -> Verdict {
    match target.ask().await.outcome {
        Outcome::Ok { protocol, answer } => {
            target.profile = Some(answer);
            Ok(match protocol {
                Protocol::Grpc => "a valid profile".to_owned(),
                Protocol::Raw => "a valid profile, as bare JSON".to_owned(),
            })
        }
        outcome => Err(outcome.into()),
    }
}

pub(super) async fn health(target: &mut Target) -> Verdict {
    const ADVICE: &str = "offer grpc.health.v1.Health, SERVING for \"\" and for \"lab.Profile\"";
    let caller = target.caller().await?;
    for service in ["", SERVICE] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let call = caller
            .clone()
            .unary("/grpc.health.v1.Health/Check", request);
        let response: Result<HealthCheckResponse, Status> = target.within_max_time(call).await;
        let seen = match response.map(|response| response.status()) {
            Ok(ServingStatus::Serving) => continue,
            Ok(status) => status.as_str_name().to_owned(),
            Err(status) => describe_status(&status),
        };
        return fail(format!("for \"{service}\" the answer is {seen}"), ADVICE);
    }
    Ok("SERVING".to_owned())
}

/// Asks a reflection service for the description of the service. Both versions have the same messages.
pub(super) async fn reflection(target: &mut Target, path: &'static str) -> Verdict {
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::FileContainingSymbol(SERVICE.to_owned())),
        ..Default::default()
    };
    let call = target.caller().await?.first_response(path, request);
    let response = target.within_max_time(call).await;
    let response = response.map(|response: Option<ServerReflectionResponse>| {
        response.map(|response| response.message_response)
    });
    let seen = match response {
        Ok(Some(Some(MessageResponse::FileDescriptorResponse(files)))) => {
            let files = files.file_descriptor_proto.iter();
            let files = files.map(|bytes| FileDescriptorProto::decode(&**bytes));
            match files.collect::<Result<_, _>>() {
                Ok(files) => {
                    target.files.get_or_insert(files);
                    return Ok(format!("describes {SERVICE}"));
                }
                Err(error) => {
                    let error = Untrusted::new(&error.to_string());
                    format!("not a file descriptor: {error}")
                }
            }
        }
        Ok(Some(Some(MessageResponse::ErrorResponse(error)))) => {
            format!(
                "the answer is an error: {}",
                Untrusted::new(&error.error_message)
            )
        }
        Ok(Some(_)) => "an answer to another question".to_owned(),
        Ok(None) => "no answer".to_owned(),
        Err(status) => describe_status(&status),
    };
    let service = path.split('/').nth(1).unwrap_or_default();
    fail(
        seen,
        format!("offer {service}, so that grpcurl needs no copy of the proto file"),
    )
}

/// Compares the reflected description with the contract.
pub(super) async fn descriptor(target: &mut Target) -> Verdict {
    let files = target.files.as_deref().unwrap_or_default();
    match contract::differences(files).as_slice() {
        [] => Ok("matches the contract".to_owned()),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            fail(
                format!("{first}{more}"),
                "generate the code from the profile.proto of this project",
            )
        }
    }
}

pub(super) async fn unknown_method(target: &mut Target) -> Verdict {
    const PATH: &str = "/lab.Profile/NoSuchMethod";
    let caller = target.caller().await?;
    let call = caller.unary(PATH, GetProfileRequest {});
    let response: Result<GetProfileResponse, Status> = target.within_max_time(call).await;
    match response {
        Err(status) if status.code() == Code::Unimplemented => Ok("UNIMPLEMENTED".to_owned()),
        Err(status) => fail(
            describe_status(&status),
            "answer UNIMPLEMENTED, so that callers can distinguish a missing method from a broken one",
        ),
        Ok(_) => fail(
            format!("OK for {PATH}"),
            "answer UNIMPLEMENTED; does the server look at the path at all?",
        ),
    }
}

/// Opens a call, never sends its message, and waits for the server to end it at the deadline.
pub(super) async fn deadline(target: &mut Target) -> Verdict {
    let mut caller = target.caller().await?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(caller.uri("/lab.Profile/GetProfile"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", format!("{}m", DEADLINE.as_millis()))
        .body(pending_body());
    let Ok(request) = request else {
        return Err(CheckResult::Skip("this endpoint has no URI"));
    };
    // `None` if the call ends without a status.
    let status = async {
        let response = caller.send(request).await.ok()?;
        if let Some(status) = Status::from_header_map(response.headers()) {
            return Some(status);
        }
        let body = Limited::new(response.into_body(), MAX_MESSAGE);
        Status::from_header_map(body.collect().await.ok()?.trailers()?)
    };
    let start = Instant::now();
    let status = timeout(DEADLINE + DEADLINE_SLACK, status).await;
    match status {
        Ok(status) => judge_end(status.map(|status| status.code()), start.elapsed()),
        Err(_) => fail(
            format!("a call was still open {DEADLINE_SLACK:?} after its deadline"),
            "stop working on a call when its grpc-timeout is over, or stuck calls pile up",
        ),
    }
}

/// Judges how and when an incomplete call ended.
fn judge_end(code: Option<Code>, elapsed: Duration) -> Verdict {
    // A server's clock may run a little fast.
    let early = elapsed < DEADLINE.mul_f64(0.8);
    let after = format!("after {} ms", elapsed.as_millis());
    match code {
        Some(Code::Ok) => Err(CheckResult::Skip(
            "it answers before the request is complete",
        )),
        None if early => fail(
            "a request that came in two parts was reset at once",
            "wait for the message; callers may send it in a frame of its own",
        ),
        None => Ok(format!("the call was reset {after}")),
        Some(code @ (Code::DeadlineExceeded | Code::Cancelled)) if early => fail(
            format!("{} {after}, of {DEADLINE:?}", code_name(code)),
            "wait for the message until the deadline is over",
        ),
        Some(code @ (Code::DeadlineExceeded | Code::Cancelled)) => {
            Ok(format!("{} {after}", code_name(code)))
        }
        Some(code) => fail(
            format!("{} instead of DEADLINE_EXCEEDED", code_name(code)),
            "stop working on a call when its grpc-timeout is over",
        ),
    }
}

/// The body of a request that neither sends anything nor ends.
fn pending_body() -> tonic::body::Body {
    struct Pending;
    impl Body for Pending {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }
    tonic::body::Body::new(Pending)
}

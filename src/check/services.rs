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
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
};

use crate::{
    check::{
        contract, offers,
        reflection::{REFLECTION, file_of},
        result::{CheckResult, Verdict, describe_status, fail, warn},
        target::{MAX_MESSAGE, SERVICE, Target},
    },
    pb::{GetProfileRequest, GetProfileResponse},
    survey::{
        outcome::{Outcome, Protocol},
        status::code_name,
    },
};

/// The deadline of a call that can never be completed. By then a request has reached even a distant server.
const DEADLINE: Duration = Duration::from_millis(500);

/// Time after the deadline for the call to end: a server's timers need not be exact.
const DEADLINE_SLACK: Duration = Duration::from_secs(3);

pub(super) async fn profile(target: &mut Target) -> Verdict {
    let outcome = target.ask().await.outcome;
    target.has_method = match &outcome {
        Outcome::Ok { protocol, .. } => *protocol == Protocol::Grpc,
        Outcome::Status { code, .. } => *code != Code::Unimplemented,
        Outcome::Invalid(_) | Outcome::TooLarge(_) => true,
        _ => false,
    };
    match outcome {
        Outcome::Ok { protocol, answer } => {
            target.profile = Some(answer);
            match protocol {
                Protocol::Raw => Ok("as bare JSON".to_owned()),
                Protocol::Grpc if has_second_message(target).await => warn(
                    "a second message follows the first one",
                    "declare GetProfile without stream; other clients reject a second message",
                ),
                Protocol::Grpc => Ok("by lab.Profile/GetProfile".to_owned()),
            }
        }
        Outcome::Status {
            code: Code::Unimplemented,
            ..
        } => match offers::instead(target).await {
            Some(offer) => fail(
                format!("it has no lab.Profile/GetProfile; {offer}"),
                "package, service and method must be lab, Profile and GetProfile",
            ),
            None => Err(outcome.into()),
        },
        outcome => Err(outcome.into()),
    }
}

async fn has_second_message(target: &mut Target) -> bool {
    let Ok(caller) = target.caller().await else {
        return false;
    };
    let call = caller.responses("/lab.Profile/GetProfile", GetProfileRequest {}, 2);
    let responses: Result<Vec<GetProfileResponse>, Status> = target.within_max_time(call).await;
    responses.is_ok_and(|responses| responses.len() > 1)
}

pub(super) async fn health(target: &mut Target) -> Verdict {
    const ADVICE: &str = "offer grpc.health.v1.Health (in Python grpcio-health-checking), SERVING for \"\" and \"lab.Profile\"";
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
            Err(status) if status.code() == Code::Unimplemented => {
                return warn("not offered", ADVICE);
            }
            Err(status) => describe_status(&status),
        };
        return warn(format!("for \"{service}\" the answer is {seen}"), ADVICE);
    }
    Ok("SERVING".to_owned())
}

/// One version is enough: clients fall back to the other one.
pub(super) async fn reflection(target: &mut Target) -> Verdict {
    let mut reasons = Vec::new();
    for (path, version) in REFLECTION.into_iter().zip(["v1", "v1alpha"]) {
        match file_of(target, path).await {
            Ok(files) => {
                target.files = Some(files);
                return Ok(format!("{version} describes {SERVICE}"));
            }
            Err(reason) => reasons.push(format!("{version}: {reason}")),
        }
    }
    let is_absent = |reason: &String| reason.contains("UNIMPLEMENTED");
    let seen = match reasons.iter().all(is_absent) {
        true => "not offered".to_owned(),
        false => reasons.join("; "),
    };
    warn(
        seen,
        "with gRPC reflection (in Python grpcio-reflection) grpcurl needs no proto file",
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
            warn(
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
        Err(status) => warn(
            describe_status(&status),
            "answer UNIMPLEMENTED, which tells callers that the method is missing",
        ),
        Ok(_) => warn(
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
        Err(_) => warn(
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
        None if early => warn(
            "a request that came in two parts was reset at once",
            "wait for the message; callers may send it in a frame of its own",
        ),
        None => Ok(format!("the call was reset {after}")),
        Some(code @ (Code::DeadlineExceeded | Code::Cancelled)) if early => warn(
            format!("{} {after}, of {DEADLINE:?}", code_name(code)),
            "wait for the message until the deadline is over",
        ),
        Some(code @ (Code::DeadlineExceeded | Code::Cancelled)) => {
            Ok(format!("{} {after}", code_name(code)))
        }
        Some(code) => warn(
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

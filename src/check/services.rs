//! Checks of the gRPC services: the profile, health, reflection, unknown methods and deadlines.

use std::time::Duration;

use http::{Method, Request};
use http_body_util::{BodyExt as _, Limited};
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
        caller::{self, Caller, MAX_MESSAGE},
        contract,
        result::{CheckResult, describe_status},
        target::{SERVICE, Target},
    },
    pb::{GetProfileRequest, GetProfileResponse},
    survey::outcome::{Dialect, Outcome, code_name},
    untrusted::Untrusted,
};

/// The deadline of a call that can never be completed. By then a request has reached even a distant server.
const DEADLINE: Duration = Duration::from_millis(500);

/// Time after the deadline for the call to end: a server's timers need not be exact.
const DEADLINE_SLACK: Duration = Duration::from_secs(3);

pub(super) async fn data(target: &mut Target) -> CheckResult {
    match target.ask().await.outcome {
        Outcome::Ok { dialect, profile } => {
            target.profile = Some(profile);
            CheckResult::Pass(match dialect {
                Dialect::Grpc => "a valid profile".to_owned(),
                Dialect::Raw => "a valid profile, as bare JSON".to_owned(),
            })
        }
        outcome => CheckResult::from_outcome(&outcome),
    }
}

pub(super) async fn health(target: &mut Target) -> CheckResult {
    const ADVICE: &str = "offer grpc.health.v1.Health, SERVING for \"\" and for \"lab.Profile\"";
    let caller = match target.caller().await {
        Ok(caller) => caller,
        Err(result) => return result,
    };
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
        return CheckResult::fail(format!("for \"{service}\" the answer is {seen}"), ADVICE);
    }
    CheckResult::Pass("SERVING".to_owned())
}

pub(super) async fn reflection_v1(target: &mut Target) -> CheckResult {
    reflection(
        target,
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    )
    .await
}

pub(super) async fn reflection_v1alpha(target: &mut Target) -> CheckResult {
    reflection(
        target,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    )
    .await
}

/// Asks a reflection service for the description of the service. Both versions have the same messages.
async fn reflection(target: &mut Target, path: &'static str) -> CheckResult {
    let found = match target.caller().await {
        Ok(caller) => target.within_max_time(reflected_files(caller, path)).await,
        Err(result) => return result,
    };
    let seen = match found {
        Ok(Ok(files)) => {
            target.files.get_or_insert(files);
            return CheckResult::Pass(format!("describes {SERVICE}"));
        }
        Ok(Err(seen)) => seen,
        Err(status) => describe_status(&status),
    };
    let service = path.split('/').nth(1).unwrap_or_default();
    CheckResult::fail(
        seen,
        format!("offer {service}, so that grpcurl needs no copy of the proto file"),
    )
}

/// The files that describe the service, or what the answer is instead.
async fn reflected_files(
    caller: Caller,
    path: &'static str,
) -> Result<Result<Vec<FileDescriptorProto>, String>, Status> {
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::FileContainingSymbol(SERVICE.to_owned())),
        ..Default::default()
    };
    let response: Option<ServerReflectionResponse> = caller.first_response(path, request).await?;
    let Some(response) = response else {
        return Ok(Err("no answer".to_owned()));
    };
    Ok(match response.message_response {
        Some(MessageResponse::FileDescriptorResponse(files)) => {
            let files = files.file_descriptor_proto.iter();
            let decoded = files.map(|bytes| FileDescriptorProto::decode(&**bytes));
            decoded.collect::<Result<_, _>>().map_err(|error| {
                let error = Untrusted::new(&error.to_string());
                format!("not a file descriptor: {error}")
            })
        }
        Some(MessageResponse::ErrorResponse(error)) => {
            let message = Untrusted::new(&error.error_message);
            Err(format!("the answer is an error: {message}"))
        }
        _ => Err("an answer to another question".to_owned()),
    })
}

/// Compares the reflected description with the contract.
pub(super) async fn descriptor(target: &mut Target) -> CheckResult {
    let files = target.files.as_deref().unwrap_or_default();
    match contract::differences(files).as_slice() {
        [] => CheckResult::Pass("matches the contract".to_owned()),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            CheckResult::fail(
                format!("{first}{more}"),
                "generate the code from the room's own profile.proto",
            )
        }
    }
}

pub(super) async fn unknown_method(target: &mut Target) -> CheckResult {
    const PATH: &str = "/lab.Profile/NoSuchMethod";
    let caller = match target.caller().await {
        Ok(caller) => caller,
        Err(result) => return result,
    };
    let call = caller.unary(PATH, GetProfileRequest {});
    let response: Result<GetProfileResponse, Status> = target.within_max_time(call).await;
    match response {
        Err(status) if status.code() == Code::Unimplemented => {
            CheckResult::Pass("UNIMPLEMENTED".to_owned())
        }
        Err(status) => CheckResult::fail(
            describe_status(&status),
            "answer UNIMPLEMENTED, so that callers can distinguish a missing method from a broken one",
        ),
        Ok(_) => CheckResult::fail(
            format!("OK for {PATH}"),
            "answer UNIMPLEMENTED; does the server look at the path at all?",
        ),
    }
}

/// Opens a call, never sends its message, and waits for the server to end it at the deadline.
pub(super) async fn deadline(target: &mut Target) -> CheckResult {
    let mut caller = match target.caller().await {
        Ok(caller) => caller,
        Err(result) => return result,
    };
    let request = Request::builder()
        .method(Method::POST)
        .uri(caller.uri("/lab.Profile/GetProfile"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", format!("{}m", DEADLINE.as_millis()))
        .body(caller::pending_body());
    let Ok(request) = request else {
        return CheckResult::Skip("this endpoint has no URI");
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
        Err(_) => CheckResult::fail(
            format!("a call was still open {DEADLINE_SLACK:?} after its deadline"),
            "stop working on a call when its grpc-timeout is over, or stuck calls pile up",
        ),
    }
}

/// Judges how and when an incomplete call ended.
fn judge_end(code: Option<Code>, elapsed: Duration) -> CheckResult {
    // A server's clock may run a little fast.
    let early = elapsed < DEADLINE.mul_f64(0.8);
    let after = format!("after {} ms", elapsed.as_millis());
    match code {
        Some(Code::Ok) => CheckResult::Skip("it answers before the request is complete"),
        None if early => CheckResult::fail(
            "a request that came in two parts was reset at once",
            "wait for the message; callers may send it in a frame of its own",
        ),
        None => CheckResult::Pass(format!("the call was reset {after}")),
        Some(code @ (Code::DeadlineExceeded | Code::Cancelled)) if early => CheckResult::fail(
            format!("{} {after}, of {DEADLINE:?}", code_name(code)),
            "wait for the message until the deadline is over",
        ),
        Some(code @ (Code::DeadlineExceeded | Code::Cancelled)) => {
            CheckResult::Pass(format!("{} {after}", code_name(code)))
        }
        Some(code) => CheckResult::fail(
            format!("{} instead of DEADLINE_EXCEEDED", code_name(code)),
            "stop working on a call when its grpc-timeout is over",
        ),
    }
}

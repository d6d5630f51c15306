//! The codes of gRPC statuses: their names, and what to do about each.

use tonic::Code;

/// One line on what to do about a status.
pub(crate) fn status_hint(code: Code) -> &'static str {
    match code {
        Code::Unimplemented => "a gRPC server, but it does not have this method",
        Code::Unavailable => "the server cannot answer now; ask again later",
        Code::ResourceExhausted => "the server is at its limit; ask again later",
        Code::PermissionDenied | Code::Unauthenticated => {
            "the server does not let this client ask; does it need credentials (--cert, -H)?"
        }
        Code::NotFound => "the server does not have what was asked for",
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::AlreadyExists
        | Code::OutOfRange => "the server rejects this request; see its message",
        Code::DeadlineExceeded | Code::Cancelled => {
            "the server gave up; does the method need a longer --max-time?"
        }
        _ => "the server failed to execute the call; see its log",
    }
}

/// The status code of this name.
#[must_use]
pub(crate) fn code_of(name: &str) -> Option<Code> {
    let mut codes = (0..=16).map(Code::from_i32);
    codes.find(|code| code_name(*code) == name)
}

/// A status code as the gRPC specification spells it.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

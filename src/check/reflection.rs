//! Questions to the reflection service.

use prost::Message as _;
use prost_types::FileDescriptorProto;
use tonic::Status;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use crate::{
    check::{
        result::describe_status,
        target::{SERVICE, Target},
    },
    schema::reflection,
    untrusted::Untrusted,
};

/// Both versions of the service, the newer one first.
pub(super) const REFLECTION: [&str; 2] = [reflection::V1, reflection::V1_ALPHA];

/// Asks a reflection service one question.
pub(super) async fn reflect(
    target: &mut Target,
    path: &'static str,
    question: MessageRequest,
) -> Result<MessageResponse, String> {
    let request = ServerReflectionRequest {
        message_request: Some(question),
        ..Default::default()
    };
    let caller = target.caller().await;
    let caller = caller.map_err(|_| "the connection failed".to_owned())?;
    let call = caller.responses(path, request, 1);
    let responses: Result<Vec<ServerReflectionResponse>, Status> =
        target.within_max_time(call).await;
    match responses.map(|mut responses| responses.pop()?.message_response) {
        Ok(Some(MessageResponse::ErrorResponse(error))) => Err(format!(
            "the answer is an error: {}",
            Untrusted::new(&error.error_message)
        )),
        Ok(Some(response)) => Ok(response),
        Ok(None) => Err("no answer".to_owned()),
        Err(status) => Err(describe_status(&status)),
    }
}

/// The description of the service.
pub(super) async fn file_of(
    target: &mut Target,
    path: &'static str,
) -> Result<Vec<FileDescriptorProto>, String> {
    let question = MessageRequest::FileContainingSymbol(SERVICE.to_owned());
    match reflect(target, path, question).await? {
        MessageResponse::FileDescriptorResponse(files) => {
            let files = files.file_descriptor_proto.iter();
            let files = files.map(|bytes| FileDescriptorProto::decode(&**bytes));
            files
                .collect::<Result<_, _>>()
                .map_err(|_| "the answer is not a file descriptor".to_owned())
        }
        _ => Err("an answer to another question".to_owned()),
    }
}

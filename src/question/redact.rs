//! Metadata may be secret, and a server may repeat it in the message of its status, which reports contain.

use tonic::{
    Status,
    metadata::{KeyAndValueRef, MetadataMap},
};

/// A shorter value is too likely to be an ordinary word of the message.
const MIN_LENGTH: usize = 6;

/// The same status without what was sent to the server as `metadata`.
pub(super) fn redacted(status: Status, metadata: &MetadataMap) -> Status {
    let mut secrets: Vec<String> = metadata.iter().flat_map(secrets).collect();
    secrets.retain(|secret| secret.len() >= MIN_LENGTH && status.message().contains(secret));
    if secrets.is_empty() {
        return status;
    }
    // One may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut message = status.message().to_owned();
    for secret in secrets {
        message = message.replace(&secret, "(redacted)");
    }
    Status::with_metadata(status.code(), message, status.metadata().clone())
}

/// A value, and the part of it that a server is likely to repeat: what follows the scheme of `authorization`, the
/// decoded bytes.
fn secrets(entry: KeyAndValueRef<'_>) -> Vec<String> {
    match entry {
        KeyAndValueRef::Ascii(_, value) => {
            let value = value.to_str().unwrap_or_default();
            let part = value.split_once(' ').map(|(_, part)| part);
            [Some(value), part]
                .into_iter()
                .flatten()
                .map(str::to_owned)
                .collect()
        }
        KeyAndValueRef::Binary(_, value) => {
            let encoded = String::from_utf8_lossy(value.as_encoded_bytes());
            let mut secrets = vec![encoded.trim_end_matches('=').to_owned()];
            let decoded = value.to_bytes().unwrap_or_default();
            secrets.extend(str::from_utf8(&decoded).map(str::to_owned));
            secrets
        }
    }
}

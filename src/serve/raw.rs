//! The raw protocol: the original exercise's clients connect, send nothing, and read one JSON object.

use std::{io, sync::Arc};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::serve::{
    context::ConnectionContext,
    detect::{Detection, classify},
    metrics::ServedProtocol,
    prefixed_io::{PrefixedIo, Transport},
};

/// Sends the profile and closes.
pub(crate) async fn serve(transport: Transport, context: Arc<ConnectionContext>) {
    let metrics = &context.server.metrics;
    metrics.count_connection(ServedProtocol::Raw, false);
    let Some(profile) = context.server.config.profile.profile(context.local) else {
        return;
    };
    let mut io = PrefixedIo::new(transport, Bytes::new());
    let send = async {
        io.write_all(profile.to_json().as_bytes()).await?;
        io.shutdown().await?;
        // Closing a socket with unread bytes sends a reset, and the peer may lose the answer.
        if sends_request(&mut io).await? {
            metrics.count_late_request();
        }
        Ok::<_, io::Error>(())
    };
    tracing::debug!(peer = context.peer_name(), "raw profile sent");
    // A peer that neither reads nor closes is given up.
    let _ = tokio::time::timeout(context.server.config.limits.handshake, send).await;
}

/// Reads until the peer closes or its protocol is known. A peer that sends a request after all uses another
/// protocol: its first packets were lost until the raw answer was due.
async fn sends_request(io: &mut PrefixedIo) -> io::Result<bool> {
    let mut received = Vec::with_capacity(64);
    while io.read_buf(&mut received).await? > 0 {
        match classify(&received) {
            Detection::Incomplete => {}
            Detection::Protocol(_) => return Ok(true),
            Detection::Unknown => break,
        }
    }
    Ok(false)
}

//! The raw dialect: the original exercise's clients connect, say nothing and read one JSON object.

use std::{io, sync::Arc};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::serve::{
    Visit,
    detect::{Verdict, judge},
    io::Io,
    metrics::Dialect,
};

/// Sends the profile and closes.
pub(crate) async fn serve(mut io: Io, visit: Arc<Visit>) {
    let metrics = &visit.server.metrics;
    metrics.connection(Dialect::Raw, false);
    let Some(profile) = visit.server.config.profile.profile(visit.local) else {
        return;
    };
    let send = async {
        io.write_all(profile.to_json().as_bytes()).await?;
        io.shutdown().await?;
        // To close a socket with unread bytes resets it, and the peer may lose what was sent.
        if sends_request(&mut io).await? {
            metrics.late_request();
        }
        Ok::<_, io::Error>(())
    };
    // A peer that neither reads nor closes is given up.
    let _ = tokio::time::timeout(visit.server.config.limits.handshake, send).await;
}

/// Reads until the peer closes or its protocol is clear. One that sends a request after all was not silent: its
/// packets were lost until the raw answer was due.
async fn sends_request(io: &mut Io) -> io::Result<bool> {
    let mut received = Vec::with_capacity(64);
    while io.read_buf(&mut received).await? > 0 {
        match judge(&received) {
            Verdict::More => {}
            Verdict::Is(_) => return Ok(true),
            Verdict::Stranger => break,
        }
    }
    Ok(false)
}

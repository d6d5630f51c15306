//! The raw dialect: the original exercise's clients connect, say nothing and read one JSON object.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::serve::{Visit, io::Io, metrics::Dialect};

/// Sends the profile and closes.
pub(crate) async fn serve(mut io: Io, visit: Arc<Visit>) {
    visit.server.metrics.connection(Dialect::Raw, false);
    let Some(answer) = visit.server.config.profile.answer(visit.local) else {
        return;
    };
    let send = async {
        io.write_all(&answer.json).await?;
        io.shutdown().await?;
        // To close a socket with unread bytes resets it, and the peer may lose what was sent: a client that
        // made up its mind to speak after all is heard out, some bytes of it.
        let mut ignored = [0; 1024];
        io.read(&mut ignored).await
    };
    // A peer that does not read is given up; there is nobody to tell.
    let _ = tokio::time::timeout(visit.server.gate.limits().handshake, send).await;
}

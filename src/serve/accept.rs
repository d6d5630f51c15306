//! The accept loop: accepts connections until the server drains, and survives every error of accept(2).

use std::{io, net::SocketAddr, time::Duration};

use tokio::time::sleep;

use crate::serve::{context::Phase, listen::Listener, prefixed_io::Transport, server::Server};

/// Accepts connections and serves each in a task of its own.
pub(crate) async fn accept(server: Server, listener: Listener) {
    let mut phase = server.shared.phase.subscribe();
    let mut backoff = AcceptBackoff::default();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => {
                backoff.reset();
                start(&server, connection);
            }
            Err(error) => {
                server.shared.metrics.accept_error();
                tokio::select! {
                    biased;
                    _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
                    () = backoff.wait(&error) => {}
                }
            }
        }
    }
    for connection in listener.close() {
        start(&server, connection);
    }
}

fn start(server: &Server, (transport, peer): (Transport, Option<SocketAddr>)) {
    tokio::spawn(server.serve(transport, peer.map(|peer| peer.ip())));
}

/// The pause after an error of accept(2).
///
/// A lack of descriptors or memory lasts longer than a moment: a loop that retries at once takes a whole core from
/// the tasks that would release descriptors.
pub(crate) struct AcceptBackoff(Duration);

impl Default for AcceptBackoff {
    fn default() -> Self {
        Self(Self::FIRST)
    }
}

impl AcceptBackoff {
    const FIRST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(1);

    /// To be called when a connection was accepted.
    pub(crate) fn reset(&mut self) {
        self.0 = Self::FIRST;
    }

    /// Waits after an error of accept(2), twice as long each time in a row.
    pub(crate) async fn wait(&mut self, error: &io::Error) {
        // These are about a connection that is gone already, not about the listener or this process.
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::Interrupted
        ) {
            return;
        }
        let pause = self.0;
        tracing::warn!(%error, ?pause, "accept failed, retrying after a pause");
        self.0 = (2 * pause).min(Self::LONGEST);
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn accept_backoff_doubles_up_to_a_second_and_is_reset_by_a_success() {
        let mut backoff = AcceptBackoff::default();
        let full = io::Error::from_raw_os_error(24);
        let after = async |backoff: &mut AcceptBackoff, error: &io::Error| {
            let start = Instant::now();
            backoff.wait(error).await;
            start.elapsed().as_millis()
        };
        let mut pauses = Vec::new();
        for _ in 0..10 {
            pauses.push(after(&mut backoff, &full).await);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        let gone = io::ErrorKind::ConnectionAborted.into();
        assert_eq!(after(&mut backoff, &gone).await, 0);
        backoff.reset();
        assert_eq!(after(&mut backoff, &full).await, 5);
    }
}

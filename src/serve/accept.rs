//! The accept loop: takes connections until the server drains, and outlives every error of accept(2).

use std::{io, net::SocketAddr, time::Duration};

use tokio::time::sleep;

use crate::serve::{Phase, Server, io::Transport, listen::Listener};

/// Accepts connections and serves each in a task of its own.
pub(crate) async fn accept(server: Server, listener: Listener) {
    let mut phase = server.shared.phase.subscribe();
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => {
                pause.reset();
                start(&server, connection);
            }
            Err(error) => {
                server.shared.metrics.accept_error();
                tokio::select! {
                    biased;
                    _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
                    () = pause.after(&error) => {}
                }
            }
        }
    }
    for connection in listener.close() {
        start(&server, connection);
    }
}

fn start(server: &Server, (transport, peer): (Transport, Option<SocketAddr>)) {
    let local = match &transport {
        Transport::Tcp(stream) => stream.local_addr().ok(),
        _ => None,
    };
    let peer = peer.map(|peer| peer.ip());
    tokio::spawn(server.serve(transport, peer, local));
}

/// How long to leave accept(2) alone after it failed.
///
/// Running out of descriptors or memory lasts longer than a moment: a loop that tries again at once takes a
/// whole core, and the time it takes is missing where descriptors are given back.
pub(crate) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(Self::FIRST)
    }
}

impl Pause {
    const FIRST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(1);

    /// To be called when a connection was accepted.
    pub(crate) fn reset(&mut self) {
        self.0 = Self::FIRST;
    }

    /// Waits as long as this error asks for, twice as long each time in a row.
    pub(crate) async fn after(&mut self, error: &io::Error) {
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
        tracing::warn!(%error, ?pause, "no connection could be accepted; trying again");
        self.0 = (2 * pause).min(Self::LONGEST);
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_a_second_and_begin_anew_after_a_success() {
        let mut pause = Pause::default();
        let full = io::Error::from_raw_os_error(24);
        let after = async |pause: &mut Pause, error: &io::Error| {
            let start = Instant::now();
            pause.after(error).await;
            start.elapsed().as_millis()
        };
        let mut pauses = Vec::new();
        for _ in 0..10 {
            pauses.push(after(&mut pause, &full).await);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        let gone = io::ErrorKind::ConnectionAborted.into();
        assert_eq!(after(&mut pause, &gone).await, 0);
        pause.reset();
        assert_eq!(after(&mut pause, &full).await, 5);
    }
}

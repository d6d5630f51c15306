//! The accept loop: takes connections until the server drains, and outlives every error of accept(2).

use std::{io, time::Duration};

use tokio::time::sleep;

use crate::serve::{Phase, Server, io::Transport, listen::Listener};

/// Running out of descriptors or memory lasts longer than a moment: an accept loop that tries again at once
/// takes a whole core, and the time it takes is missing where descriptors are given back.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections and serves each in a task of its own.
pub(crate) async fn accept(server: Server, listener: Listener) {
    let mut phase = server.shared.phase.subscribe();
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(connection) => {
                pause = FIRST_PAUSE;
                start(&server, connection);
            }
            Err(error) if is_of_one_connection(&error) => server.shared.metrics.accept_error(),
            Err(error) => {
                server.shared.metrics.accept_error();
                tracing::warn!(%error, ?pause, "no connection could be accepted; trying again");
                tokio::select! {
                    _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
                    () = sleep(pause) => {}
                }
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
    }
    // To close a listener resets whoever is waiting in its queue: they are let in and told to leave properly.
    while let Some(Ok(connection)) = listener.accept_waiting().await {
        start(&server, connection);
    }
}

fn start(server: &Server, (transport, peer): (Transport, Option<std::net::SocketAddr>)) {
    let server = server.clone();
    tokio::spawn(async move {
        let local = match &transport {
            Transport::Tcp(stream) => stream.local_addr().ok(),
            _ => None,
        };
        let peer = peer.map(|peer| peer.ip());
        server.serve(transport, peer, local).await;
    });
}

/// Errors that are about a connection which is gone already, not about the listener or this process.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

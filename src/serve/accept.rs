//! The accept loop: accepts connections until the server drains, and survives every error of accept(2).

use std::net::SocketAddr;

use crate::serve::{
    accept_backoff::AcceptBackoff, context::Phase, listen::Listener, prefixed_io::Transport,
    server::Server,
};

/// Accepts connections and serves each in a task of its own.
pub(crate) async fn accept(server: Server, listener: Listener) {
    let mut phase = server.shared.phase.subscribe();
    let mut backoff = AcceptBackoff::default();
    let accept = || async {
        let accepted = listener.accept().await;
        accepted.inspect_err(|_| server.shared.metrics.count_accept_error())
    };
    loop {
        tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
            connection = backoff.accept(accept) => start(&server, connection),
        }
    }
    for connection in listener.close() {
        start(&server, connection);
    }
}

fn start(server: &Server, (transport, peer): (Transport, Option<SocketAddr>)) {
    tokio::spawn(server.serve(transport, peer.map(|peer| peer.ip())));
}

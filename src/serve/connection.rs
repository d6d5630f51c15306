//! One connection from accept to its end: admission, protocol detection, TLS, and the protocol's handler.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsAcceptor;

use crate::serve::{
    config::{Config, Protocols},
    context::{ConnectionContext, Phase, Shared, peer_name},
    detect::{Detection, WireProtocol, classify},
    grpc, http,
    limiter::LimitReached,
    metrics::RejectReason,
    prefixed_io::{PrefixedIo, Transport},
    raw,
};

/// Serves a connection until it ends or the server cuts it.
pub(crate) async fn serve(
    server: Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
    transport: Transport,
    peer: Option<IpAddr>,
) {
    // A dual-stack listener sees IPv4 peers as IPv4-mapped addresses; the allow list and the limits name IPv4.
    let peer = peer.map(|peer| peer.to_canonical());
    if peer.is_some_and(|peer| !server.allows(peer)) {
        return server.metrics.count_rejection(RejectReason::NotAllowed);
    }
    let permit = match server.limiter.admit(peer) {
        Ok(permit) => permit,
        Err(reached) => {
            return server.metrics.count_rejection(match reached {
                LimitReached::Total => RejectReason::Connections,
                LimitReached::Address => RejectReason::ConnectionsPerAddress,
            });
        }
    };
    let context = Arc::new(ConnectionContext {
        server: Arc::clone(&server),
        permit,
        peer,
        local: transport.local_addr(),
    });
    tokio::select! {
        biased;
        served = detect_and_dispatch(context, transport) => {
            if let Err(reason) = served {
                server.metrics.count_rejection(reason);
                log_rejection(&server, reason, peer);
            }
        }
        _ = phase.wait_for(|phase| *phase == Phase::Cut) => {}
    }
}

async fn detect_and_dispatch(
    context: Arc<ConnectionContext>,
    mut transport: Transport,
) -> Result<(), RejectReason> {
    let Config {
        protocols,
        tls,
        plaintext,
        limits,
        ..
    } = &context.server.config;
    let plaintext = *plaintext || tls.is_none();
    let deadline = Instant::now() + limits.handshake;
    let raw_at = (protocols.raw && plaintext).then(|| Instant::now() + limits.raw_delay);

    let Some((protocol, prefix)) = detect(&mut transport, deadline, raw_at).await? else {
        Box::pin(raw::serve(transport, context)).await;
        return Ok(());
    };
    let io = PrefixedIo::new(transport, prefix);
    if protocol != WireProtocol::Tls {
        if !plaintext {
            // A peer that does not read is given up.
            let _ = timeout_at(deadline, send_alert(io)).await;
            return Err(RejectReason::Plaintext);
        }
        return dispatch(context, protocol, io, false).await;
    }

    let Some(tls) = tls else {
        return Err(RejectReason::NoCertificate);
    };
    let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
    // Boxed, so that the task of a connection without TLS has no space for a handshake.
    let handshake = Box::pin(acceptor.accept(io));
    let mut session = match timeout_at(deadline, handshake).await {
        Ok(Ok(session)) => Transport::Tls(Box::new(session)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            return Err(RejectReason::Tls);
        }
        Err(_) => return Err(RejectReason::Timeout),
    };
    match detect(&mut session, deadline, None).await? {
        None | Some((WireProtocol::Tls, _)) => Err(RejectReason::UnrecognizedProtocol),
        Some((protocol, prefix)) => {
            dispatch(context, protocol, PrefixedIo::new(session, prefix), true).await
        }
    }
}

/// Ends a connection with a TLS alert, by which a peer without TLS recognises what is served.
async fn send_alert(mut io: PrefixedIo) -> io::Result<()> {
    // A record of type alert, TLS 1.2, with a fatal unexpected_message (RFC 8446, section 6).
    io.write_all(b"\x15\x03\x03\0\x02\x02\x0a").await?;
    io.shutdown().await?;
    // Closing a socket with unread bytes sends a reset, and the peer may lose the alert.
    let mut unread = [0; 512];
    while io.read(&mut unread).await? > 0 {}
    Ok(())
}

/// Reads until the peer's protocol is known, and returns it with the bytes read. `None` is a peer that has sent
/// nothing by `raw_at`.
async fn detect(
    transport: &mut (impl AsyncRead + Unpin),
    deadline: Instant,
    raw_at: Option<Instant>,
) -> Result<Option<(WireProtocol, Bytes)>, RejectReason> {
    // The preface and the first call of a gRPC client usually arrive together and fit.
    let mut bytes = BytesMut::with_capacity(512);
    loop {
        let until = raw_at.filter(|_| bytes.is_empty()).unwrap_or(deadline);
        match timeout_at(until, transport.read_buf(&mut bytes)).await {
            Ok(Ok(0) | Err(_)) => return Err(RejectReason::Closed),
            Ok(Ok(_)) => {}
            Err(_) if bytes.is_empty() && raw_at.is_some() => return Ok(None),
            Err(_) => return Err(RejectReason::Timeout),
        }
        match classify(&bytes) {
            Detection::Incomplete => {}
            Detection::Protocol(protocol) => return Ok(Some((protocol, bytes.freeze()))),
            Detection::Unknown => return Err(RejectReason::UnrecognizedProtocol),
        }
    }
}

async fn dispatch(
    context: Arc<ConnectionContext>,
    protocol: WireProtocol,
    io: PrefixedIo,
    tls: bool,
) -> Result<(), RejectReason> {
    let Protocols { grpc, http, raw: _ } = context.server.config.protocols;
    match protocol {
        // Boxed, so that the task of a connection that has sent nothing yet is small.
        WireProtocol::Http2 if grpc => Box::pin(grpc::serve(io, context, tls)).await,
        WireProtocol::Http1 if http => Box::pin(http::serve(io, context, tls)).await,
        WireProtocol::Http2 | WireProtocol::Http1 | WireProtocol::Tls => {
            return Err(RejectReason::ProtocolNotAccepted);
        }
    }
    Ok(())
}

/// Logs a refused connection. Those that a user can mend with another flag are warnings, at most one a second, so
/// that a peer cannot fill the log.
fn log_rejection(server: &Shared, reason: RejectReason, peer: Option<IpAddr>) {
    let peer = peer_name(peer);
    if matches!(
        reason,
        RejectReason::NoCertificate | RejectReason::Plaintext
    ) {
        let now = Instant::now();
        let mut last = server
            .last_rejection_log
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now < last + Duration::from_secs(1)) {
            return;
        }
        *last = Some(now);
    }
    match reason {
        RejectReason::NoCertificate => tracing::warn!(
            peer,
            "TLS client, but no certificate: call with -plaintext, or start the server with --cert and --key"
        ),
        RejectReason::Plaintext => tracing::warn!(
            peer,
            "plaintext client, but only TLS is served: call with TLS (labrpc with --cacert, grpcurl without -plaintext), or start the server with --plaintext"
        ),
        reason => tracing::debug!(%reason, peer, "connection rejected"),
    }
}

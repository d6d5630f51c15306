//! From an endpoint to a connected stream: name resolution, the addresses of a name in turn, and TLS.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    task::spawn_blocking,
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;

use crate::{
    survey::{
        classify::{Conclusion, Retry, connect_error, io_error},
        config::Tls,
        endpoint::Address,
        outcome::{AttemptPhase, Outcome},
        sniffed_stream::Stream,
    },
    untrusted::Untrusted,
};

/// Longest time to wait for one name: getaddrinfo has no limit of its own.
pub(crate) const DNS_TIMEOUT: Duration = Duration::from_secs(2);

/// Names looked up at the same time. Each holds a thread of the blocking pool, which has 512, until getaddrinfo
/// returns. With a resolver that does not answer, that is much later than the end of [`DNS_TIMEOUT`].
pub(crate) const MAX_DNS_LOOKUPS: usize = 128;

/// Delay before a Unix socket whose queue is full is tried again.
#[cfg(unix)]
const QUEUE_FULL_DELAY: Duration = Duration::from_millis(20);

/// Looks up the addresses of a name. `permit` is dropped when the resolver has returned, which may be after this
/// function has.
///
/// # Errors
/// The resolver's reason, or that it took longer than `limit` or [`DNS_TIMEOUT`].
pub(crate) async fn resolve(
    name: &str,
    port: u16,
    limit: Duration,
    permit: impl Send + 'static,
) -> Result<Vec<SocketAddr>, Untrusted> {
    let limit = limit.min(DNS_TIMEOUT);
    let host = (name.to_owned(), port);
    let lookup = async {
        let looking_up = spawn_blocking(move || {
            let _permit = permit;
            host.to_socket_addrs()
        });
        looking_up.await?
    };
    let addresses: Vec<_> = match timeout(limit, lookup).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(Untrusted::new(&error.to_string())),
        Err(_) => {
            let reason = format!("the resolver did not answer within {limit:?}");
            return Err(Untrusted::new(&reason));
        }
    };
    if addresses.is_empty() {
        return Err(Untrusted::new("the name has no address"));
    }
    Ok(addresses)
}

/// Connects within `limit`. The `resolved` addresses of a name are tried in turn, each with an equal share of the
/// time that is left.
pub(crate) async fn connect<A>(
    address: &Address,
    resolved: &[SocketAddr],
    limit: Duration,
) -> Result<Stream, Conclusion<A>> {
    match address {
        Address::Ip(ip, port) | Address::Resolved(_, ip, port) => {
            tcp(SocketAddr::new(*ip, *port), limit).await
        }
        Address::Unix(path) => unix(path, limit).await,
        Address::Name(..) | Address::Dns(..) => {
            let start = Instant::now();
            let mut best_failure = Conclusion::from(Outcome::Unreachable);
            for (address, untried) in resolved.iter().zip((1..=resolved.len() as u32).rev()) {
                let left = limit.saturating_sub(start.elapsed());
                match tcp(*address, left / untried).await {
                    Ok(stream) => return Ok(stream),
                    Err(failure) if specificity(&failure) >= specificity(&best_failure) => {
                        best_failure = failure;
                    }
                    Err(_) => {}
                }
            }
            Err(best_failure)
        }
    }
}

/// Ranks failures by how much they say about the peer. With two addresses (often one IPv6 without a route) the more
/// specific failure is reported.
fn specificity<A>(failure: &Conclusion<A>) -> u8 {
    match (&failure.outcome, failure.retry) {
        // This address has not been tried yet.
        (_, Retry::WhenFree) => 3,
        (Outcome::Refused, _) => 2,
        (Outcome::Unreachable, _) => 0,
        _ => 1,
    }
}

async fn tcp<A>(address: SocketAddr, limit: Duration) -> Result<Stream, Conclusion<A>> {
    let connecting = async {
        TcpStream::connect(address).await.map_err(|error| {
            // The same error stands for ports that have run out.
            let is_ambiguous = error.kind() == io::ErrorKind::AddrNotAvailable;
            match is_ambiguous && !has_source_address(address.ip()) {
                true => io::ErrorKind::NetworkUnreachable.into(),
                false => error,
            }
        })
    };
    let stream = within(limit, connecting).await?;
    // The call is written in one piece. The little that follows must not wait for the peer's acknowledgement.
    stream
        .set_nodelay(true)
        .map_err(|error| connect_error(&error))?;
    Ok(Box::new(stream))
}

/// Whether this machine has an address from which it could reach `peer`. A datagram socket has ports of its own, so
/// it shows this even when the TCP ports have run out; connecting it sends nothing.
fn has_source_address(peer: IpAddr) -> bool {
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let connected = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((peer, 9)));
    connected.map_or_else(
        |error| error.kind() != io::ErrorKind::AddrNotAvailable,
        |()| true,
    )
}

#[cfg(unix)]
async fn unix<A>(path: &std::path::Path, limit: Duration) -> Result<Stream, Conclusion<A>> {
    // Over TCP, Linux waits until the listener's queue has room; with a Unix socket it returns EAGAIN.
    let connecting = async {
        loop {
            match tokio::net::UnixStream::connect(path).await {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(QUEUE_FULL_DELAY).await;
                }
                connected => return connected,
            }
        }
    };
    Ok(Box::new(within(limit, connecting).await?))
}

#[cfg(not(unix))]
async fn unix<A>(_: &std::path::Path, _: Duration) -> Result<Stream, Conclusion<A>> {
    Err(Conclusion::from(Outcome::LocalError {
        reason: Untrusted::new("this system has no Unix sockets"),
        exhausted: false,
    }))
}

async fn within<T, A>(
    limit: Duration,
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, Conclusion<A>> {
    match timeout(limit, connecting).await {
        Ok(connected) => connected.map_err(|error| connect_error(&error)),
        Err(_) => Err(Outcome::Timeout(AttemptPhase::Connect).into()),
    }
}

/// Performs the TLS handshake over a connected stream.
pub(crate) async fn encrypt<A>(
    stream: Stream,
    tls: &Tls,
    address: &Address,
) -> Result<Stream, Outcome<A>> {
    let host = match (&tls.authority, address) {
        (Some(authority), _) => authority.host().trim_matches(['[', ']']).to_owned(),
        (None, Address::Ip(ip, _)) => ip.to_string(),
        (None, Address::Name(name, _) | Address::Resolved(name, _, _) | Address::Dns(name, _)) => {
            name.to_string()
        }
        (None, Address::Unix(_)) => "localhost".to_owned(),
    };
    let name = rustls::pki_types::ServerName::try_from(host).map_err(|_| {
        Outcome::Tls(Untrusted::new(
            "the host is no name that a certificate can have",
        ))
    })?;
    let connector = TlsConnector::from(Arc::clone(&tls.config));
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(io_error(&error, AttemptPhase::Tls)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[tokio::test]
    async fn addresses_of_a_name_are_tried_in_turn_and_the_most_specific_failure_is_kept() {
        // Bound and not listening: it refuses, and no other process can take it.
        let refusing = TcpSocket::new_v4().unwrap();
        refusing.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let refusing = refusing.local_addr().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let good = listener.local_addr().unwrap();

        let name = Address::Name("two.example".into(), 1024);
        let limit = Duration::from_secs(3600);
        assert!(connect::<()>(&name, &[refusing, good], limit).await.is_ok());
        let failure = connect::<()>(&name, &[refusing, refusing], limit)
            .await
            .err()
            .unwrap();
        assert_eq!(failure.outcome, Outcome::Refused);

        let short = Duration::from_secs(2);
        // There is no route to this address (RFC 6666), whatever its position among the others.
        let nowhere: SocketAddr = "[100::1]:1024".parse().unwrap();
        for addresses in [[refusing, nowhere], [nowhere, refusing]] {
            let failure = connect::<()>(&name, &addresses, short).await.err().unwrap();
            assert_eq!(failure.outcome, Outcome::Refused, "{addresses:?}");
        }
    }
}

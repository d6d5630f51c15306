//! From an endpoint to a connected socket: name resolution, the addresses of a name in turn, and what the
//! operating system's errors mean.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};

use crate::{
    survey::{
        endpoint::Address,
        outcome::{AttemptPhase, Outcome},
    },
    untrusted::Untrusted,
};

/// Longest time that one name is waited for: getaddrinfo has no limit of its own.
pub(crate) const LOOKUP: Duration = Duration::from_secs(2);

/// Names looked up at the same time. Each holds a thread of the blocking pool, which has 512, for as long as
/// getaddrinfo takes: with a resolver that does not answer, much longer than anybody waits for it.
pub(crate) const LOOKUPS: usize = 128;

/// Delay before a Unix socket whose queue is full is tried again.
#[cfg(unix)]
const QUEUE_FULL: Duration = Duration::from_millis(20);

/// Anything that bytes go through: TCP, a Unix socket, TLS over either.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connected peer of any kind. The one allocation costs less than a copy of the call's code for each kind.
pub(crate) type Stream = Box<dyn Duplex>;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This machine has none left of what a connection needs; the operating system's word for it.
    Exhausted(io::Error),
    /// Anything else.
    Outcome(Outcome),
}

impl Failure {
    /// How much it tells of the peer: of a name with two addresses the one often has no route from here, and what
    /// became of the other is the answer.
    fn tells(&self) -> u8 {
        match self {
            Self::Outcome(Outcome::Unreachable) => 0,
            Self::Outcome(Outcome::Refused) => 2,
            Self::Outcome(_) => 1,
            // It is asked again.
            Self::Exhausted(_) => 3,
        }
    }
}

/// Looks up the addresses of a name. `held` is dropped when the resolver has returned, which may be after the caller
/// has given up.
///
/// # Errors
/// The resolver's reason, or that it took longer than `limit` or 2 s.
pub(crate) async fn resolve(
    name: &str,
    port: u16,
    limit: Duration,
    held: impl Send + 'static,
) -> Result<Vec<SocketAddr>, Untrusted> {
    let limit = limit.min(LOOKUP);
    let host = (name.to_owned(), port);
    let lookup = async {
        let looking_up = spawn_blocking(move || {
            let _held = held;
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

/// Connects within `limit`. Of a name the `resolved` addresses are tried in turn, and each gets an equal share
/// of the time that is left.
pub(crate) async fn connect(
    address: &Address,
    resolved: &[SocketAddr],
    limit: Duration,
) -> Result<Stream, Failure> {
    match address {
        Address::Ip(ip, port) => tcp(SocketAddr::new(*ip, *port), limit).await,
        Address::Unix(path) => unix(path, limit).await,
        Address::Name(..) => {
            let start = Instant::now();
            let mut telling = Failure::Outcome(Outcome::Unreachable);
            for (address, untried) in resolved.iter().zip((1..=resolved.len() as u32).rev()) {
                let left = limit.saturating_sub(start.elapsed());
                match tcp(*address, left / untried).await {
                    Ok(stream) => return Ok(stream),
                    Err(failure) if failure.tells() >= telling.tells() => telling = failure,
                    Err(_) => {}
                }
            }
            Err(telling)
        }
    }
}

async fn tcp(address: SocketAddr, limit: Duration) -> Result<Stream, Failure> {
    let stream = match within(limit, TcpStream::connect(address)).await {
        Err(Failure::Exhausted(error))
            if error.kind() == io::ErrorKind::AddrNotAvailable && !has_source(address.ip()) =>
        {
            return Err(Failure::Outcome(Outcome::Unreachable));
        }
        connected => connected?,
    };
    // The call's bytes leave in one piece; what little follows must not wait for the peer's acknowledgement.
    stream.set_nodelay(true).map_err(failure)?;
    Ok(Box::new(stream))
}

/// Whether this machine has an address to ask another one from. Where it has none, connecting fails with the error
/// that also stands for ports that have run out. A datagram socket has ports of its own and sends nothing yet.
fn has_source(peer: IpAddr) -> bool {
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
async fn unix(path: &std::path::Path, limit: Duration) -> Result<Stream, Failure> {
    // Linux does not wait for a place in a socket's queue, as it does over TCP, but returns EAGAIN.
    let connecting = async {
        loop {
            match tokio::net::UnixStream::connect(path).await {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(QUEUE_FULL).await,
                connected => return connected,
            }
        }
    };
    Ok(Box::new(within(limit, connecting).await?))
}

#[cfg(not(unix))]
async fn unix(_: &std::path::Path, _: Duration) -> Result<Stream, Failure> {
    Err(Failure::Outcome(Outcome::LocalError {
        reason: Untrusted::new("this system has no Unix sockets"),
        exhausted: false,
    }))
}

async fn within<T>(
    limit: Duration,
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, Failure> {
    match timeout(limit, connecting).await {
        Ok(connected) => connected.map_err(failure),
        Err(_) => Err(Failure::Outcome(Outcome::Timeout(AttemptPhase::Connect))),
    }
}

/// What an error of `connect(2)` says about the peer, or about this machine.
fn failure(error: io::Error) -> Failure {
    if is_exhausted(&error) {
        return Failure::Exhausted(error);
    }
    Failure::Outcome(match error.kind() {
        // A Unix socket's path without a socket, or with one that nobody holds any more.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Outcome::Refused,
        _ => during(&error, AttemptPhase::Connect),
    })
}

/// What an error of an established connection means, whatever the attempt was waiting for.
pub(crate) fn during(error: &io::Error, phase: AttemptPhase) -> Outcome {
    use io::ErrorKind as Kind;
    if let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        return Outcome::Tls(Untrusted::new(&tls.to_string()));
    }
    match error.kind() {
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::NotConnected
        | Kind::UnexpectedEof => Outcome::Reset,
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
            Outcome::Unreachable
        }
        Kind::TimedOut => Outcome::Timeout(phase),
        _ => Outcome::LocalError {
            reason: Untrusted::new(&error.to_string()),
            exhausted: false,
        },
    }
}

/// Whether this machine has run out of descriptors, ports or memory for sockets.
fn is_exhausted(error: &io::Error) -> bool {
    // Kinds without a stable name in std: EMFILE, ENFILE and ENOBUFS, per system.
    const NUMBERS: [i32; 3] = if cfg!(windows) {
        [10024, 10024, 10055]
    } else if cfg!(any(target_os = "linux", target_os = "android")) {
        [24, 23, 105]
    } else {
        [24, 23, 55]
    };
    let by_number = error
        .raw_os_error()
        .is_some_and(|number| NUMBERS.contains(&number));
    let by_kind = matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory | io::ErrorKind::WouldBlock
    );
    by_number || by_kind
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[tokio::test]
    async fn a_name_is_asked_at_each_of_its_addresses() {
        // Bound and not listened on: it refuses, and nobody else can take it.
        let refusing = TcpSocket::new_v4().unwrap();
        refusing.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let refusing = refusing.local_addr().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let good = listener.local_addr().unwrap();

        let name = Address::Name("two.example".into(), 1024);
        let limit = Duration::from_secs(3600);
        assert!(connect(&name, &[refusing, good], limit).await.is_ok());
        let Err(Failure::Outcome(outcome)) = connect(&name, &[refusing, refusing], limit).await
        else {
            panic!("nobody listens there");
        };
        assert_eq!(outcome, Outcome::Refused);

        let short = Duration::from_secs(2);
        // Nobody has a route to there (RFC 6666), wherever it stands among the others.
        let nowhere: SocketAddr = "[100::1]:1024".parse().unwrap();
        for addresses in [[refusing, nowhere], [nowhere, refusing]] {
            let Err(Failure::Outcome(outcome)) = connect(&name, &addresses, short).await else {
                panic!("nobody listens there");
            };
            assert_eq!(outcome, Outcome::Refused, "{addresses:?}");
        }
    }

    #[test]
    fn errors_are_told_apart_by_kind_and_number() {
        let outcome = |error: io::Error| match failure(error) {
            Failure::Exhausted(_) => "exhausted",
            Failure::Outcome(outcome) => outcome.name(),
        };
        #[cfg(target_os = "linux")]
        for (number, expected) in [
            (111, "refused"),
            (113, "unreachable"),
            (101, "unreachable"),
            (100, "unreachable"),
            (110, "timeout"),
            (104, "reset"),
            (24, "exhausted"),
            (23, "exhausted"),
            (105, "exhausted"),
            (99, "exhausted"),
            (12, "exhausted"),
            (11, "exhausted"),
            (13, "local"),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(outcome(error), expected, "{number}");
        }
        let tls = rustls::Error::HandshakeNotComplete;
        let error = io::Error::new(io::ErrorKind::InvalidData, tls);
        assert_eq!(during(&error, AttemptPhase::Headers).name(), "tls");
    }
}

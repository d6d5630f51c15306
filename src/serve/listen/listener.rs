//! A bound socket that accepts connections.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

#[cfg(unix)]
use crate::serve::listen::unix_socket::{self, SocketFile};
use crate::serve::{listen::address::ListenAddress, prefixed_io::Transport};

/// Connections that the kernel queues. A class that starts at the same time must fit; std's is 128.
const BACKLOG: i32 = 4096;

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", hint(address, .source.kind()))]
pub struct Error {
    /// The address.
    pub address: ListenAddress,
    /// The system's error.
    pub source: io::Error,
}

fn hint(address: &ListenAddress, kind: io::ErrorKind) -> &'static str {
    match (kind, address) {
        (io::ErrorKind::AddrInUse, _) => "; is another labrpc serve running?",
        (io::ErrorKind::PermissionDenied, ListenAddress::Tcp(_)) => {
            "; ports below 1024 need a privilege, 1024 does not"
        }
        (io::ErrorKind::PermissionDenied, ListenAddress::Unix(_)) => {
            "; give a path in a folder of your own"
        }
        (io::ErrorKind::AddrNotAvailable, _) => "; that address is not this machine's",
        _ => "",
    }
}

/// A bound socket. Dropping it closes it and removes the file that it made.
#[derive(Debug)]
pub struct Listener {
    socket: TcpOrUnix,
}

#[derive(Debug)]
enum TcpOrUnix {
    Tcp(TcpListener),
    /// Without the file if another process made it and will remove it.
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, Option<SocketFile>),
}

impl Listener {
    /// Binds `address`. With `shared`, other processes of the same user may listen on the same port, and the kernel
    /// distributes the connections among them: a new server can take over from an old one without a gap.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error`] with the address and the system's error.
    pub fn bind(address: &ListenAddress, shared: bool) -> Result<Self, Error> {
        let bound = match address {
            ListenAddress::Tcp(address) => Self::bind_tcp(*address, shared),
            ListenAddress::Unix(path) => Self::bind_unix(path),
        };
        bound.map_err(|source| Error {
            address: address.clone(),
            source,
        })
    }

    /// Binds a TCP address. `[::]` is for both families, or for IPv4 alone if the system has no IPv6.
    ///
    /// # Errors
    /// [`Error`] with the address and the system's error.
    pub fn tcp(address: SocketAddr, shared: bool) -> Result<Self, Error> {
        Self::bind(&ListenAddress::Tcp(address), shared)
    }

    fn bind_tcp(address: SocketAddr, shared: bool) -> io::Result<Self> {
        let bound = match tcp_socket(address, shared) {
            Err(error) if lacks_ipv6(&error) && address.ip() == Ipv6Addr::UNSPECIFIED => {
                tcp_socket((Ipv4Addr::UNSPECIFIED, address.port()).into(), shared)
            }
            bound => bound,
        };
        Self::adopt_tcp(bound?)
    }

    #[cfg(unix)]
    fn bind_unix(path: &Path) -> io::Result<Self> {
        let (listener, file) = unix_socket::bind(path, BACKLOG)?;
        Self::from_unix(listener, Some(file))
    }

    #[cfg(not(unix))]
    fn bind_unix(_path: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Takes over a listening socket, such as one that systemd passed on.
    ///
    /// # Errors
    /// When the socket cannot be set up; it is then closed.
    pub fn adopt_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        // Accepted sockets inherit the options, which saves two system calls a connection.
        let socket = SockRef::from(&listener);
        socket.set_tcp_nodelay(true)?;
        // Detects peers that lost power or network.
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
        socket.set_tcp_keepalive(&keepalive.with_interval(Duration::from_secs(15)))?;
        listener.set_nonblocking(true)?;
        let socket = TcpOrUnix::Tcp(TcpListener::from_std(listener)?);
        Ok(Self { socket })
    }

    /// Takes over a listening Unix socket, without its file.
    ///
    /// # Errors
    /// When the socket cannot be set up; it is then closed.
    #[cfg(unix)]
    pub fn adopt_unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        Self::from_unix(listener, None)
    }

    #[cfg(unix)]
    fn from_unix(
        listener: std::os::unix::net::UnixListener,
        file: Option<SocketFile>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let socket = TcpOrUnix::Unix(tokio::net::UnixListener::from_std(listener)?, file);
        Ok(Self { socket })
    }

    /// The address that is bound, with its port; for a Unix socket its path.
    ///
    /// # Errors
    /// The system's error.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match &self.socket {
            TcpOrUnix::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            #[cfg(unix)]
            TcpOrUnix::Unix(listener, _) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().unwrap_or(Path::new(""));
                Ok(ListenAddress::Unix(path.to_owned()))
            }
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(Transport, Option<SocketAddr>)> {
        match &self.socket {
            TcpOrUnix::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Transport::Tcp(stream), Some(peer)))
            }
            #[cfg(unix)]
            TcpOrUnix::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Transport::Unix(stream), None))
            }
        }
    }

    /// Closes, and returns the connections that are still in the kernel's queue: closing a listener resets them.
    pub(crate) fn close(self) -> Vec<(Transport, Option<SocketAddr>)> {
        let mut connections = Vec::new();
        // On errors the connections so far are returned.
        let _ = self.accept_queued(&mut connections);
        connections
    }

    fn accept_queued(
        self,
        connections: &mut Vec<(Transport, Option<SocketAddr>)>,
    ) -> io::Result<()> {
        // By system calls: tokio's accept reports only those of which it has had an event.
        match self.socket {
            TcpOrUnix::Tcp(listener) => {
                let listener = listener.into_std()?;
                while let Ok((stream, peer)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    let stream = tokio::net::TcpStream::from_std(stream)?;
                    connections.push((Transport::Tcp(stream), Some(peer)));
                }
            }
            #[cfg(unix)]
            TcpOrUnix::Unix(listener, _file) => {
                let listener = listener.into_std()?;
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    let stream = tokio::net::UnixStream::from_std(stream)?;
                    connections.push((Transport::Unix(stream), None));
                }
            }
        }
        Ok(())
    }
}

fn tcp_socket(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    // A socket for IPv6 only cannot be bound to an IPv4-mapped address.
    let address = match address.ip().to_canonical() {
        IpAddr::V4(ip) => (ip, address.port()).into(),
        IpAddr::V6(_) => address,
    };
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    // On Windows the option of the same name lets a second process take over the port.
    #[cfg(unix)]
    {
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shared)?;
    }
    #[cfg(not(unix))]
    let _ = shared;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Whether the system has no IPv6. Without support for it socket(2) fails, with IPv6 disabled bind(2).
fn lacks_ipv6(error: &io::Error) -> bool {
    // std has no `ErrorKind` for it.
    #[cfg(unix)]
    let is_unsupported = error.raw_os_error() == Some(libc::EAFNOSUPPORT);
    #[cfg(not(unix))]
    let is_unsupported = false;
    is_unsupported || error.kind() == io::ErrorKind::AddrNotAvailable
}

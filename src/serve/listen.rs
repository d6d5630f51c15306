//! The sockets that a server listens on, and the addresses under which others reach them.

use std::{
    fmt, fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

use crate::{serve::prefixed_io::Transport, untrusted::Untrusted};

/// Connections that the kernel holds ready. A whole class that starts at once must fit; std gives 128.
const BACKLOG: i32 = 4096;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `192.0.2.1:1024`, `[::]:1024`, `:1024`, `1024` (all addresses) or `unix:PATH`.
    ///
    /// # Errors
    /// [`AddressError`] for anything else; names are not looked up.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(AddressError(Untrusted::new(text))),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let port = text.strip_prefix(':').unwrap_or(text);
        port.parse()
            .map(|port| (Ipv6Addr::UNSPECIFIED, port).into())
            .or_else(|_| text.parse())
            .map(Self::Tcp)
            .map_err(|_| AddressError(Untrusted::new(text)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A text that is no address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(Untrusted);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        write!(
            f,
            "\"{text}\" is no address to listen on; give IP:PORT such as 192.0.2.1:1024 or [::]:1024, a port, or \
             unix:PATH"
        )
    }
}

impl std::error::Error for AddressError {}

/// Why an address could not be listened on.
#[derive(Debug)]
pub struct Error {
    /// The address.
    pub address: Address,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, source } = self;
        write!(f, "cannot listen on {address}: {source}")?;
        f.write_str(match (source.kind(), address) {
            (io::ErrorKind::AddrInUse, _) => {
                "; is another labrpc serve running? Stop it, or give another --listen"
            }
            (io::ErrorKind::PermissionDenied, Address::Tcp(_)) => {
                "; ports below 1024 need a privilege, 1024 does not"
            }
            (io::ErrorKind::PermissionDenied, Address::Unix(_)) => {
                "; give a path in a folder of your own"
            }
            (io::ErrorKind::AddrNotAvailable, _) => "; that address is not this machine's",
            _ => "",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A bound socket. Dropping it closes it and removes the file that it made.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    /// The file is absent for a socket that somebody else made and will remove.
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, Option<SocketFile>),
}

impl Listener {
    /// Binds `address`. With `shared`, other processes of the same user may listen on the same port, each
    /// getting a part of the connections, which is how one takes over from another without a gap.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error`] with the address and what the system said.
    pub fn bind(address: &Address, shared: bool) -> Result<Self, Error> {
        match address {
            Address::Tcp(address) => Self::tcp(*address, shared),
            Address::Unix(path) => Self::unix(path),
        }
    }

    /// Binds a TCP address. `[::]` takes both families, and only IPv4 where IPv6 is switched off.
    ///
    /// # Errors
    /// [`Error`] with the address and what the system said.
    pub fn tcp(address: SocketAddr, shared: bool) -> Result<Self, Error> {
        let bound = match bind_tcp(address, shared) {
            Err(error) if is_without_ipv6(&error) && address.ip() == Ipv6Addr::UNSPECIFIED => {
                bind_tcp((Ipv4Addr::UNSPECIFIED, address.port()).into(), shared)
            }
            bound => bound,
        };
        bound.and_then(Self::adopt_tcp).map_err(|source| Error {
            address: Address::Tcp(address),
            source,
        })
    }

    /// Takes over a socket that listens already, such as one that the service manager passed on.
    ///
    /// # Errors
    /// When the socket cannot be set up; it is then closed.
    pub fn adopt_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        // Accepted sockets inherit these, so that nothing has to be set for each connection.
        let socket = SockRef::from(&listener);
        socket.set_tcp_nodelay(true)?;
        // Finds out about peers that lost power or their network, without a byte above TCP.
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
        socket.set_tcp_keepalive(&keepalive.with_interval(Duration::from_secs(15)))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            socket: Bound::Tcp(TcpListener::from_std(listener)?),
        })
    }

    #[cfg(not(unix))]
    fn unix(path: &Path) -> Result<Self, Error> {
        Err(Error {
            address: Address::Unix(path.to_owned()),
            source: io::ErrorKind::Unsupported.into(),
        })
    }

    /// Binds a Unix socket. A file that an earlier server left is removed first, if nobody answers on it.
    #[cfg(unix)]
    fn unix(path: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::FileTypeExt as _;

        let failed = |source| Error {
            address: Address::Unix(path.to_owned()),
            source,
        };
        let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
        if is_socket {
            match try_connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(failed)?;
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(failed(error));
                }
                _ => return Err(failed(io::ErrorKind::AddrInUse.into())),
            }
        }
        let bind = || {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.bind(&socket2::SockAddr::unix(path)?)?;
            socket.listen(BACKLOG)?;
            Ok::<_, io::Error>(std::os::unix::net::UnixListener::from(
                std::os::fd::OwnedFd::from(socket),
            ))
        };
        bind()
            .and_then(|listener| Self::unix_from(listener, Some(SocketFile::at(path)?)))
            .map_err(failed)
    }

    /// Takes over a Unix socket that listens already and leaves its file alone.
    ///
    /// # Errors
    /// When the socket cannot be set up; it is then closed.
    #[cfg(unix)]
    pub fn adopt_unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        Self::unix_from(listener, None)
    }

    #[cfg(unix)]
    fn unix_from(
        listener: std::os::unix::net::UnixListener,
        file: Option<SocketFile>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            socket: Bound::Unix(tokio::net::UnixListener::from_std(listener)?, file),
        })
    }

    /// The address that is bound, with its port; for a Unix socket its path.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<Address> {
        match &self.socket {
            Bound::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            #[cfg(unix)]
            Bound::Unix(listener, _) => {
                let address = listener.local_addr()?;
                Ok(Address::Unix(
                    address.as_pathname().unwrap_or(Path::new("")).to_owned(),
                ))
            }
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(Transport, Option<SocketAddr>)> {
        match &self.socket {
            Bound::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Transport::Tcp(stream), Some(peer)))
            }
            #[cfg(unix)]
            Bound::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Transport::Unix(stream), None))
            }
        }
    }

    /// Closes, and hands out the connections that the kernel had made already: to close a listener resets
    /// whoever waits in its queue.
    pub(crate) fn close(self) -> Vec<(Transport, Option<SocketAddr>)> {
        // Asked of the system itself: tokio would only say what it has been told of so far.
        let waiting = || -> io::Result<_> {
            let mut connections = Vec::new();
            match self.socket {
                Bound::Tcp(listener) => {
                    let listener = listener.into_std()?;
                    while let Ok((stream, peer)) = listener.accept() {
                        stream.set_nonblocking(true)?;
                        let stream = tokio::net::TcpStream::from_std(stream)?;
                        connections.push((Transport::Tcp(stream), Some(peer)));
                    }
                }
                #[cfg(unix)]
                Bound::Unix(listener, _file) => {
                    let listener = listener.into_std()?;
                    while let Ok((stream, _)) = listener.accept() {
                        stream.set_nonblocking(true)?;
                        let stream = tokio::net::UnixStream::from_std(stream)?;
                        connections.push((Transport::Unix(stream), None));
                    }
                }
            }
            Ok(connections)
        };
        waiting().unwrap_or_default()
    }
}

/// Connects to a Unix socket without blocking: while the queue of a listener is full, connect(2) waits for it to
/// accept, which may be never. The error is then [`io::ErrorKind::WouldBlock`].
#[cfg(unix)]
fn try_connect(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&socket2::SockAddr::unix(path)?)
}

/// The file of a Unix socket, removed when dropped, unless another process has put its own in the place.
#[cfg(unix)]
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
}

#[cfg(unix)]
impl SocketFile {
    /// The file that was just made at this path.
    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            id: Self::id(path)?,
        })
    }

    fn id(path: &Path) -> io::Result<(u64, u64)> {
        use std::os::unix::fs::MetadataExt as _;

        fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
    }
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if Self::id(&self.path).is_ok_and(|id| id == self.id) {
            // Another process may have been quicker; there is nothing left to do then.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn bind_tcp(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
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
    // On Windows the option of the same name lets a second process steal the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if shared {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    let _ = shared;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A kernel without IPv6 says so when the socket is made, one with IPv6 switched off when it is bound.
fn is_without_ipv6(error: &io::Error) -> bool {
    // There is no `ErrorKind` for EAFNOSUPPORT, whose number differs between systems.
    const EAFNOSUPPORT: [i32; 3] = [97, 47, 10047];
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error
            .raw_os_error()
            .is_some_and(|number| EAFNOSUPPORT.contains(&number))
}

/// The addresses at which the listeners can be reached, those that a classmate can use first, loopback last.
///
/// A listener on all addresses is reachable under each address of each interface. IPv6 link-local addresses
/// are left out: they mean nothing on another machine without an interface name.
#[must_use]
pub fn reachable(listeners: &[Listener]) -> Vec<Address> {
    let mut addresses = Vec::new();
    for listener in listeners {
        match listener.address() {
            Ok(Address::Tcp(bound)) if bound.ip().is_unspecified() => {
                addresses.extend(
                    interfaces()
                        .into_iter()
                        .filter(|ip| bound.is_ipv6() || ip.is_ipv4())
                        .map(|ip| Address::Tcp((ip, bound.port()).into())),
                );
            }
            Ok(address) => addresses.push(address),
            Err(error) => tracing::debug!(%error, "a listener has no address"),
        }
    }
    addresses.sort_by_key(|address| match address {
        Address::Tcp(address) => (address.ip().is_loopback(), address.is_ipv6()),
        Address::Unix(_) => (true, true),
    });
    addresses.dedup();
    addresses
}

fn interfaces() -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()))
        .collect();
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses
}

/// What this machine calls itself; empty when that cannot be found out.
pub(crate) fn host_name() -> String {
    // There is no portable call without `unsafe`; where the file is missing, addresses and localhost remain.
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|file| fs::read_to_string(file).ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

//! One address that can be asked: a host and port, or a Unix socket.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// The port of an endpoint that is written without one.
pub const DEFAULT_PORT: u16 = 1024;

/// Where to ask, and how.
///
/// Displayed in the one canonical form that can be parsed again: `host:port`, `[v6]:port`, `name@ip:port`,
/// `dns+name:port`, `unix:PATH`, with `raw://` before it if the protocol is raw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The address to connect to.
    pub address: Address,
    /// Wait for the JSON object of the original exercise instead of calling over gRPC.
    pub raw: bool,
}

/// What a socket can be connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and port: no name to look up.
    Ip(IpAddr, u16),
    /// A name to resolve, in lower case, and a port.
    Name(Box<str>, u16),
    /// One address of a name, and a port. Connections go to the address; the name is what TLS verifies and what the
    /// request is addressed to.
    Resolved(Box<str>, IpAddr, u16),
    /// All addresses of a name, and a port. [`crate::survey::resolve()`] puts an endpoint for each in its place; an
    /// endpoint that is asked as it is counts as [`Self::Name`].
    Dns(Box<str>, u16),
    /// A Unix domain socket.
    Unix(PathBuf),
}

impl Address {
    /// Whether it has a name that the resolver must look up.
    #[must_use]
    pub fn is_name(&self) -> bool {
        matches!(self, Self::Name(..) | Self::Dns(..))
    }

    /// Its port; a Unix socket has none.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(_, port)
            | Self::Name(_, port)
            | Self::Resolved(_, _, port)
            | Self::Dns(_, port) => Some(*port),
            Self::Unix(_) => None,
        }
    }

    /// Gives the address another port; a Unix socket has none and stays as it is.
    pub fn set_port(&mut self, new: u16) {
        match self {
            Self::Ip(_, port)
            | Self::Name(_, port)
            | Self::Resolved(_, _, port)
            | Self::Dns(_, port) => *port = new,
            Self::Unix(_) => {}
        }
    }
}

impl Endpoint {
    /// Splits the host, without its port, around the number that counts machines: the last one in the first label of
    /// a name (`lab07.cs2.example`), or else the last one in the host. `None` for hosts without such a number.
    #[must_use]
    pub fn numbered(&self) -> Option<(String, String, String)> {
        let (host, first_label) = match &self.address {
            Address::Ip(IpAddr::V4(ip), _) => (ip.to_string(), None),
            Address::Name(name, _) => (name.to_string(), name.find('.')),
            Address::Dns(name, _) => (format!("dns+{name}"), name.find('.').map(|end| end + 4)),
            Address::Resolved(name, IpAddr::V4(ip), _) => (format!("{name}@{ip}"), None),
            Address::Ip(IpAddr::V6(_), _)
            | Address::Resolved(_, IpAddr::V6(_), _)
            | Address::Unix(_) => return None,
        };
        let digit = |c: char| c.is_ascii_digit();
        let labels = first_label.map(|end| &host[..end]);
        let label = labels.filter(|label| label.contains(digit));
        let end = label.unwrap_or(&host).rfind(digit)? + 1;
        let start = host[..end].trim_end_matches(digit).len();
        let scheme = if self.raw { "raw://" } else { "" };
        Some((
            format!("{scheme}{}", &host[..start]),
            host[start..end].to_owned(),
            host[end..].to_owned(),
        ))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip, port) => write!(f, "{}", SocketAddr::new(*ip, *port)),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Resolved(name, ip, port) => write!(f, "{name}@{}", SocketAddr::new(*ip, *port)),
            Self::Dns(name, port) => write!(f, "dns+{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, raw } = self;
        write!(f, "{}{address}", if *raw { "raw://" } else { "" })
    }
}

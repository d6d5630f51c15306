//! One address that can be asked: a host and port, or a Unix socket.

use std::{fmt, net::IpAddr, path::PathBuf};

/// The port that the room has agreed on; an endpoint without a port means this one.
pub const DEFAULT_PORT: u16 = 1024;

/// Where to ask, and how.
///
/// Prints in the one canonical form in which it can be read again: `host:port`, `[v6]:port`, `unix:PATH`, with
/// `raw://` before it where gRPC is not to be spoken.
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
    /// A Unix domain socket.
    Unix(PathBuf),
}

impl Address {
    /// Whether it has a name that the resolver must look up.
    #[must_use]
    pub fn is_name(&self) -> bool {
        matches!(self, Self::Name(..))
    }

    /// Gives the address another port; a Unix socket has none and stays as it is.
    pub fn set_port(&mut self, new: u16) {
        match self {
            Self::Ip(_, port) | Self::Name(_, port) => *port = new,
            Self::Unix(_) => {}
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip), port) => write!(f, "{ip}:{port}"),
            Self::Ip(IpAddr::V6(ip), port) => write!(f, "[{ip}]:{port}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
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

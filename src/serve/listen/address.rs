//! Where to listen.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use crate::untrusted::Untrusted;

/// The port where an address is given without one.
const DEFAULT_PORT: u16 = 1024;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = InvalidAddress;

    /// Parses `192.0.2.1:1024`, `[::]:1024`, `192.0.2.1` (port 1024), `:1024`, `1024` (all addresses) or `unix:PATH`.
    ///
    /// # Errors
    /// [`InvalidAddress`] for anything else; names are not resolved.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(Untrusted::new(text));
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(invalid()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let port = text.strip_prefix(':').unwrap_or(text);
        port.parse()
            .map(|port| (Ipv6Addr::UNSPECIFIED, port).into())
            .or_else(|_| text.parse())
            .or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, DEFAULT_PORT).into()))
            .map(Self::Tcp)
            .map_err(|_| invalid())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A text that is not an address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not an address to listen on; give IP:PORT such as 192.0.2.1:1024 or [::]:1024, an IP address, a port, or unix:PATH"
)]
pub struct InvalidAddress(Untrusted);

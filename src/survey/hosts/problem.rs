//! What can be wrong with a host list, and what to do about it.

use std::{fmt, sync::Arc};

use ipnet::IpNet;

use crate::untrusted::Untrusted;

/// Why an expression, or a whole list, cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The bytes are not UTF-8, beginning with this one.
    #[error("byte 0x{0:02x} is not UTF-8; save the file as UTF-8 text")]
    NotUtf8(u8),
    /// What follows a UTF-16 byte order mark is not UTF-16.
    #[error("damaged UTF-16; save the file as UTF-8 text")]
    NotUtf16,
    /// NUL bytes: UTF-16 without its byte order mark, or not text at all.
    #[error("NUL bytes, so not text (or UTF-16 without its mark); save it as UTF-8")]
    Nul,
    /// A JSON array that is not a service discovery file; the parser's reason.
    #[error("not a file_sd array, [{{\"targets\": [\"host:port\"]}}]: {0}")]
    FileSd(Untrusted),
    /// A JSON object that does not have the fields of a Kubernetes object; the parser's reason.
    #[error("not what kubectl get endpointslices -o json prints: {0}")]
    Kubernetes(Untrusted),
    /// A JSON object of another kind.
    #[error("kind \"{0}\" has no endpoints; give the output of kubectl get endpointslices -o json")]
    Kind(Untrusted),
    /// An EndpointSlice with addresses of an unknown type.
    #[error("addressType is \"{0}\"; it must be IPv4, IPv6 or FQDN")]
    AddressType(Untrusted),
    /// White space inside an expression.
    #[error("a space inside; separate endpoints by commas or lines")]
    Space,
    /// A character that a terminal would interpret or hide.
    #[error("a control character inside; take it out")]
    Unprintable,
    /// A scheme other than `raw://`.
    #[error(
        "only raw:// may stand before a host; leave the scheme out (all addresses of a name: dns+name:port)"
    )]
    Scheme,
    /// `dns+` before something that is not a name.
    #[error("dns+ stands before a name, as in dns+service.example:50051")]
    NotDns,
    /// `@` before something that is not an IP address.
    #[error(
        "after a name and @ stands one of its IP addresses, as in service.example@10.0.0.7:50051"
    )]
    NotResolved,
    /// All addresses of a name where exactly one endpoint is needed.
    #[error("all addresses of a name where one endpoint is meant; leave dns+ out")]
    NotOneAddress,
    /// `unix:` without a path.
    #[error("a path must follow, as in unix:/run/labrpc.sock")]
    NoPath,
    /// `raw://` before a Unix socket.
    #[error("raw:// needs host:port; a socket is written unix:PATH")]
    RawUnix,
    /// A port or an address without a host.
    #[error("there is no host before the port")]
    NoHost,
    /// An unpaired bracket, or a set that does not consist of numbers.
    #[error("brackets hold numbers and ranges, as in [1-40] or [3,7,12]")]
    Set,
    /// A range whose end is below its start.
    #[error("the range runs backwards; write {end}-{start}")]
    Backwards {
        /// Where it starts.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// A port that is not a number from 1 to 65535.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// Digits and dots that are not an IPv4 address.
    #[error("not an IPv4 address: that is four numbers from 0 to 255, without leading zeros")]
    Ipv4,
    /// Text with several colons that is not an IPv6 address.
    #[error("not an IPv6 address; with a port it is written [2001:db8::1]:1024")]
    Ipv6,
    /// An IPv6 address with a zone.
    #[error("IPv6 zones (%eth0) are not supported; use a global address")]
    Zone,
    /// A `/` without a valid prefix length.
    #[error("the prefix length behind the slash must be 0 to 32 (IPv6: 128), as in 10.0.0.0/26")]
    Prefix,
    /// An address with bits set behind the prefix; the network that was probably meant.
    #[error("the address has bits behind its prefix; the network is {0}")]
    HostBits(IpNet),
    /// A name that cannot be a host name.
    #[error(
        "not a host name, which has labels of 1 to 63 letters, digits and hyphens; a range is written 192.168.1.[1-40]"
    )]
    Name,
    /// A name that reads as ranges of an IPv4 address.
    #[error(
        "digits, dots and hyphens alone are read as ranges of an IPv4 address; put a domain behind the name"
    )]
    NumericName,
    /// A comma inside a target of a service discovery file.
    #[error("a comma inside; write a target for each endpoint")]
    Comma,
    /// This many endpoints where exactly one is needed.
    #[error("{0} endpoints where one is meant")]
    NotOne(u128),
    /// More endpoints than allowed.
    #[error("{count} endpoints are more than {max}; say --max-hosts {count} if that is meant")]
    TooMany {
        /// How many there are.
        count: u128,
        /// How many there may be.
        max: usize,
    },
}

/// The file of an expression, and where it is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The file's name, `-`, `argument`, or empty for the list as a whole.
    pub file: String,
    /// `None` for the file, or the list, as a whole.
    pub location: Option<Location>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A line and a column. Both count from 1, columns in characters.
    Line(usize, usize),
    /// An object of a Kubernetes list, printable.
    Item(Arc<str>),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, location } = self;
        match location {
            // A single argument needs no coordinates, and neither does an error about the whole list.
            _ if file.is_empty() => f.write_str("host list"),
            Some(Location::Line(line, column)) if file != "argument" && file != "--exclude" => {
                write!(f, "{file}:{line}:{column}")
            }
            Some(Location::Item(item)) => write!(f, "{file}: {item}"),
            _ => f.write_str(file),
        }
    }
}

/// One bad expression.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{position}: {}{problem}", text.as_ref().map(|text| format!("\"{text}\": ")).unwrap_or_default())]
pub struct Error {
    /// Where it is.
    pub position: Position,
    /// The expression, if the problem is in one.
    pub text: Option<Untrusted>,
    /// What is wrong with it.
    pub problem: Problem,
}

impl Error {
    pub(super) fn new(position: Position, text: &str, problem: Problem) -> Self {
        Self {
            position,
            text: Some(Untrusted::new(text)),
            problem,
        }
    }
}

/// Everything that is wrong with a host list.
#[derive(Debug, thiserror::Error)]
pub struct Errors(pub(super) Vec<Error>);

impl Errors {
    /// Errors printed one by one; a file that is not a host list at all has one on every line.
    const SHOWN: usize = 10;
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().take(Self::SHOWN).enumerate() {
            write!(f, "{}{error}", if number == 0 { "" } else { "\n" })?;
        }
        match self.0.len().saturating_sub(Self::SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more bad expressions"),
        }
    }
}

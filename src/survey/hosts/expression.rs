//! One expression of the grammar: checked when it is read, expanded one endpoint at a time.
//!
//! Whatever has brackets or ranges is a pattern over the *text* of an endpoint: number sets between literal
//! pieces. An expansion is put together and then read like any single endpoint, so a set may stand wherever
//! digits may, in a name, an octet or a port, and there is one reader for all of them.

use std::{collections::HashSet, fmt, net::IpAddr, path::PathBuf};

use ipnet::IpNet;

use crate::{
    survey::endpoint::{Address, DEFAULT_PORT, Endpoint},
    untrusted::{self, Untrusted},
};

/// What can be wrong with a host list.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// The bytes are not UTF-8 from this one on.
    NotUtf8(u8),
    /// There is a byte order mark of UTF-16, and then something else.
    NotUtf16,
    /// NUL bytes: UTF-16 without its mark, or no text at all.
    Nul,
    /// A JSON array that is no service discovery file; the parser's reason.
    FileSd(Untrusted),
    /// White space inside an expression.
    Space,
    /// A character that a terminal would obey or hide.
    Unprintable,
    /// A scheme other than `raw://`.
    Scheme,
    /// `unix:` without a path.
    NoPath,
    /// `raw://` before a Unix socket.
    RawUnix,
    /// There is a port and no host.
    NoHost,
    /// A bracket without its partner, or a set that is not numbers.
    Set,
    /// A range whose end is below its start.
    Backwards {
        /// Where it starts.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// A port that is no number from 1 to 65535.
    Port,
    /// Digits and dots that are no IPv4 address.
    Ipv4,
    /// Something with colons that is no IPv6 address.
    Ipv6,
    /// An IPv6 address with a zone.
    Zone,
    /// A `/` that no prefix length follows.
    Prefix,
    /// An address with bits set behind the prefix; the network that was probably meant.
    HostBits(IpNet),
    /// A name that no resolver could know.
    Name,
    /// A name that reads as ranges of an IPv4 address.
    NumericName,
    /// A comma inside a target of a service discovery file.
    Comma,
    /// So many endpoints where one is meant.
    NotOne(u128),
    /// More endpoints than allowed.
    TooMany {
        /// How many there are.
        count: u128,
        /// How many there may be.
        max: usize,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8(byte) => {
                write!(
                    f,
                    "byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 text"
                )
            }
            Self::NotUtf16 => f.write_str("damaged UTF-16; save the file as UTF-8 text"),
            Self::Nul => {
                f.write_str("NUL bytes, so not text (or UTF-16 without its mark); save it as UTF-8")
            }
            Self::FileSd(reason) => {
                write!(
                    f,
                    "not a file_sd array, [{{\"targets\": [\"host:port\"]}}]: {reason}"
                )
            }
            Self::Space => f.write_str("a space inside; separate endpoints by commas or lines"),
            Self::Unprintable => f.write_str("a control character inside; take it out"),
            Self::Scheme => {
                f.write_str("only raw:// may stand before a host; leave the scheme out")
            }
            Self::NoPath => f.write_str("a path must follow, as in unix:/run/labrpc.sock"),
            Self::RawUnix => f.write_str("raw:// needs host:port; a socket is written unix:PATH"),
            Self::NoHost => f.write_str("there is no host before the port"),
            Self::Set => f.write_str("brackets hold numbers and ranges, as in [1-40] or [3,7,12]"),
            Self::Backwards { start, end } => {
                write!(f, "the range runs backwards; write {end}-{start}")
            }
            Self::Port => f.write_str("a port is a number from 1 to 65535"),
            Self::Ipv4 => f.write_str(
                "not an IPv4 address: that is four numbers from 0 to 255, without leading zeros",
            ),
            Self::Ipv6 => {
                f.write_str("not an IPv6 address; with a port it is written [2001:db8::1]:1024")
            }
            Self::Zone => f.write_str("IPv6 zones (%eth0) are not supported; use a global address"),
            Self::Prefix => f.write_str("a prefix length must follow the slash, as in 10.0.0.0/26"),
            Self::HostBits(net) => {
                write!(
                    f,
                    "the address has bits behind its prefix; the network is {net}"
                )
            }
            Self::Name => f.write_str(
                "not a host name: labels of 1 to 63 letters, digits and hyphens, 253 in all",
            ),
            Self::NumericName => f.write_str(
                "digits, dots and hyphens alone are read as ranges of an IPv4 address; put a domain behind the name",
            ),
            Self::Comma => f.write_str("a comma inside; write a target for each endpoint"),
            Self::NotOne(count) => write!(f, "{count} endpoints where one is meant"),
            Self::TooMany { count, max } => write!(
                f,
                "{count} endpoints are more than {max}; say --max-hosts {count} if that is meant"
            ),
        }
    }
}

/// What one expression stands for.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Single(Endpoint),
    Network { net: IpNet, port: u16, raw: bool },
    Pattern(Pattern),
}

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        if let Some((net, port, raw)) = network(text)? {
            return Ok(Self::Network {
                net,
                port: port.unwrap_or(DEFAULT_PORT),
                raw,
            });
        }
        match Pattern::parse(text)? {
            Some(pattern) => Ok(Self::Pattern(pattern)),
            None => single(text).map(Self::Single),
        }
    }

    /// The number of endpoints, saturating.
    pub(super) fn len(&self) -> u128 {
        match self {
            Self::Single(_) => 1,
            Self::Network { net, .. } => {
                let host_bits = net.max_prefix_len() - net.prefix_len();
                1_u128.checked_shl(host_bits.into()).unwrap_or(u128::MAX)
            }
            Self::Pattern(pattern) => pattern.len(),
        }
    }

    /// The endpoint at a place below [`Self::len`].
    pub(super) fn get(&self, place: u32) -> Endpoint {
        match self {
            Self::Single(endpoint) => endpoint.clone(),
            Self::Network { net, port, raw } => {
                let ip = match net.network() {
                    IpAddr::V4(first) => IpAddr::from((u32::from(first) + place).to_be_bytes()),
                    IpAddr::V6(first) => {
                        IpAddr::from((u128::from(first) + u128::from(place)).to_be_bytes())
                    }
                };
                Endpoint {
                    address: Address::Ip(ip, *port),
                    raw: *raw,
                }
            }
            Self::Pattern(pattern) => {
                let text = pattern.expand(place.into());
                // The corners of the pattern were read when it was parsed, and what holds for them holds
                // between them; a text that nevertheless is none is asked as a name, and does not resolve.
                single(&text).unwrap_or_else(|_| Endpoint {
                    address: Address::Name(text.into(), DEFAULT_PORT),
                    raw: false,
                })
            }
        }
    }
}

/// What is not to be asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Exclusions {
    networks: Vec<(IpNet, Option<u16>)>,
    /// Single addresses; one that was written without a port stands here with port 0, for all of them.
    addresses: HashSet<Address>,
}

impl Exclusions {
    /// How many single addresses are listed; a network counts nothing, however large.
    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }

    /// # Errors
    /// A bad expression, or one of more than `max` endpoints.
    pub(super) fn add(&mut self, text: &str, max: usize) -> Result<(), Problem> {
        if let Some((net, port, _)) = network(text)? {
            self.networks.push((net, port));
            return Ok(());
        }
        let expression = Expression::parse(text)?;
        let count = expression.len().saturating_add(self.len() as u128);
        if count > max as u128 {
            return Err(Problem::TooMany { count, max });
        }
        let any_port = !has_port(text);
        for place in (0..=u32::MAX).take(expression.len() as usize) {
            let mut address = expression.get(place).address;
            if any_port {
                address.set_port(0);
            }
            self.addresses.insert(address);
        }
        Ok(())
    }

    pub(super) fn contain(&self, endpoint: &Endpoint) -> bool {
        let in_network = |ip, port| {
            let mut networks = self.networks.iter();
            networks.any(|(net, only)| net.contains(&ip) && only.is_none_or(|only| only == port))
        };
        let listed = || {
            let mut any_port = endpoint.address.clone();
            any_port.set_port(0);
            self.addresses.contains(&endpoint.address) || self.addresses.contains(&any_port)
        };
        match endpoint.address {
            Address::Ip(ip, port) if in_network(ip, port) => true,
            _ => !self.addresses.is_empty() && listed(),
        }
    }
}

/// Splits off `raw://`.
fn scheme(text: &str) -> Result<(bool, &str), Problem> {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("raw") => Ok((true, rest)),
        Some(_) => Err(Problem::Scheme),
        None => Ok((false, text)),
    }
}

/// Splits a port from a host; an IPv6 address comes without its brackets.
fn host_port(text: &str) -> Result<(&str, Option<u16>), Problem> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, "")) => (v6, None),
        Some((v6, rest)) => (v6, Some(rest.strip_prefix(':').ok_or(Problem::Ipv6)?)),
        // Two colons: an IPv6 address without brackets, which cannot have a port.
        None if text.matches(':').count() > 1 => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(Problem::NoHost);
    }
    let port = port.map(|port| {
        number(port)
            .and_then(|n| u16::try_from(n).ok())
            .filter(|&n| n > 0)
    });
    match port {
        Some(None) => Err(Problem::Port),
        Some(Some(port)) => Ok((host, Some(port))),
        None => Ok((host, None)),
    }
}

fn has_port(text: &str) -> bool {
    let host = text.rsplit_once("://").map_or(text, |(_, rest)| rest);
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, rest)) if inside.contains(':') => rest.starts_with(':'),
        _ => host.matches(':').count() == 1,
    }
}

/// Reads an endpoint that stands for itself only.
fn single(text: &str) -> Result<Endpoint, Problem> {
    if text.chars().any(char::is_whitespace) {
        return Err(Problem::Space);
    }
    // A socket's path may have any other character, and is shown as it is.
    if !text.chars().all(untrusted::is_printable) {
        return Err(Problem::Unprintable);
    }
    let (raw, rest) = scheme(text)?;
    if let Some(path) = rest.strip_prefix("unix:") {
        return match path {
            _ if raw => Err(Problem::RawUnix),
            "" => Err(Problem::NoPath),
            path => Ok(Endpoint {
                address: Address::Unix(PathBuf::from(path)),
                raw,
            }),
        };
    }
    let (host, port) = host_port(rest)?;
    let port = port.unwrap_or(DEFAULT_PORT);
    let address = if host.contains(':') {
        if host.contains('%') {
            return Err(Problem::Zone);
        }
        Address::Ip(IpAddr::V6(host.parse().map_err(|_| Problem::Ipv6)?), port)
    } else if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        Address::Ip(IpAddr::V4(host.parse().map_err(|_| Problem::Ipv4)?), port)
    } else {
        match name(host)? {
            // With its port, as it is printed, it would read as a Unix socket.
            name if &*name == "unix" && raw => return Err(Problem::RawUnix),
            name if &*name == "unix" => return Err(Problem::NoPath),
            name => Address::Name(name, port),
        }
    };
    Ok(Endpoint { address, raw })
}

/// A host name after RFC 1123, with the underscore that some sites use, in lower case.
fn name(host: &str) -> Result<Box<str>, Problem> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A final dot marks a fully qualified name.
    let labels = host.strip_suffix('.').unwrap_or(host);
    if host
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
    {
        return Err(Problem::NumericName);
    }
    if labels.len() <= 253 && labels.split('.').all(label) {
        Ok(host.to_ascii_lowercase().into())
    } else {
        Err(Problem::Name)
    }
}

/// Reads `address/prefix`, with a port behind it or the whole in brackets; `None` if it is no network.
fn network(text: &str) -> Result<Option<(IpNet, Option<u16>, bool)>, Problem> {
    if !text.contains('/') || text.starts_with("unix:") {
        return Ok(None);
    }
    let (raw, rest) = scheme(text)?;
    if !rest.contains('/') || rest.starts_with("unix:") {
        return Ok(None);
    }
    let (host, port) = host_port(rest)?;
    let (address, prefix) = host.split_once('/').ok_or(Problem::Prefix)?;
    let ip: IpAddr = address.parse().map_err(|_| {
        if address.contains(':') {
            Problem::Ipv6
        } else {
            Problem::Ipv4
        }
    })?;
    let prefix = number(prefix)
        .and_then(|n| u8::try_from(n).ok())
        .ok_or(Problem::Prefix)?;
    let net = IpNet::new(ip, prefix).map_err(|_| Problem::Prefix)?;
    match net.trunc() {
        network if network == net => Ok(Some((net, port, raw))),
        network => Err(Problem::HostBits(network)),
    }
}

/// Digits only: `u64::from_str` would take a plus sign.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Text with number sets in it: `lab[01-40].example`, `192.168.1.[3,7,12]:1024`, `10.0.0-3.1-20`.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Literal(String),
    Set(Vec<Range>),
}

/// Numbers from `start` to `end`, printed with at least `width` digits.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: u64,
    end: u64,
    width: usize,
}

impl Range {
    /// The digits of the largest number; no name has room for a wider one.
    const MOST_DIGITS: usize = 20;

    fn parse(text: &str) -> Result<Self, Problem> {
        let (start, end) = text.split_once('-').unwrap_or((text, text));
        let (start, end) = (start.trim(), end.trim());
        if start.len().max(end.len()) > Self::MOST_DIGITS {
            return Err(Problem::Set);
        }
        let range = Self {
            start: number(start).ok_or(Problem::Set)?,
            end: number(end).ok_or(Problem::Set)?,
            // `01-40` counts 01, 02, …; `1-40` does not pad.
            width: if start.starts_with('0') {
                start.len()
            } else {
                1
            },
        };
        if range.start > range.end {
            return Err(Problem::Backwards {
                start: range.start,
                end: range.end,
            });
        }
        Ok(range)
    }

    fn len(self) -> u128 {
        u128::from(self.end - self.start) + 1
    }
}

impl Pattern {
    /// `None` for a text without sets.
    fn parse(text: &str) -> Result<Option<Self>, Problem> {
        if text.starts_with("unix:") {
            return Ok(None);
        }
        let (_, rest) = scheme(text)?;
        let mut pieces = vec![Piece::Literal(text[..text.len() - rest.len()].to_owned())];
        let before = pieces.len();
        // Brackets around an IPv6 address hold colons, those around a set never do.
        match rest
            .strip_prefix('[')
            .and_then(|inner| inner.split_once(']'))
        {
            Some((v6, after)) if v6.contains(':') => {
                pieces.push(Piece::Literal(rest[..v6.len() + 2].to_owned()));
                bracketed(after, &mut pieces)?;
            }
            _ => match octets(rest)? {
                Some(octets) => pieces.extend(octets),
                None => bracketed(rest, &mut pieces)?,
            },
        }
        if !pieces[before..]
            .iter()
            .any(|piece| matches!(piece, Piece::Set(_)))
        {
            return Ok(None);
        }
        let pattern = Self { pieces };
        pattern.check()?;
        Ok(Some(pattern))
    }

    fn sets(&self) -> impl DoubleEndedIterator<Item = &Vec<Range>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Set(ranges) => Some(ranges),
        })
    }

    fn len(&self) -> u128 {
        self.sets()
            .map(|ranges| {
                ranges
                    .iter()
                    .map(|range| range.len())
                    .fold(0, u128::saturating_add)
            })
            .fold(1, u128::saturating_mul)
    }

    /// The text at a place; the last set turns fastest.
    fn expand(&self, place: u128) -> String {
        let mut rest = place;
        let mut numbers: Vec<(u64, usize)> = Vec::new();
        for ranges in self.sets().rev() {
            let len: u128 = ranges.iter().map(|range| range.len()).sum();
            let mut within = rest % len;
            rest /= len;
            for range in ranges {
                if within < range.len() {
                    numbers.push((range.start + within as u64, range.width));
                    break;
                }
                within -= range.len();
            }
        }
        self.write(|| numbers.pop().unwrap_or_default())
    }

    fn write(&self, mut next: impl FnMut() -> (u64, usize)) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Set(_) => {
                    let (number, width) = next();
                    text.push_str(&format!("{number:0width$}"));
                }
            }
        }
        text
    }

    /// Reads the corners: a number's digits only grow towards its range's end, and so does its value, so what
    /// is valid at both ends of every range is valid between them.
    fn check(&self) -> Result<(), Problem> {
        let sets: Vec<_> = self.sets().collect();
        let lowest = |ranges: &[Range]| ranges.first().map_or((0, 1), |r| (r.start, r.width));
        let highest = |ranges: &[Range]| {
            let top = ranges.iter().max_by_key(|range| range.end);
            top.map_or((0, 1), |range| (range.end, range.width))
        };
        for (changed, ranges) in sets.iter().enumerate() {
            for corner in ranges
                .iter()
                .flat_map(|r| [(r.start, r.width), (r.end, r.width)])
            {
                for others in [lowest, highest] {
                    let mut set = 0;
                    let text = self.write(|| {
                        let number = if set == changed {
                            corner
                        } else {
                            others(sets[set])
                        };
                        set += 1;
                        number
                    });
                    single(&text)?;
                }
            }
        }
        Ok(())
    }
}

/// Splits a text at its bracketed sets.
fn bracketed(text: &str, pieces: &mut Vec<Piece>) -> Result<(), Problem> {
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('[') {
        let (set, tail) = after.split_once(']').ok_or(Problem::Set)?;
        if literal.contains(']') {
            return Err(Problem::Set);
        }
        pieces.push(Piece::Literal(literal.to_owned()));
        pieces.push(Piece::Set(
            set.split(',').map(Range::parse).collect::<Result<_, _>>()?,
        ));
        rest = tail;
    }
    if rest.contains(']') {
        return Err(Problem::Set);
    }
    pieces.push(Piece::Literal(rest.to_owned()));
    Ok(())
}

/// Reads an IPv4 address whose octets may be ranges without brackets, and an address with an address as its
/// end, `192.168.1.1-192.168.1.40`; `None` for everything else.
fn octets(text: &str) -> Result<Option<Vec<Piece>>, Problem> {
    let (host, port) = text
        .split_once(':')
        .map_or((text, ""), |(host, _)| (host, &text[host.len()..]));
    if !host.contains('-')
        || !host
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'.' || b == b'-')
    {
        return Ok(None);
    }
    let whole;
    let host = match host.split_once('-') {
        // Both ends written out: the same but for the last octet, or it is no range of this grammar.
        Some((start, end)) if end.matches('.').count() == 3 => {
            let shared = start.rsplit_once('.').map(|(net, _)| net);
            match end.rsplit_once('.') {
                Some((net, last)) if Some(net) == shared => {
                    whole = format!("{start}-{last}");
                    &whole
                }
                _ => return Err(Problem::Ipv4),
            }
        }
        _ => host,
    };
    let mut pieces = Vec::new();
    for (number, octet) in host.split('.').enumerate() {
        pieces.push(Piece::Literal(
            if number == 0 { "" } else { "." }.to_owned(),
        ));
        if octet.contains('-') {
            pieces.push(Piece::Set(vec![Range::parse(octet).map_err(
                |problem| match problem {
                    Problem::Set => Problem::Ipv4,
                    other => other,
                },
            )?]));
        } else {
            pieces.push(Piece::Literal(octet.to_owned()));
        }
    }
    bracketed(port, &mut pieces)?;
    Ok(Some(pieces))
}

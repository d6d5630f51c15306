//! Reads a single endpoint, or a network: the parts of the grammar without sets.

use std::{net::IpAddr, path::PathBuf, str::FromStr};

use ipnet::IpNet;

use crate::{
    survey::{
        endpoint::{Address, DEFAULT_PORT, Endpoint},
        hosts::problem::Problem,
    },
    untrusted,
};

impl FromStr for Endpoint {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let (raw, address) = split_scheme(text)?;
        match address.parse() {
            Ok(Address::Unix(_)) | Err(Problem::NoPath) if raw => Err(Problem::RawUnix),
            address => Ok(Self {
                address: address?,
                raw,
            }),
        }
    }
}

impl FromStr for Address {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.chars().any(char::is_whitespace) {
            return Err(Problem::Space);
        }
        // The path of a socket may have any other character, and is shown as it is.
        if !text.chars().all(untrusted::is_printable) {
            return Err(Problem::Unprintable);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(Problem::NoPath),
                path => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        if let Some(name) = text.strip_prefix("dns+") {
            if is_prefixed(name) {
                return Err(Problem::NotDns);
            }
            return match host_and_port(name)? {
                Self::Name(name, port) => Ok(Self::Dns(name, port)),
                _ => Err(Problem::NotDns),
            };
        }
        if let Some((host, address)) = text.split_once('@') {
            if host.is_empty() {
                return Err(Problem::NoHost);
            }
            if is_prefixed(address) {
                return Err(Problem::NotResolved);
            }
            return match host_and_port(address)? {
                Self::Ip(ip, port) => Ok(Self::Resolved(name(host)?, ip, port)),
                _ => Err(Problem::NotResolved),
            };
        }
        host_and_port(text)
    }
}

/// Whether an address has a form that cannot be a part of another. A line of a file is not limited: to parse the parts
/// as addresses again would exhaust the stack.
fn is_prefixed(address: &str) -> bool {
    address.starts_with("unix:") || address.starts_with("dns+") || address.contains('@')
}

/// A name or an IP address, with a port or without.
fn host_and_port(text: &str) -> Result<Address, Problem> {
    let (host, port) = split_port(text)?;
    let port = port.unwrap_or(DEFAULT_PORT);
    if host.contains('%') && host.contains(':') {
        Err(Problem::Zone)
    } else if host.contains(':') {
        let ip = host.parse().map_err(|_| Problem::Ipv6)?;
        Ok(Address::Ip(IpAddr::V6(ip), port))
    } else if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let ip = host.parse().map_err(|_| Problem::Ipv4)?;
        Ok(Address::Ip(IpAddr::V4(ip), port))
    } else {
        name(host).map(|name| Address::Name(name, port))
    }
}

/// A host name after RFC 1123, with the underscore that some sites use, in lower case.
fn name(host: &str) -> Result<Box<str>, Problem> {
    let is_label = |label: &str| {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(valid)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A final dot marks a fully qualified name.
    let labels = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().all(is_range_byte) {
        return Err(Problem::NumericName);
    }
    if labels.len() > 253 || !labels.split('.').all(is_label) {
        return Err(Problem::Name);
    }
    match host.to_ascii_lowercase() {
        // With its port, as it is printed, it would read as a Unix socket.
        name if name == "unix" => Err(Problem::NoPath),
        name => Ok(name.into()),
    }
}

/// Whether a byte may stand in an IPv4 address with ranges.
pub(super) fn is_range_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.' || byte == b'-'
}

/// Splits off `raw://`.
pub(super) fn split_scheme(text: &str) -> Result<(bool, &str), Problem> {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("raw") => Ok((true, rest)),
        Some(_) => Err(Problem::Scheme),
        None => Ok((false, text)),
    }
}

/// Splits a port from a host; an IPv6 address is returned without its brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), Problem> {
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
    let parse = |port| match number(port).map(u16::try_from) {
        Some(Ok(port)) if port > 0 => Ok(port),
        _ => Err(Problem::Port),
    };
    Ok((host, port.map(parse).transpose()?))
}

/// Reads `address/prefix`, with a port behind it or the whole in brackets.
pub(super) fn network(text: &str) -> Result<(IpNet, Option<u16>), Problem> {
    let (host, port) = split_port(text)?;
    let (address, prefix) = host.split_once('/').ok_or(Problem::Prefix)?;
    let ip: IpAddr = address.parse().map_err(|_| match address.contains(':') {
        true => Problem::Ipv6,
        false => Problem::Ipv4,
    })?;
    let prefix = number(prefix).and_then(|n| u8::try_from(n).ok());
    let net = prefix.and_then(|prefix| IpNet::new(ip, prefix).ok());
    let net = net.ok_or(Problem::Prefix)?;
    match net.trunc() {
        network if network == net => Ok((net, port)),
        network => Err(Problem::HostBits(network)),
    }
}

/// Digits only: `u64::from_str` would accept a plus sign.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_prefixes_are_rejected_without_recursion() {
        let parse = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        const TIMES: usize = 200_000;
        assert_eq!(parse(&"dns+".repeat(TIMES)), Problem::NotDns.to_string());
        let nested = "a@".repeat(TIMES) + "10.0.0.1";
        assert_eq!(parse(&nested), Problem::NotResolved.to_string());
        for text in ["dns+dns+a", "dns+a@10.0.0.1", "dns+unix:/a", "dns+10.0.0.1"] {
            assert_eq!(parse(text), Problem::NotDns.to_string(), "{text}");
        }
        for text in ["a@b@10.0.0.1", "a@dns+b", "a@unix:/b", "a@b:5"] {
            assert_eq!(parse(text), Problem::NotResolved.to_string(), "{text}");
        }
    }
}

//! One expression of the grammar: checked when it is read, expanded one endpoint at a time.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::survey::{
    endpoint::{Address, DEFAULT_PORT, Endpoint},
    hosts::{
        parse::{network, split_scheme},
        pattern::Pattern,
        problem::Problem,
    },
};

#[derive(Clone, Debug)]
pub(super) enum Expression {
    Single(Endpoint),
    Network {
        net: IpNet,
        port: Option<u16>,
        raw: bool,
    },
    Pattern {
        pattern: Pattern,
        raw: bool,
    },
}

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let (raw, address) = split_scheme(text)?;
        // The path of a socket may contain anything.
        if address.starts_with("unix:") {
            return text.parse().map(Self::Single);
        }
        if address.contains('/') {
            let (net, port) = network(address)?;
            return Ok(Self::Network { net, port, raw });
        }
        match Pattern::parse(address)? {
            Some(pattern) => Ok(Self::Pattern { pattern, raw }),
            None => text.parse().map(Self::Single),
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
            Self::Pattern { pattern, .. } => pattern.len(),
        }
    }

    /// All endpoints.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        let len = usize::try_from(self.len()).unwrap_or(usize::MAX);
        (0..=u32::MAX).take(len).map(|offset| self.get(offset))
    }

    /// Whether its endpoints stand for all addresses of a name each.
    pub(super) fn is_dns(&self) -> bool {
        // The endpoints of one expression differ in numbers only.
        matches!(self.get(0).address, Address::Dns(..))
    }

    /// The endpoint at an offset below [`Self::len`].
    pub(super) fn get(&self, offset: u32) -> Endpoint {
        let (address, raw) = match self {
            Self::Single(endpoint) => return endpoint.clone(),
            Self::Network { net, port, raw } => {
                let ip = match net.network() {
                    IpAddr::V4(first) => IpAddr::from((u32::from(first) + offset).to_be_bytes()),
                    IpAddr::V6(first) => {
                        IpAddr::from((u128::from(first) + u128::from(offset)).to_be_bytes())
                    }
                };
                (Address::Ip(ip, port.unwrap_or(DEFAULT_PORT)), *raw)
            }
            Self::Pattern { pattern, raw } => {
                let text = pattern.expand(offset.into());
                // Parsing has checked the corners of the pattern. A text that is invalid nevertheless becomes a name
                // that does not resolve.
                let address = text.parse();
                let unresolvable = |_| Address::Name(text.into(), DEFAULT_PORT);
                (address.unwrap_or_else(unresolvable), *raw)
            }
        };
        Endpoint { address, raw }
    }
}

//! What is taken out of a host list.

use std::collections::HashSet;

use ipnet::IpNet;

use crate::survey::{
    endpoint::{Address, Endpoint},
    hosts::{expression::Expression, problem::Problem},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Exclusions {
    networks: Vec<(IpNet, Option<u16>)>,
    /// Single addresses. One that was written without a port is here with port 0, and stands for all its ports. A
    /// name stands for its addresses too.
    addresses: HashSet<Address>,
}

impl Exclusions {
    /// Adds an expression. A network is stored as such and does not count, however large it is.
    ///
    /// # Errors
    /// A bad expression, or more than `max` single addresses.
    pub(super) fn add(&mut self, text: &str, max: usize) -> Result<(), Problem> {
        let expression = match Expression::parse(text)? {
            Expression::Network { net, port, .. } => {
                self.networks.push((net, port));
                return Ok(());
            }
            expression => expression,
        };
        let count = expression
            .len()
            .saturating_add(self.addresses.len() as u128);
        if count > max as u128 {
            return Err(Problem::TooMany { count, max });
        }
        let any_port = !has_port(text);
        for offset in (0..=u32::MAX).take(expression.len() as usize) {
            let mut address = match expression.get(offset).address {
                Address::Dns(name, port) => Address::Name(name, port),
                address => address,
            };
            if any_port {
                address.set_port(0);
            }
            self.addresses.insert(address);
        }
        Ok(())
    }

    pub(super) fn contain(&self, endpoint: &Endpoint) -> bool {
        let (ip, name, port) = match &endpoint.address {
            Address::Ip(ip, port) => (Some(*ip), None, *port),
            Address::Name(name, port) | Address::Dns(name, port) => (None, Some(name), *port),
            Address::Resolved(name, ip, port) => (Some(*ip), Some(name), *port),
            Address::Unix(_) => return self.addresses.contains(&endpoint.address),
        };
        let in_network = |(net, only): &(IpNet, Option<u16>)| {
            ip.is_some_and(|ip| net.contains(&ip)) && only.is_none_or(|only| only == port)
        };
        let listed = |address: Address| {
            let mut any_port = address.clone();
            any_port.set_port(0);
            self.addresses.contains(&address) || self.addresses.contains(&any_port)
        };
        self.networks.iter().any(in_network)
            || !self.addresses.is_empty()
                && (listed(endpoint.address.clone())
                    || ip.is_some_and(|ip| listed(Address::Ip(ip, port)))
                    || name.is_some_and(|name| listed(Address::Name(name.clone(), port))))
    }
}

fn has_port(text: &str) -> bool {
    let host = text.rsplit_once("://").map_or(text, |(_, rest)| rest);
    let host = host.rsplit_once('@').map_or(host, |(_, address)| address);
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, rest)) if inside.contains(':') => rest.starts_with(':'),
        _ => host.matches(':').count() == 1,
    }
}

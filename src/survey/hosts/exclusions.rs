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
    /// Single addresses. One that was written without a port is here with port 0, and stands for all its ports.
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
            let mut address = expression.get(offset).address;
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

fn has_port(text: &str) -> bool {
    let host = text.rsplit_once("://").map_or(text, |(_, rest)| rest);
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, rest)) if inside.contains(':') => rest.starts_with(':'),
        _ => host.matches(':').count() == 1,
    }
}

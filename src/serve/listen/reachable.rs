//! The addresses of listeners as clients see them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::serve::listen::{address::ListenAddress, listener::Listener};

/// The addresses at which the listeners can be reached, loopback and Unix sockets last.
#[must_use]
pub fn reachable(listeners: &[Listener]) -> Vec<ListenAddress> {
    let mut addresses = Vec::new();
    for listener in listeners {
        match listener.address() {
            Ok(ListenAddress::Tcp(bound)) => {
                addresses.extend(reachable_at(bound).into_iter().map(ListenAddress::Tcp));
            }
            Ok(address) => addresses.push(address),
            Err(error) => tracing::debug!(%error, "cannot get the address of a listener"),
        }
    }
    addresses.sort_by_key(|address| match address {
        ListenAddress::Tcp(address) => order(address),
        ListenAddress::Unix(_) => (true, true),
    });
    addresses.dedup();
    addresses
}

/// The addresses at which a listener that is bound to one can be reached, loopback last.
///
/// One that is bound to all addresses can be reached at each address of each interface. IPv6 link-local addresses
/// are left out, because on another machine they need the name of an interface.
#[must_use]
pub fn reachable_at(bound: SocketAddr) -> Vec<SocketAddr> {
    if !bound.ip().is_unspecified() {
        return vec![bound];
    }
    let ips = interfaces().into_iter();
    let ips = ips.filter(|ip| bound.is_ipv6() || ip.is_ipv4());
    let mut addresses: Vec<SocketAddr> = ips.map(|ip| (ip, bound.port()).into()).collect();
    addresses.sort_by_key(order);
    addresses.dedup();
    addresses
}

fn order(address: &SocketAddr) -> (bool, bool) {
    (address.ip().is_loopback(), address.is_ipv6())
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

//! Puts the addresses of names in the places of `dns+name:port`, before a survey or each of its rounds.

use std::{net::IpAddr, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

use crate::{
    survey::{
        connect::{self, DNS_TIMEOUT, MAX_DNS_LOOKUPS},
        hosts::{Addresses, Hosts},
    },
    untrusted::Untrusted,
};

/// Shared by all rounds of a process: lookups that hang in a resolver are not joined by those of the next round.
static LOOKUPS: Semaphore = Semaphore::const_new(MAX_DNS_LOOKUPS);

/// The list with an endpoint for every address of each `dns+` name, in the order of the addresses.
///
/// A name that does not resolve within `limit`, which is two seconds at most, stays one endpoint, and
/// [`crate::survey::run`] gives it the outcome `dns`. `hosts` keeps its names: resolve it again for the next round.
pub async fn resolve(hosts: &Hosts, limit: Duration) -> Hosts {
    let addresses = look_up(hosts, limit).await;
    match addresses.is_empty() {
        true => hosts.clone(),
        false => hosts.resolved(&addresses),
    }
}

/// Looks up every `dns+` name of a list.
pub(crate) async fn look_up(hosts: &Hosts, limit: Duration) -> Addresses {
    let mut addresses = Addresses::new();
    let mut lookups = JoinSet::new();
    let mut permit_timeout = DNS_TIMEOUT;
    for name in hosts.names_to_resolve() {
        // If no lookup ends in the time that one may take, the resolver answers none of those that wait.
        if let Ok(Ok(permit)) = timeout(permit_timeout, LOOKUPS.acquire()).await {
            lookups.spawn(async move {
                let found = sorted_ips(&name, limit, permit).await;
                (name, found)
            });
        } else {
            permit_timeout = Duration::ZERO;
            let reason = Untrusted::new("the resolver does not answer");
            addresses.insert(name, Err(reason));
        }
    }
    // A lookup that panicked leaves its name without addresses.
    while let Some(ended) = lookups.join_next().await {
        addresses.extend(ended.ok());
    }
    addresses
}

async fn sorted_ips(
    name: &str,
    limit: Duration,
    permit: impl Send + 'static,
) -> Result<Vec<IpAddr>, Untrusted> {
    let found = connect::resolve(name, 0, limit, permit).await?;
    let mut ips: Vec<_> = found.iter().map(|address| address.ip()).collect();
    // A resolver rotates them, and they are to be the same in each round.
    ips.sort_unstable();
    ips.dedup();
    Ok(ips)
}

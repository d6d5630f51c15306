//! Counts the resources in use, in total and by each address, and admits or rejects one more.
//!
//! Addresses are counted one by one. A peer with a whole IPv6 network can therefore take up to the total limit;
//! counting networks instead would let one student of a classroom lock out the others.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// What is limited. All but `Connection` are acquired on a connection and released before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Connection,
    /// A pending unary call.
    Call,
    /// A health watch.
    Watch,
    /// A reflection stream.
    Reflection,
}

impl Resource {
    const COUNT: usize = 4;
}

/// The limits of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// For all addresses together.
    pub(crate) total: usize,
    /// For one address, while less than three quarters of the total are in use.
    pub(crate) per_address: usize,
}

impl Quota {
    const NONE: Self = Self {
        total: 0,
        per_address: 0,
    };

    /// How many one address may hold while `in_use` are held in total, the new one included.
    ///
    /// In the last quarter this shrinks with what is left: a few hostile addresses can fill the other three quarters
    /// only, and the rest stays for addresses that hold few.
    fn share(self, in_use: usize) -> usize {
        if in_use <= self.total - self.total / 4 {
            return self.per_address;
        }
        let free = self.total - in_use;
        self.per_address.min((free / 3).clamp(1, 8))
    }
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitReached {
    /// The limit for all addresses together.
    Total,
    /// The limit for one address.
    Address,
}

/// The numbers in use: in total, or by one address.
#[derive(Debug, Default)]
struct InUse([AtomicUsize; Resource::COUNT]);

impl InUse {
    fn of(&self, resource: Resource) -> &AtomicUsize {
        &self.0[resource as usize]
    }
}

/// The limits of one server and what is in use of them.
#[derive(Debug)]
pub(crate) struct Limiter {
    quotas: [Quota; Resource::COUNT],
    in_use: InUse,
    addresses: Mutex<HashMap<IpAddr, Arc<InUse>>>,
}

impl Limiter {
    /// A limiter of connections alone; [`Limiter::with`] adds other resources.
    pub(crate) fn of_connections(quota: Quota) -> Self {
        let none = Self {
            quotas: [Quota::NONE; Resource::COUNT],
            in_use: InUse::default(),
            addresses: Mutex::default(),
        };
        none.with(Resource::Connection, quota)
    }

    pub(crate) fn with(mut self, resource: Resource, quota: Quota) -> Self {
        self.quotas[resource as usize] = quota;
        self
    }

    /// Connections open now.
    pub(crate) fn connections(&self) -> usize {
        self.in_use.of(Resource::Connection).load(Relaxed)
    }

    /// Admits one connection; `address` is absent for Unix sockets, which only the total limits.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Permit, LimitReached> {
        let address = match address {
            None => {
                self.take(Resource::Connection, None)?;
                None
            }
            Some(address) => {
                // Counted under the lock, so that the entry is not removed in between.
                let mut table = self.table();
                let held = Arc::clone(table.entry(address).or_default());
                if let Err(reached) = self.take(Resource::Connection, Some(&held)) {
                    if held.of(Resource::Connection).load(Relaxed) == 0 {
                        table.remove(&address);
                    }
                    return Err(reached);
                }
                Some((address, held))
            }
        };
        Ok(Permit {
            limiter: Arc::clone(self),
            address,
        })
    }

    /// Takes one of a resource; `held` is what its address holds.
    fn take(&self, resource: Resource, held: Option<&InUse>) -> Result<(), LimitReached> {
        // Counting first and undoing it on failure makes it two atomic operations in the usual case.
        let quota = self.quotas[resource as usize];
        let all = self.in_use.of(resource);
        let in_use = all.fetch_add(1, Relaxed) + 1;
        if in_use > quota.total {
            all.fetch_sub(1, Relaxed);
            return Err(LimitReached::Total);
        }
        if let Some(held) = held
            && held.of(resource).fetch_add(1, Relaxed) >= quota.share(in_use)
        {
            held.of(resource).fetch_sub(1, Relaxed);
            all.fetch_sub(1, Relaxed);
            return Err(LimitReached::Address);
        }
        Ok(())
    }

    fn table(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<InUse>>> {
        // Nothing panics under the lock; a poisoned table would still be consistent.
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permit of one connection, released when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    address: Option<(IpAddr, Arc<InUse>)>,
}

impl Permit {
    /// Acquires another resource for this connection, without a lock; [`Permit::release`] gives it back.
    pub(crate) fn acquire(&self, resource: Resource) -> bool {
        let held = self.address.as_ref().map(|(_, held)| &**held);
        self.limiter.take(resource, held).is_ok()
    }

    /// Releases what [`Permit::acquire`] acquired.
    pub(crate) fn release(&self, resource: Resource) {
        self.limiter.in_use.of(resource).fetch_sub(1, Relaxed);
        if let Some((_, held)) = &self.address {
            held.of(resource).fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let all = self.limiter.in_use.of(Resource::Connection);
        all.fetch_sub(1, Relaxed);
        if let Some((address, held)) = &self.address {
            // Under the lock, so that no new connection gets an entry that is just being removed.
            let mut table = self.limiter.table();
            if held.of(Resource::Connection).fetch_sub(1, Relaxed) == 1 {
                table.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from_bits(0xc000_0200 + number).into())
    }

    fn limiter(total: usize, per_address: usize) -> Arc<Limiter> {
        Arc::new(Limiter::of_connections(Quota { total, per_address }))
    }

    /// All permits that this address gets.
    fn take_all(limiter: &Arc<Limiter>, address: Option<IpAddr>) -> Vec<Permit> {
        std::iter::from_fn(|| limiter.admit(address).ok()).collect()
    }

    #[test]
    fn connections_are_limited_for_an_address_and_in_all() {
        let limiter = limiter(3, 2);
        let mut held = take_all(&limiter, address(1));
        assert_eq!(held.len(), 2);
        assert_eq!(
            limiter.admit(address(1)).unwrap_err(),
            LimitReached::Address
        );
        held.push(limiter.admit(None).unwrap());
        for caller in [None, address(2)] {
            assert_eq!(limiter.admit(caller).unwrap_err(), LimitReached::Total);
        }
        assert_eq!(limiter.connections(), 3);
        assert_eq!(limiter.table().len(), 1, "a rejected address is remembered");

        held.remove(0);
        held.push(limiter.admit(address(1)).unwrap());
        held.clear();
        assert_eq!(limiter.connections(), 0);
        assert!(limiter.table().is_empty(), "an address was not forgotten");
    }

    #[test]
    fn last_quarter_is_kept_for_addresses_that_hold_few_at_every_size() {
        for total in [16, 32, 64, 192, 256, 960, 10_000] {
            let limiter = limiter(total, total);
            let first = take_all(&limiter, address(0));
            assert_eq!(first.len(), total - total / 4);
            let more: Vec<_> = (1..4)
                .flat_map(|n| take_all(&limiter, address(n)))
                .collect();
            assert!(more.len() <= 3 * 8, "{total}: {} are not few", more.len());
            let fifth = take_all(&limiter, address(100));
            assert!(!fifth.is_empty(), "{total}: four addresses took all");
        }
    }

    #[test]
    fn other_resources_are_limited_for_an_address_and_in_all() {
        let quota = Quota {
            total: 3,
            per_address: 2,
        };
        let limiter = Limiter::of_connections(Quota {
            total: 10,
            per_address: 10,
        });
        let limiter = Arc::new(limiter.with(Resource::Watch, quota));
        let [a, b] = [1, 2].map(|n| limiter.admit(address(n)).unwrap());
        let watch = |permit: &Permit| permit.acquire(Resource::Watch);
        assert!(watch(&a) && watch(&a));
        assert!(!watch(&a), "one address took more than its share");
        assert!(watch(&b));
        assert!(!watch(&b), "more were taken than there are");
        a.release(Resource::Watch);
        assert!(watch(&b));
        assert!(!a.acquire(Resource::Call), "a resource without a quota");
    }
}

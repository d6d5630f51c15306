//! How much of everything one server gives, in all and to one address, and who holds how much of it now.
//!
//! Addresses are counted one by one. A peer with a whole IPv6 network of its own can therefore take up to the
//! limit for all; counting networks instead would let one student of a classroom lock out the others.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// The limits of one server. Durations beyond a year are taken as a year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at the same time.
    pub connections: usize,
    /// The same from one address, of which the last quarter of all is for those that hold a few only. Unix
    /// sockets have no address and are not counted.
    pub connections_per_address: usize,
    /// Calls that wait at the same time: for the rest of their own request, of which more are answered with
    /// RESOURCE_EXHAUSTED, or for their answer to be taken, of which more are reset. A call that can be answered
    /// at once always is.
    pub calls: usize,
    /// The same from one address.
    pub calls_per_address: usize,
    /// Calls open at the same time on one connection (SETTINGS_MAX_CONCURRENT_STREAMS).
    pub calls_per_connection: u32,
    /// How long a peer may say nothing before it is sent the raw profile.
    pub silence: Duration,
    /// How long a peer may take to say who it is: a whole preface, a TLS handshake, an HTTP/1 request.
    pub handshake: Duration,
    /// How long a gRPC connection may stay open without a call.
    pub idle: Duration,
    /// How long a gRPC connection may stay open at all.
    pub age: Duration,
    /// How long a peer may take that was told to leave (GOAWAY) before it is cut, and one that was answered before
    /// the answer is taken back.
    pub grace: Duration,
    /// How long a call may take, whatever deadline its caller sent.
    pub call: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // At a few KiB each these fit into any machine of a class, and below the usual 20,000 descriptors.
            connections: 10_000,
            // A class behind one address translator, a survey each.
            connections_per_address: 256,
            calls: 16_384,
            calls_per_address: 1_024,
            calls_per_connection: 128,
            // What the original exercise's client waits for; a gRPC client speaks within a round trip.
            silence: Duration::from_millis(1_500),
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(300),
            age: Duration::from_secs(3_600),
            grace: Duration::from_secs(5),
            call: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Limits that never refuse a connection or a call for their number: for rehearsals in one process.
    #[must_use]
    pub fn unbounded() -> Self {
        Self {
            connections: usize::MAX,
            connections_per_address: usize::MAX,
            calls: usize::MAX,
            calls_per_address: usize::MAX,
            ..Self::default()
        }
    }

    /// Keeps sums of a duration and a point in time within what a clock can say.
    fn clamped(mut self) -> Self {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        for duration in [
            &mut self.silence,
            &mut self.handshake,
            &mut self.idle,
            &mut self.age,
            &mut self.grace,
            &mut self.call,
        ] {
            *duration = (*duration).min(YEAR);
        }
        self
    }
}

/// What is held at the moment: by everybody, or by one address.
#[derive(Debug, Default)]
struct Held {
    connections: AtomicUsize,
    calls: AtomicUsize,
}

/// Connections that an address is given even when the server is nearly full.
const FEW: usize = 8;

/// Takes one of `counter` if fewer than `limit` are taken.
fn take(counter: &AtomicUsize, limit: usize) -> bool {
    // Counting first and taking back keeps it to one atomic step in the ordinary case.
    if counter.fetch_add(1, Ordering::Relaxed) < limit {
        return true;
    }
    counter.fetch_sub(1, Ordering::Relaxed);
    false
}

/// Hands out the permits of one server.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: Limits,
    all: Held,
    addresses: Mutex<HashMap<IpAddr, Arc<Held>>>,
}

/// Why a connection was refused a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The server has no more.
    Server,
    /// The address has no more.
    Address,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits: limits.clamped(),
            all: Held::default(),
            addresses: Mutex::default(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Connections open now.
    pub(crate) fn connections(&self) -> usize {
        self.all.connections.load(Ordering::Relaxed)
    }

    /// Lets one connection in; `address` is absent for Unix sockets.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Permit, Full> {
        if !take(&self.all.connections, self.limits.connections) {
            return Err(Full::Server);
        }
        let all = self.limits.connections;
        let nearly_full = self.connections() > all - all / 4;
        let share = match self.limits.connections_per_address {
            share if nearly_full => share.min(FEW),
            share => share,
        };
        let mut full = false;
        let address = address.map(|address| {
            // Counted under the lock, so that the entry is not removed meanwhile.
            let mut table = self.table();
            let held = table.entry(address).or_default();
            let before = held.connections.fetch_add(1, Ordering::Relaxed);
            full = before >= share;
            (address, Arc::clone(held))
        });
        // From here on the permit's drop gives back what was taken.
        let permit = Permit {
            gate: Arc::clone(self),
            address,
        };
        if full { Err(Full::Address) } else { Ok(permit) }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Arc<Held>>> {
        // Nothing that can panic runs under the lock; a poisoned table would still be a good one.
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one connection, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    gate: Arc<Gate>,
    address: Option<(IpAddr, Arc<Held>)>,
}

impl Permit {
    /// Takes the right to let one call wait; [`Permit::end_call`] gives it back.
    pub(crate) fn begin_call(&self) -> bool {
        let limits = &self.gate.limits;
        if !take(&self.gate.all.calls, limits.calls) {
            return false;
        }
        match &self.address {
            Some((_, held)) if !take(&held.calls, limits.calls_per_address) => {
                self.gate.all.calls.fetch_sub(1, Ordering::Relaxed);
                false
            }
            _ => true,
        }
    }

    /// Gives back what [`Permit::begin_call`] took.
    pub(crate) fn end_call(&self) {
        self.gate.all.calls.fetch_sub(1, Ordering::Relaxed);
        if let Some((_, held)) = &self.address {
            held.calls.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.all.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some((address, held)) = &self.address {
            // Under the lock, so that nobody is handed an entry that is just being removed.
            let mut table = self.gate.table();
            if held.connections.fetch_sub(1, Ordering::Relaxed) == 1 {
                table.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const B: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    fn gate() -> Arc<Gate> {
        Arc::new(Gate::new(Limits {
            connections: 4,
            connections_per_address: 2,
            calls: 3,
            calls_per_address: 2,
            ..Limits::default()
        }))
    }

    #[test]
    fn connections_are_limited_for_an_address_and_for_all() {
        let gate = gate();
        let mut held = vec![gate.admit(A).unwrap(), gate.admit(A).unwrap()];
        assert_eq!(gate.admit(A).unwrap_err(), Full::Address);
        held.push(gate.admit(B).unwrap());
        held.push(gate.admit(None).unwrap());
        assert_eq!(gate.admit(None).unwrap_err(), Full::Server);
        assert_eq!(gate.connections(), 4);

        held.remove(0);
        assert_eq!(gate.table().len(), 2);
        held.push(gate.admit(A).unwrap());
        held.clear();
        assert_eq!(gate.connections(), 0);
        assert!(gate.table().is_empty(), "an address was not forgotten");
    }

    #[test]
    fn the_last_quarter_is_for_addresses_that_hold_few() {
        let gate = Arc::new(Gate::new(Limits {
            connections: 100,
            connections_per_address: 100,
            ..Limits::default()
        }));
        let held: Vec<Permit> = std::iter::from_fn(|| gate.admit(A).ok()).collect();
        assert_eq!(held.len(), 75);
        let few: Vec<Permit> = std::iter::from_fn(|| gate.admit(B).ok()).collect();
        assert_eq!(few.len(), FEW);
    }

    #[test]
    fn calls_are_limited_for_an_address_and_for_all() {
        let gate = gate();
        let (a, b) = (gate.admit(A).unwrap(), gate.admit(B).unwrap());
        assert!(a.begin_call() && a.begin_call());
        assert!(!a.begin_call(), "one address took more than its share");
        assert!(b.begin_call());
        assert!(!b.begin_call(), "more were let in than the server gives");
        a.end_call();
        assert!(b.begin_call());
    }
}

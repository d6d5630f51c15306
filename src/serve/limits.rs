//! The limits of a server: numbers of connections and calls, in total and for one address, and timeouts.

use std::time::Duration;

use crate::serve::limiter::{Limiter, Quota, Resource};

/// Longer durations are replaced by this one, so that sums with a point in time stay within the clock's range.
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The limits of one server. Durations beyond a year become a year.
///
/// Each number is a limit on what exists at the same time. Those for one address do not apply to Unix sockets, which
/// have none. The last quarter of each total is for addresses that hold few (see `limiter`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Open connections from one address.
    pub connections_per_address: usize,
    /// Pending unary calls. Beyond it, a call that waits for its request gets RESOURCE_EXHAUSTED; one whose response
    /// is not being read is reset. A call that can be answered at once always is.
    pub calls: usize,
    /// Pending unary calls from one address.
    pub calls_per_address: usize,
    /// Open health watches. More get RESOURCE_EXHAUSTED.
    pub watches: usize,
    /// Open health watches from one address.
    pub watches_per_address: usize,
    /// Reflection streams that are open, or whose responses the peer has not read. More get RESOURCE_EXHAUSTED.
    pub reflections: usize,
    /// Reflection streams from one address.
    pub reflections_per_address: usize,
    /// Open calls on one connection (SETTINGS_MAX_CONCURRENT_STREAMS).
    pub calls_per_connection: u32,
    /// How long a peer may send nothing before it gets the raw profile.
    pub raw_delay: Duration,
    /// How long a peer may take for a whole preface, a TLS handshake, or an HTTP/1 request.
    pub handshake: Duration,
    /// How long a gRPC connection may stay open without a call.
    pub idle: Duration,
    /// How long a gRPC connection may stay open at all.
    pub max_age: Duration,
    /// How long a peer may take to leave after GOAWAY, or to read a response after the deadline of its call.
    pub grace: Duration,
    /// How long a gRPC peer may read nothing of what is sent to it.
    pub write: Duration,
    /// The longest deadline of a call, whatever its caller sent; a health watch may ask for a longer one.
    pub call: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // At a few KiB each these fit into the memory of any machine, and below the usual 20,000 descriptors.
            connections: 10_000,
            // A class behind one NAT gateway, a survey each.
            connections_per_address: 256,
            calls: 16_384,
            calls_per_address: 1_024,
            // A load balancer keeps one for each backend connection.
            watches: 1_024,
            watches_per_address: 64,
            // Each may hold some 100 KiB of responses, and takes milliseconds if its caller reads them.
            reflections: 128,
            reflections_per_address: 32,
            calls_per_connection: 128,
            // A gRPC client speaks within a round trip, or later where packets are lost: most late prefaces came 2.2
            // to 2.5 s after the handshake. Probably the SYN-ACK was lost as well, and Linux took the second that it
            // cost for the round trip. Of 96,000 connections that lost 5 % of their packets each way, this share was
            // silent for longer: 0.25 % than 1.5 s and than 2 s, 0.021 % than 2.5 s, 0.017 % than 3 s and than 4 s.
            raw_delay: Duration::from_secs(3),
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(300),
            max_age: Duration::from_secs(3_600),
            grace: Duration::from_secs(5),
            // The default of the keepalive timeout in gRPC.
            write: Duration::from_secs(20),
            call: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// Limits without numbers of connections and calls: for simulations in one process.
    #[must_use]
    pub fn unbounded() -> Self {
        Self {
            connections: usize::MAX,
            connections_per_address: usize::MAX,
            calls: usize::MAX,
            calls_per_address: usize::MAX,
            watches: usize::MAX,
            watches_per_address: usize::MAX,
            reflections: usize::MAX,
            reflections_per_address: usize::MAX,
            ..Self::default()
        }
    }

    /// Limits the connections to what a process with `descriptors` file descriptors can hold.
    ///
    /// Otherwise descriptors would run out before the last quarter of the connections, and the server would reject
    /// the addresses that the quarter is for.
    #[must_use]
    pub fn within(mut self, descriptors: u64) -> Self {
        // For listeners, timers, signals, reloaded files, scrapers, and connections that are accepted only to be
        // closed.
        const RESERVED: u64 = 64;
        let left = descriptors - RESERVED.min(descriptors / 2);
        self.connections = self
            .connections
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        self
    }

    /// Durations of at most a year.
    pub(crate) fn clamped(mut self) -> Self {
        for duration in [
            &mut self.raw_delay,
            &mut self.handshake,
            &mut self.idle,
            &mut self.max_age,
            &mut self.grace,
            &mut self.write,
            &mut self.call,
        ] {
            *duration = (*duration).min(YEAR);
        }
        self
    }

    pub(crate) fn limiter(&self) -> Limiter {
        let quota = |total, per_address| Quota { total, per_address };
        Limiter::of_connections(quota(self.connections, self.connections_per_address))
            .with(Resource::Call, quota(self.calls, self.calls_per_address))
            .with(
                Resource::Watch,
                quota(self.watches, self.watches_per_address),
            )
            .with(
                Resource::Reflection,
                quota(self.reflections, self.reflections_per_address),
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_other_uses() {
        for (descriptors, connections) in [
            (u64::MAX, 10_000),
            (20_000, 10_000),
            (1_024, 960),
            (256, 192),
            (64, 32),
            (1, 1),
        ] {
            let limits = Limits::default().within(descriptors);
            assert_eq!(limits.connections, connections, "{descriptors}");
        }
    }
}

//! How much of everything one server gives, in all and to one address.

use std::time::Duration;

use crate::serve::limiter::{Limiter, Quota, Resource};

/// The longest duration that is taken as it is.
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The limits of one server. Durations beyond a year are taken as a year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at the same time.
    pub connections: usize,
    /// The same from one address. Of everything that is limited so, the last quarter is for addresses that hold
    /// few. Unix sockets have no address: only the limits for all hold for them.
    pub connections_per_address: usize,
    /// Unary calls that wait at the same time: for the rest of their own request, of which more are answered with
    /// RESOURCE_EXHAUSTED, or for their answer to be taken, of which more are reset. A call that can be answered
    /// at once always is.
    pub calls: usize,
    /// The same from one address.
    pub calls_per_address: usize,
    /// Health watches open at the same time, of which more are answered with RESOURCE_EXHAUSTED.
    pub watches: usize,
    /// The same from one address.
    pub watches_per_address: usize,
    /// Reflection streams open at the same time, or ended with answers that the peer has not taken. More are
    /// answered with RESOURCE_EXHAUSTED.
    pub reflections: usize,
    /// The same from one address.
    pub reflections_per_address: usize,
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
    /// How long a call may take, whatever deadline its caller sent; a health watch may take as long as that asks.
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
            // A load balancer keeps one for each backend connection.
            watches: 1_024,
            watches_per_address: 64,
            // Each may hold some 100 KiB of answers, and takes milliseconds where its caller reads them.
            reflections: 128,
            reflections_per_address: 32,
            calls_per_connection: 128,
            // A gRPC client speaks within a round trip, or later where packets are lost: most late prefaces came 2.2
            // to 2.5 s after the handshake. Probably the SYN-ACK was lost as well, and Linux took the second that it
            // cost for the round trip. Of 96,000 connections that lost 5 % of their packets each way, this share was
            // silent for longer: 0.25 % than 1.5 s and than 2 s, 0.021 % than 2.5 s, 0.017 % than 3 s and than 4 s.
            silence: Duration::from_secs(3),
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
            watches: usize::MAX,
            watches_per_address: usize::MAX,
            reflections: usize::MAX,
            reflections_per_address: usize::MAX,
            ..Self::default()
        }
    }

    /// The same with no more connections than a process can hold that may open `descriptors` files.
    ///
    /// Without this, descriptors would be out before the last quarter of the connections is reached, and the
    /// server would be full for the addresses that the quarter is for.
    #[must_use]
    pub fn within(mut self, descriptors: u64) -> Self {
        // For listeners, timers, signals, files that are read again, scrapers, and the connection that is
        // accepted in order to be closed.
        const KEPT: u64 = 64;
        let left = descriptors - KEPT.min(descriptors / 2);
        self.connections = self
            .connections
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        self
    }

    /// Keeps sums of a duration and a point in time within the range of a clock.
    pub(crate) fn clamped(mut self) -> Self {
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

    /// The limiter that enforces the numbers.
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
    fn connections_leave_descriptors_for_everything_else() {
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

//! The settings that a room is opened with.

use std::time::Duration;

use crate::lab::{fault_list::FaultList, service_kind::ServiceKind};

/// How to open a room.
#[derive(Clone, Debug)]
pub struct Config {
    /// What every seat serves.
    pub service: ServiceKind,
    /// Number of seats.
    pub seats: usize,
    /// Decides the people or machines, and which seats have which fault.
    pub seed: u64,
    /// Faults and how many seats have each; none by default.
    pub faults: FaultList,
    /// The port of all seats; `None` for a free one. With thousands of seats, those that refuse connections have another.
    pub port: Option<u16>,
    /// Give each seat a port of its own on 127.0.0.1 instead of an address of its own.
    pub port_per_seat: bool,
    /// Let the seats join one by one, in an order of the seed, and be complete after this time. A seat refuses
    /// connections until it joins. `None` opens all of them at once.
    pub join_over: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            service: ServiceKind::default(),
            seats: 40,
            seed: 7,
            faults: FaultList::default(),
            port: None,
            // Only Linux answers on all of 127.0.0.0/8; other systems need each address to be configured.
            port_per_seat: !cfg!(target_os = "linux"),
            join_over: None,
        }
    }
}

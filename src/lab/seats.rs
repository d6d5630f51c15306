//! The seats of a room: the person, the fault and the address of each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use prost::Message as _;

use crate::{
    lab::{
        faults::{Fault, FaultKind},
        machines, people,
        script::Step,
        service_kind::ServiceKind,
    },
    pb::{GetProfileResponse, fleet::StatusView},
    profile::Profile,
    serve::profile_source::ProfileSource,
    survey::{
        endpoint::{Address, Endpoint},
        hosts::Hosts,
        outcome::Outcome,
    },
};

/// The first seat's address.
pub(super) const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Number of addresses in 127.0.0.0/8 from the first seat's on, without the broadcast address.
pub(super) const MAX_SEATS: usize = 0x00ff_fffe;

/// Person, fault and address of each seat, by its index.
#[derive(Debug)]
pub(super) struct Seats {
    /// Empty in a fleet: what a machine reports follows from its seat and the seed.
    pub(super) people: Vec<Profile>,
    seed: u64,
    faults: Vec<&'static Fault>,
    addresses: SeatAddresses,
}

/// How the local address of a connection identifies its seat.
#[derive(Debug)]
pub(super) enum SeatAddresses {
    /// Consecutive addresses on one port; seats that refuse connections are listed with the second one, which may be
    /// the same.
    Consecutive { port: u16, refusing_port: u16 },
    /// An address and a port for each seat.
    Individual(Vec<SocketAddr>),
}

impl Seats {
    pub(super) fn new(
        service: ServiceKind,
        seed: u64,
        faults: Vec<&'static Fault>,
        addresses: SeatAddresses,
    ) -> Self {
        let mut people = match service {
            ServiceKind::Profile => people::people(faults.len(), seed),
            ServiceKind::Fleet => Vec::new(),
        };
        assign_duplicate_ids(&mut people, &faults);
        Self {
            people,
            seed,
            faults,
            addresses,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.faults.len()
    }

    pub(super) fn fault(&self, seat: usize) -> &'static Fault {
        self.faults[seat]
    }

    /// What a seat that has a script does on a connection.
    pub(super) fn script(&self, seat: usize) -> Option<Vec<Step>> {
        let person = self.people.get(seat);
        let message = || match person {
            Some(person) => GetProfileResponse::from(person).encode_to_vec(),
            None => self.status(seat, StatusView::Full),
        };
        self.faults[seat].kind.script(message, person)
    }

    /// The encoded status of a machine.
    pub(super) fn status(&self, seat: usize, view: StatusView) -> Vec<u8> {
        machines::status(self.seed, seat, self.faults[seat].kind.of_machine(), view)
    }

    /// The endpoints, in the order of the seats.
    pub(super) fn hosts(&self) -> Hosts {
        let seats = self.faults.iter().enumerate();
        seats
            .map(|(seat, fault)| Endpoint {
                address: self.addresses.address(seat, fault.kind),
                raw: matches!(fault.kind, FaultKind::RawEndpoint),
            })
            .collect()
    }

    /// The seat that a connection was made to; `None` outside the room.
    pub(super) fn at(&self, local: SocketAddr) -> Option<usize> {
        let seat = match (&self.addresses, local.ip()) {
            // A shared listener accepts on every address of this machine; the room is on loopback only.
            (SeatAddresses::Consecutive { .. }, IpAddr::V4(ip)) if ip.is_loopback() => {
                ip.to_bits().checked_sub(FIRST_ADDRESS.to_bits())? as usize
            }
            (SeatAddresses::Individual(addresses), _) => {
                addresses.iter().position(|address| *address == local)?
            }
            _ => return None,
        };
        (seat < self.faults.len()).then_some(seat)
    }
}

impl SeatAddresses {
    fn address(&self, seat: usize, kind: FaultKind) -> Address {
        let (ip, port) = match self {
            Self::Consecutive { refusing_port, .. } if matches!(kind, FaultKind::Refuse) => {
                (seat_ip(seat).into(), *refusing_port)
            }
            Self::Consecutive { port, .. } => (seat_ip(seat).into(), *port),
            Self::Individual(addresses) => (addresses[seat].ip(), addresses[seat].port()),
        };
        Address::Ip(ip, port)
    }
}

/// The address of a seat in a room with consecutive addresses.
pub(super) fn seat_ip(seat: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + seat as u32)
}

/// Gives each seat with the fault `duplicate` the id of the next healthy seat.
fn assign_duplicate_ids(people: &mut [Profile], faults: &[&Fault]) {
    let count = people.len();
    for seat in 0..count {
        if !matches!(faults[seat].kind, FaultKind::DuplicateId) {
            continue;
        }
        let mut others = (1..count).map(|step| (seat + step) % count);
        if let Some(other) = others.find(|other| matches!(faults[*other].kind, FaultKind::Healthy))
        {
            people[seat].id = people[other].id;
        }
    }
}

/// Serves the profile of the seat that a connection was made to.
impl ProfileSource for Seats {
    fn profile(&self, local: Option<SocketAddr>) -> Option<Profile> {
        self.people.get(self.at(local?)?).cloned()
    }
}

/// What the seed determines for a seat.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The seat's fault.
    pub fault: &'static Fault,
    /// The profile of a seat that answers; none in a fleet.
    pub profile: Option<&'a Profile>,
}

impl Expected<'_> {
    /// Whether an outcome is correct: that of the fault, and if it has a profile, that of the seat.
    #[must_use]
    pub fn matches(&self, outcome: &Outcome<Profile>) -> bool {
        let profile = outcome.answer().map(|(profile, _)| profile);
        self.fault.matches(outcome) && profile.is_none_or(|profile| Some(profile) == self.profile)
    }
}

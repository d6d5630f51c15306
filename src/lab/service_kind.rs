//! The services that a room can simulate.

use crate::named::named;

named! {
    /// The service that every seat of a room has.
    #[derive(Default)]
    pub enum ServiceKind {
        /// People: lab.Profile, as `labrpc serve` serves it.
        #[default]
        Profile => "profile",
        /// Machines: fleet.v1.MachineService, whose answers should be equal.
        Fleet => "fleet",
    }
}

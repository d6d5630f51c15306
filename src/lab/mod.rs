//! A simulated room: many servers in one process, for rehearsals and for the project's own tests.
//!
//! On Linux, which answers on all of 127.0.0.0/8, the seats have consecutive addresses on one port. One listener
//! serves all of them and identifies the seat by the address that the client connected to, so a room of 100,000
//! costs one descriptor. Elsewhere each seat has a port of its own. The seed decides the people and the faults
//! of the seats, so what a survey must report is known beforehand.
//!
//! A room can simulate a fleet instead: machines whose status should be the same everywhere. Seats, listeners and most
//! faults are the same.

mod config;
mod error;
mod expected;
mod fault_list;
mod faults;
mod fleet;
mod frames;
mod listener;
mod machines;
mod people;
mod room;
mod script;
mod seats;
mod service_kind;

pub use crate::lab::{
    config::Config,
    error::Error,
    fault_list::{FaultList, FaultListError},
    faults::{FAULTS, Fault, HEALTHY},
    room::Room,
    seats::Expected,
    service_kind::ServiceKind,
};

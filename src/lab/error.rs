//! Why a room cannot be opened.

use std::{io, net::SocketAddr};

use crate::lab::{fault_list::FaultListError, seats::MAX_SEATS};

/// Why a room cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More seats than there are addresses.
    #[error("{0} seats are more than the {MAX_SEATS} addresses of 127.0.0.0/8")]
    Seats(usize),
    /// More faults than seats.
    #[error("{0}")]
    FaultList(FaultListError),
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
}

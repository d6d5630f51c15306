//! The sockets that a server listens on, and the addresses under which clients reach them.

mod address;
mod listener;
mod reachable;
#[cfg(unix)]
mod unix_socket;

pub use self::{
    address::{InvalidAddress, ListenAddress},
    listener::{Error, Listener},
    reachable::{reachable, reachable_at},
};

//! The server as its clients see it.

/// A server in this process, and what the tests of several files need.
pub(crate) mod running;

/// grpcurl, curl, Python and the original exercise's client, all on one port.
mod clients;
/// h2spec.
mod conformance;
/// Shutdown.
mod drain;
/// HTTP/1.
mod http;
/// Timeouts, numbers, sizes, and the allow list.
mod limits;
/// Sockets, addresses, metrics, and reloaded files.
mod operations;
/// The profile over each protocol.
mod protocols;
/// Addresses that take many connections, and what is left to others.
mod shares;
/// Health watches and reflection.
mod streams;

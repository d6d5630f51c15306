//! The server as its clients see it.

pub(crate) mod running;

mod clients;
mod conformance;
mod drain;
mod http;
mod limits;
mod operations;
mod protocols;
mod shares;
mod streams;

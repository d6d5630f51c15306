//! The server as its callers see it.

pub(crate) mod running;

mod answers;
mod conformance;
mod drain;
mod guards;
mod http;
mod operations;
mod others;
mod shares;
mod streams;

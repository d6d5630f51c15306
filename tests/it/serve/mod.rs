//! The server as its callers see it.

mod running;

mod answers;
mod drain;

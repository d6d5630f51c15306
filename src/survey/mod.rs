//! Asks many endpoints at once and accounts for every one of them.

pub mod endpoint;
pub mod hosts;
pub mod outcome;

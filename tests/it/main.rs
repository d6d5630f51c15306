//! The integration tests: one binary, a module for each subject.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows functions marked #[test] only, and a test's helpers may panic as well"
)]

mod lab;
mod ledger;
mod peer;
mod serve;
mod survey;

//! The integration tests: one binary, a module for each subject.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows functions marked #[test] only, and a test's helpers may panic as well"
)]

#[cfg(target_os = "linux")]
mod abuse;
mod frames;
#[cfg(target_os = "linux")]
mod process;
mod serve;
mod tls;
#[cfg(target_os = "linux")]
mod upkeep;

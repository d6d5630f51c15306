//! The integration tests, in one binary: one link, and every harness shared.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod read;
mod similarity;

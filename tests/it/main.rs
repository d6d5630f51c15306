//! One binary for all integration tests.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod lab;
mod peer;
mod survey;

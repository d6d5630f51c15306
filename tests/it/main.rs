//! One binary for all integration tests.

mod peer;
mod survey;

//! The runtime that a command's futures run on.

use tokio::runtime::{Builder, Runtime};

use crate::cli::Failure;

/// One thread for everything.
pub(crate) fn one_thread() -> Result<Runtime, Failure> {
    build(Builder::new_current_thread())
}

/// A thread for each processor.
pub(crate) fn all_threads() -> Result<Runtime, Failure> {
    build(Builder::new_multi_thread())
}

fn build(mut builder: Builder) -> Result<Runtime, Failure> {
    let runtime = builder.enable_all().build();
    runtime.map_err(|error| Failure::io("runtime", &error))
}

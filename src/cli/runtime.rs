//! The tokio runtimes of the commands.

use std::{future::Future, time::Duration};

use tokio::runtime::Builder;

use crate::cli::exit::Failure;

/// How long the end of a command waits for blocking threads that cannot be cancelled, as in a resolver that hangs.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(100);

/// Runs a future on one thread.
pub(crate) fn one_thread<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    run(Builder::new_current_thread(), future)
}

/// Runs a future on a thread for each processor.
pub(crate) fn all_threads<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    run(Builder::new_multi_thread(), future)
}

fn run<T>(mut builder: Builder, future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("runtime", &error))?;
    let output = runtime.block_on(future);
    // Dropping the runtime would wait without a limit.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    Ok(output)
}

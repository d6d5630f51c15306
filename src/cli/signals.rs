//! The signals that end a command.

#[cfg(unix)]
use std::io::IsTerminal as _;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind};

use crate::cli::{Exit, Failure};

#[cfg(unix)]
fn signal(kind: SignalKind) -> Result<Signal, Failure> {
    tokio::signal::unix::signal(kind).map_err(|error| Failure::io("signals", &error))
}

/// Ctrl-C and, on Unix, SIGTERM. They are caught from the moment this is made: after everything that may hang, such
/// as the reading of files, which they are to end.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl Signals {
    /// # Errors
    /// When the system refuses to install a handler.
    pub(crate) fn new() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next signal; the status is that of a command which it ends.
    pub(crate) async fn next(&mut self) -> Exit {
        #[cfg(unix)]
        {
            tokio::select! {
                _ = self.interrupt.recv() => Exit::Interrupted,
                _ = self.terminate.recv() => Exit::Terminated,
            }
        }
        #[cfg(not(unix))]
        {
            // An error means that Ctrl-C cannot be caught: then it never comes this way.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Exit::Interrupted
        }
    }
}

/// The terminal that a command was started from, if there was one.
///
/// SIGHUP asks to read files again, and from the moment this is made it ends nobody; unless it is this terminal
/// that has hung up.
pub(crate) struct Terminal {
    #[cfg(unix)]
    hangup: Signal,
    #[cfg(unix)]
    started_there: bool,
}

impl Terminal {
    /// # Errors
    /// When the system refuses to install a handler.
    pub(crate) fn new() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            Ok(Self {
                hangup: signal(SignalKind::hangup())?,
                started_there: std::io::stderr().is_terminal(),
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for its end.
    pub(crate) async fn gone(&mut self) {
        #[cfg(unix)]
        while self.hangup.recv().await.is_some() {
            // One that has hung up is no terminal any more.
            if self.started_there && !std::io::stderr().is_terminal() {
                return;
            }
        }
        std::future::pending().await
    }
}

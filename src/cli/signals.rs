//! The signals that end a command.

#[cfg(unix)]
use std::io::IsTerminal as _;
use std::{sync::mpsc, thread, time::Duration};

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind};
use tokio::sync::watch;

use crate::cli::{
    exit::{Exit, Failure},
    runtime,
};

#[cfg(unix)]
fn signal(kind: SignalKind) -> Result<Signal, Failure> {
    tokio::signal::unix::signal(kind).map_err(|error| Failure::io("signals", &error))
}

/// Ctrl-C and, on Unix, SIGTERM.
///
/// The handlers are installed on construction. Construct it after reading files: until then the default action still
/// ends a read that hangs.
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
            // An error means that Ctrl-C cannot be caught; then this never completes.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Exit::Interrupted
        }
    }
}

/// How long a command may write its report after a signal.
const MAX_WRITE_TIME: Duration = Duration::from_secs(5);

/// The first signal, for a command that then writes a report.
///
/// Signals are received on a thread of their own, because a terminal or a pipe that takes no output blocks the one
/// that writes. [`MAX_WRITE_TIME`] after the first signal, or at a second one, that thread ends the process.
pub(crate) struct Interruption(watch::Receiver<Option<Exit>>);

impl Interruption {
    /// # Errors
    /// When the system refuses to install a handler or to start a thread.
    pub(crate) fn new() -> Result<Self, Failure> {
        let (first, receiver) = watch::channel(None);
        let (ready, is_ready) = mpsc::channel();
        let listen = async move {
            let mut signals = match Signals::new() {
                Ok(signals) => signals,
                Err(failure) => return drop(ready.send(Err(failure))),
            };
            drop(ready.send(Ok(())));
            let exit = signals.next().await;
            first.send_replace(Some(exit));
            let _ = tokio::time::timeout(MAX_WRITE_TIME, signals.next()).await;
            std::process::exit(exit.status().into());
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(|| runtime::one_thread(listen))
            .map_err(|error| Failure::io("signals", &error))?;
        is_ready
            .recv()
            .unwrap_or_else(|_| Err(Failure::internal("signals: the thread has ended")))?;
        Ok(Self(receiver))
    }

    /// Waits for the signal; the status is that of a command which it ends.
    pub(crate) async fn wait(&mut self) -> Exit {
        if let Ok(exit) = self.0.wait_for(Option::is_some).await
            && let Some(exit) = *exit
        {
            return exit;
        }
        // The thread has ended, so no signal can be received.
        std::future::pending().await
    }
}

/// The terminal that a command was started from, if there was one.
///
/// SIGHUP means "reload", so from construction on it does not end the process. The exception is the SIGHUP of a closed
/// terminal: [`Terminal::hung_up`] completes then.
pub(crate) struct Terminal {
    #[cfg(unix)]
    hangup: Signal,
    #[cfg(unix)]
    had_terminal: bool,
}

impl Terminal {
    /// # Errors
    /// When the system refuses to install a handler.
    pub(crate) fn new() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            Ok(Self {
                hangup: signal(SignalKind::hangup())?,
                had_terminal: std::io::stderr().is_terminal(),
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits until the terminal is closed.
    pub(crate) async fn hung_up(&mut self) {
        #[cfg(unix)]
        while self.hangup.recv().await.is_some() {
            // After a hangup `isatty` returns false.
            if self.had_terminal && !std::io::stderr().is_terminal() {
                return;
            }
        }
        std::future::pending().await
    }
}

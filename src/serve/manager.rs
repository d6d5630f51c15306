//! The service manager: sockets that it passes on, and the word that the server is ready.
//!
//! Outside systemd, and on systems without it, all of this does nothing.

use std::io;

use crate::serve::listen::Listener;

/// Takes over the sockets that the service manager passed on (`sd_listen_fds(3)`), none as a rule.
///
/// To be called once, within a tokio runtime.
///
/// # Errors
/// When a socket is not one that connections can be accepted from.
#[cfg(unix)]
pub fn sockets() -> io::Result<Vec<Listener>> {
    let mut passed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        // The crate checks the kind of the socket and leaves it in place where it is another.
        if let Ok(Some(tcp)) = passed.take_tcp_listener(index) {
            listeners.push(Listener::adopt_tcp(tcp)?);
        } else if let Some(unix) = passed.take_unix_listener(index)? {
            listeners.push(Listener::adopt_unix(unix)?);
        }
    }
    Ok(listeners)
}

/// Tells the service manager that connections are accepted (`sd_notify(3)`).
#[cfg(unix)]
pub fn ready() {
    notify(sd_notify::NotifyState::Ready);
}

/// Tells the service manager that the server is on its way out.
#[cfg(unix)]
pub fn stopping() {
    notify(sd_notify::NotifyState::Stopping);
}

#[cfg(unix)]
fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// There is no such service manager here.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sockets() -> io::Result<Vec<Listener>> {
    Ok(Vec::new())
}

/// There is no such service manager here.
#[cfg(not(unix))]
pub fn ready() {}

/// There is no such service manager here.
#[cfg(not(unix))]
pub fn stopping() {}

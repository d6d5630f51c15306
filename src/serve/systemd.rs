//! systemd: passed sockets and readiness. Elsewhere all of this does nothing.

use std::io;

use crate::serve::listen::Listener;

/// Takes over the sockets that systemd passed on (`sd_listen_fds(3)`); without socket activation there are none.
///
/// To be called once, within a tokio runtime.
///
/// # Errors
/// When a socket is not one that can accept connections.
#[cfg(unix)]
pub fn sockets() -> io::Result<Vec<Listener>> {
    let mut passed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        // listenfd checks the type of the socket, and returns an error for another one without taking it.
        if let Ok(Some(tcp)) = passed.take_tcp_listener(index) {
            listeners.push(Listener::adopt_tcp(tcp)?);
        } else if let Some(unix) = passed.take_unix_listener(index)? {
            listeners.push(Listener::adopt_unix(unix)?);
        }
    }
    Ok(listeners)
}

/// Without systemd there are no passed sockets.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sockets() -> io::Result<Vec<Listener>> {
    Ok(Vec::new())
}

/// Reports that connections are accepted (`sd_notify(3)`).
pub fn ready() {
    #[cfg(unix)]
    notify(sd_notify::NotifyState::Ready);
}

/// Reports that the server is shutting down.
pub fn stopping() {
    #[cfg(unix)]
    notify(sd_notify::NotifyState::Stopping);
}

#[cfg(unix)]
fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "sd_notify failed");
    }
}

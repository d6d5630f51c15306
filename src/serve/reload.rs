//! Files that are read again while the server runs: the profile, the certificate and its companions.
//!
//! They are looked at once a second and on SIGHUP. Asking the system for changes would save that look, but
//! misses them on network file systems, where a class's home folders are. A bad new file is reported, and what
//! was read before stays. While this machine has no descriptors left, a file is neither good nor bad, and the next
//! look decides.

use std::{error::Error, io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use crate::{
    file,
    profile::{Draft, Profile},
    serve::profile_file,
    tls,
};

/// More than any file that is followed may have.
const MAX_FILE: u64 = 1024 * 1024;

/// How often files are looked at.
pub const EVERY: Duration = Duration::from_secs(1);

/// Loads a profile file and reloads it on change until the receiver is dropped. `overrides` take precedence over
/// the file.
///
/// Must be called within a tokio runtime.
///
/// # Errors
/// When the file holds no profile now.
pub fn profile(
    path: PathBuf,
    overrides: Draft,
    every: Duration,
) -> Result<watch::Receiver<Profile>, profile_file::Error> {
    let paths = vec![path.clone()];
    let load = move |read| profile_file::read_with(read, &path, overrides);
    follow("profile", paths, every, load, profile_file::Error::for_log)
}

/// Reads the files of a server's TLS identity now and again whenever one of them changes, likewise.
///
/// Connections that are open keep the identity with which they began.
///
/// # Errors
/// When the files make no identity now.
pub fn tls(
    files: tls::ServerFiles,
    every: Duration,
) -> Result<watch::Receiver<Arc<rustls::ServerConfig>>, tls::Error> {
    let paths = files.paths().map(Into::into).collect();
    let load = move |read| tls::server_with(read, &files);
    follow("certificate", paths, every, load, ToString::to_string)
}

fn follow<T, E>(
    what: &'static str,
    paths: Vec<PathBuf>,
    every: Duration,
    load: impl Fn(file::Reader) -> Result<T, E> + Send + Sync + 'static,
    for_log: fn(&E) -> String,
) -> Result<watch::Receiver<T>, E>
where
    T: Send + Sync + 'static,
    E: Error + Send + 'static,
{
    // Looked at before it is read: a change in between is then seen as one.
    let mut seen = contents(&paths);
    let (sender, receiver) = watch::channel(load(file::read)?);
    let load = Arc::new(load);
    let paths: Arc<[PathBuf]> = paths.into();
    tokio::spawn(async move {
        let mut hangup = Hangup::new();
        // Stays set until a look has come to a conclusion.
        let mut asked = false;
        loop {
            tokio::select! {
                () = sender.closed() => return,
                () = hangup.received() => asked = true,
                () = sleep(every) => {}
            }
            // A file system that hangs must not hang the server with it.
            let (looked_at, load) = (Arc::clone(&paths), Arc::clone(&load));
            let before = seen.clone();
            let look = tokio::task::spawn_blocking(move || {
                let now = contents(&looked_at)?;
                (asked || before.as_ref() != Some(&now)).then(|| (now, load(file::read_regular)))
            });
            let Ok(Some((now, loaded))) = look.await else {
                continue;
            };
            if loaded.as_ref().is_err_and(is_exhaustion) {
                continue;
            }
            (seen, asked) = (Some(now), false);
            match loaded {
                Ok(new) => {
                    sender.send_replace(new);
                    tracing::info!("the {what} was read again");
                }
                Err(error) => {
                    let error = for_log(&error);
                    tracing::error!("the new {what} is not good, the old one stays: {error}");
                }
            }
        }
    });
    Ok(receiver)
}

/// What stands in the files, as far as it matters, or why one cannot be read. `None` when that cannot be found out
/// for lack of descriptors or memory.
///
/// Whole contents rather than times and sizes: the files are small, and a clock's tick is long enough for two
/// changes.
fn contents(paths: &[PathBuf]) -> Option<Vec<Result<Vec<u8>, io::ErrorKind>>> {
    let read = |path: &PathBuf| match file::read_regular(path, MAX_FILE) {
        Err(error) if file::is_exhaustion(&error) => None,
        read => Some(read.map_err(|error| error.kind())),
    };
    paths.iter().map(read).collect()
}

fn is_exhaustion(error: &impl Error) -> bool {
    error
        .source()
        .and_then(|source| source.downcast_ref())
        .is_some_and(file::is_exhaustion)
}

/// The signal that by custom means "read your files again".
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    #[cfg(unix)]
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP will not be noticed"))
            .ok();
        Self { signal }
    }

    #[cfg(unix)]
    async fn received(&mut self) {
        match &mut self.signal {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    #[cfg(not(unix))]
    async fn received(&mut self) {
        std::future::pending().await
    }
}

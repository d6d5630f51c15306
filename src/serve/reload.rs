//! Files that are reloaded while the server runs: the profile, and the certificate with its key and CA.
//!
//! They are read once a second and on SIGHUP. Notifications of the system would save that, but they miss changes on
//! network file systems, where home folders often are. A bad new file is logged, and the previous content stays in
//! force. While this process has no descriptors or memory left, a file is neither good nor bad, and is tried again.

use std::{error::Error, io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use crate::{
    file,
    profile::{Draft, Profile},
    serve::profile_file,
    tls,
};

/// More than any reloaded file needs.
const MAX_FILE: u64 = 1024 * 1024;

/// The usual time between two looks at the files.
pub const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Loads a profile file, and reloads it on change until the receiver is dropped. `overrides` take precedence over the
/// file.
///
/// Must be called within a tokio runtime.
///
/// # Errors
/// When the first load fails.
pub fn profile(
    path: PathBuf,
    overrides: Draft,
    interval: Duration,
) -> Result<watch::Receiver<Profile>, profile_file::Error> {
    let watched = Watched {
        paths: vec![path.clone()],
        load: move |read| profile_file::read_with(read, &path, &overrides),
        describe: profile_file::Error::for_log,
        reloaded: "profile reloaded",
        failed: "profile reload failed, keeping the previous one",
    };
    watched.watch(interval)
}

/// Loads the files of a server's TLS identity, and reloads them when one changes until the receiver is dropped.
///
/// Open connections keep the identity with which they began.
///
/// # Errors
/// When the first load fails.
pub fn tls(
    files: tls::ServerFiles,
    interval: Duration,
) -> Result<watch::Receiver<Arc<rustls::ServerConfig>>, tls::Error> {
    let watched = Watched {
        paths: files.paths().map(Into::into).collect(),
        load: move |read| tls::server_with(read, &files),
        describe: ToString::to_string,
        reloaded: "certificate reloaded",
        failed: "certificate reload failed, keeping the previous one",
    };
    watched.watch(interval)
}

/// Files, how to load them, and what to log.
struct Watched<E, L> {
    paths: Vec<PathBuf>,
    load: L,
    /// The error as it may be logged.
    describe: fn(&E) -> String,
    reloaded: &'static str,
    failed: &'static str,
}

/// The contents of the files, or why one cannot be read.
///
/// Contents rather than times and sizes: the files are small, and two changes can have the same time.
type Contents = Vec<Result<Vec<u8>, io::ErrorKind>>;

impl<T, E, L> Watched<E, L>
where
    T: Send + Sync + 'static,
    E: Error + Send + 'static,
    L: Fn(file::Reader) -> Result<T, E> + Send + Sync + 'static,
{
    fn watch(self, interval: Duration) -> Result<watch::Receiver<T>, E> {
        // Before the load, so that a change in between is detected.
        let seen = self.contents();
        let (sender, receiver) = watch::channel((self.load)(file::read)?);
        tokio::spawn(Arc::new(self).reload(sender, seen, interval));
        Ok(receiver)
    }

    async fn reload(
        self: Arc<Self>,
        sender: watch::Sender<T>,
        mut seen: Option<Contents>,
        interval: Duration,
    ) {
        let mut hangups = SighupStream::new();
        // Stays set until a look has led to a result.
        let mut is_requested = false;
        loop {
            tokio::select! {
                () = sender.closed() => return,
                () = hangups.next() => is_requested = true,
                () = sleep(interval) => {}
            }
            // On a thread that may block: a file system that hangs must not stop the server.
            let (this, before) = (Arc::clone(&self), seen.clone());
            let look = move || this.look(before.filter(|_| !is_requested).as_ref());
            let Ok(Some((contents, loaded))) = tokio::task::spawn_blocking(look).await else {
                continue;
            };
            (seen, is_requested) = (Some(contents), false);
            match loaded {
                Ok(new) => {
                    sender.send_replace(new);
                    tracing::info!("{}", self.reloaded);
                }
                Err(error) => {
                    let error = (self.describe)(&error);
                    tracing::error!(%error, "{}", self.failed);
                }
            }
        }
    }

    /// Loads the files if they differ from `before`. `None` if they do not, or if there are no descriptors or no memory
    /// to find out.
    fn look(&self, before: Option<&Contents>) -> Option<(Contents, Result<T, E>)> {
        let contents = self.contents()?;
        if before == Some(&contents) {
            return None;
        }
        let loaded = (self.load)(file::read_regular);
        let exhausted = loaded.as_ref().is_err_and(is_exhaustion);
        (!exhausted).then_some((contents, loaded))
    }

    fn contents(&self) -> Option<Contents> {
        let read = |path: &PathBuf| match file::read_regular(path, MAX_FILE) {
            Err(error) if file::is_exhaustion(&error) => None,
            read => Some(read.map_err(|error| error.kind())),
        };
        self.paths.iter().map(read).collect()
    }
}

fn is_exhaustion(error: &impl Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.downcast_ref().is_some_and(file::is_exhaustion) {
            return true;
        }
        source = error.source();
    }
    false
}

/// SIGHUP, which by convention requests a reload; without Unix signals it never comes.
struct SighupStream {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl SighupStream {
    fn new() -> Self {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            #[cfg(unix)]
            signal: signal(SignalKind::hangup())
                .inspect_err(|error| tracing::warn!(%error, "cannot catch SIGHUP"))
                .ok(),
        }
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal {
            signal.recv().await;
            return;
        }
        std::future::pending().await
    }
}

//! Configuration files, read whole and up to a limit; without blocking on a pipe where a server reads them again.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Reads at most this many bytes of a file; see [`read`] and [`read_regular`].
pub(crate) type Reader = fn(&Path, u64) -> io::Result<Vec<u8>>;

/// Reads a file of any kind, for the start of a command: a shell's `<(...)` is a pipe. It may block.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    up_to(File::open(path)?, limit)
}

/// Reads a regular file and refuses others, for files that are read again while a server runs: to open a FIFO
/// waits for a writer, and what a pipe gave once it does not give again.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    up_to(file, limit)
}

fn up_to(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether this process or machine has run out of something, which is no fault of the file.
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    #[cfg(unix)]
    let exhausted = matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)
    );
    #[cfg(not(unix))]
    let exhausted = false;
    exhausted || error.kind() == io::ErrorKind::OutOfMemory
}

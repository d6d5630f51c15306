//! Configuration files, read whole and up to a limit, and reloaded without blocking on a pipe.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Reads at most this many bytes of a file; see [`read`] and [`read_regular`].
pub(crate) type Reader = fn(&Path, u64) -> io::Result<Vec<u8>>;

/// Reads a file of any type, at the start of a command, since `<(...)` of a shell is a pipe. May block.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    up_to(File::open(path)?, limit)
}

/// Reads a regular file and rejects others, for files that a server reloads: opening a FIFO waits for a writer, and a
/// pipe can be read only once.
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

/// Whether this process or machine has run out of descriptors or memory, so that the file is not at fault.
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

//! Where reports go: to standard output, a pipe, or a file that appears only when it is complete.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use anstream::{AutoStream, StripStream};
use labrpc::survey::hosts::Hosts;
use terminal_size::terminal_size_of;

use crate::cli::{console::columns, exit::Failure, feed::Feed};

/// The most links that are followed to a file, as on Linux.
const MAX_LINKS: usize = 40;

/// Writes a report.
type Render<'a> = dyn FnOnce(&mut dyn Write) -> io::Result<()> + 'a;

/// What `-o` names.
pub(crate) enum Output {
    Stdout,
    /// A pipe or a device. Opened only when the report is ready, because opening a pipe waits for its reader.
    Stream(PathBuf),
    File(Partial),
}

impl Output {
    /// Opens what can be opened without waiting; `-` is standard output.
    ///
    /// # Errors
    /// When a file could not be written in the end.
    pub(crate) fn open(name: &Path) -> Result<Self, Failure> {
        if name.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        match name.metadata() {
            // Renaming a file over a device or a pipe would break every other program that uses it.
            Ok(old) if !old.is_file() && !old.is_dir() => Ok(Self::Stream(name.to_owned())),
            _ => Partial::open(name)
                .map(Self::File)
                .map_err(|error| cannot_write(name, &error)),
        }
    }

    /// How many columns a text may use; `None` where there is no terminal.
    pub(crate) fn width(&self) -> Option<usize> {
        match self {
            Self::Stdout => columns(terminal_size_of(io::stdout())),
            _ => columns(None),
        }
    }

    /// The file, as the command line names it.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(&file.name),
            _ => None,
        }
    }

    /// Whether `later` goes to the same place: opening it has then replaced this partial file by its own.
    pub(crate) fn is_taken_by(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Stdout, Self::Stdout) => true,
            (Self::File(file), Self::File(_)) => !file.is_in_place(),
            _ => false,
        }
    }

    /// The way to it for lines that come one by one. A terminal, where they would mix with the progress, has none, and
    /// neither has a pipe, whose opening may wait.
    pub(crate) fn feed(&self) -> Option<io::Result<Feed>> {
        match self {
            Self::Stdout if !io::stdout().is_terminal() => Some(Feed::start(io::stdout())),
            Self::File(file) => Some(file.file.try_clone().and_then(Feed::start)),
            _ => None,
        }
    }

    /// Ends what a feed has written, and returns whether there is still a reader.
    pub(crate) fn end(self, written: io::Result<()>, is_whole: bool) -> Result<bool, Failure> {
        match self {
            Self::Stdout => ignore_broken_pipe(written),
            // A stream has no feed.
            Self::Stream(_) => Ok(true),
            Self::File(file) => {
                let name = file.name.clone();
                let ended = written.and_then(|()| file.end(is_whole));
                ended.map_or_else(|error| Err(cannot_write(&name, &error)), |()| Ok(true))
            }
        }
    }

    /// Writes with `render`, and returns whether there is still a reader. A file whose run is not whole stays
    /// `FILE.partial`.
    pub(crate) fn write(self, render: Box<Render<'_>>, is_whole: bool) -> Result<bool, Failure> {
        match self {
            Self::Stdout => {
                let stdout = io::stdout().lock();
                let choice = AutoStream::choice(&stdout);
                ignore_broken_pipe(to_stream(AutoStream::new(stdout, choice), render))
            }
            Self::Stream(name) => {
                let written = OpenOptions::new()
                    .write(true)
                    .open(&name)
                    .and_then(|stream| to_stream(StripStream::new(stream), render));
                match written {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                        Err(cannot_write(&name, &error))
                    }
                    written => Ok(written.is_ok()),
                }
            }
            Self::File(file) => {
                let name = file.name.clone();
                match file.write(render, is_whole) {
                    Ok(()) => Ok(true),
                    Err(error) => Err(cannot_write(&name, &error)),
                }
            }
        }
    }
}

/// Prints a host list, one endpoint a line.
pub(crate) fn print_hosts(hosts: &Hosts) -> Result<bool, Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut endpoints = hosts.iter();
    let written = endpoints.try_for_each(|endpoint| writeln!(out, "{endpoint}"));
    ignore_broken_pipe(written.and_then(|()| out.flush()))
}

/// Maps a broken pipe to success, since its reader has closed it on purpose. Returns `false` then, for callers that
/// would go on writing.
pub(crate) fn ignore_broken_pipe(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::io("standard output", &error)),
    }
}

fn to_stream(stream: impl Write, render: Box<Render<'_>>) -> io::Result<()> {
    let mut stream = BufWriter::new(stream);
    render(&mut stream)?;
    stream.flush()
}

/// The error of writing `name`. It does not mention the partial file.
pub(crate) fn cannot_write(name: &Path, error: &io::Error) -> Failure {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "the folder does not exist".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    };
    Failure::internal(format_args!("cannot write {}: {reason}", name.display()))
}

/// A file while it is written: `FILE.partial`, which is renamed to `FILE` when its run came to its end. It is removed if
/// writing fails, and stays if the run was interrupted. One that a killed process has left is replaced by the next run.
pub(crate) struct Partial {
    /// The file as the command line names it.
    name: PathBuf,
    /// The file behind all links.
    target: PathBuf,
    path: PathBuf,
    file: File,
    /// Whether it stays when it is dropped.
    stays: bool,
}

impl Partial {
    fn open(name: &Path) -> io::Result<Self> {
        let target = behind_links(name)?;
        let old = target.metadata().ok();
        if old.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // In the same folder, because a rename works only within one file system.
        let mut path = OsString::from(&target);
        path.push(".partial");
        let path = PathBuf::from(path);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // `create_new` does not follow a link that another user may have put there.
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let partial = Self {
            name: name.to_owned(),
            target,
            path,
            file,
            stays: false,
        };
        if let Some(old) = old {
            partial.file.set_permissions(old.permissions())?;
        }
        Ok(partial)
    }

    fn write(mut self, render: Box<Render<'_>>, is_whole: bool) -> io::Result<()> {
        to_stream(StripStream::new(&mut self.file), render)?;
        self.end(is_whole)
    }

    fn end(mut self, is_whole: bool) -> io::Result<()> {
        if !self.is_in_place() {
            return Err(io::Error::other(
                "it was removed or replaced meanwhile; does another run write it?",
            ));
        }
        self.stays = !is_whole;
        match is_whole {
            true => fs::rename(&self.path, &self.target),
            false => Ok(()),
        }
    }

    /// Whether the partial file is still the one that this process has created.
    fn is_in_place(&self) -> bool {
        match (self.path.symlink_metadata(), self.file.metadata()) {
            (Ok(there), Ok(here)) => is_same(&there, &here),
            _ => false,
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.stays && self.is_in_place() {
            // If it cannot be removed, the next run replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn is_same(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Windows does not allow an open file to be replaced.
#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// Resolves links, so that the target is written and the link stays. The target need not exist.
fn behind_links(name: &Path) -> io::Result<PathBuf> {
    let mut path = name.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            // Not a link, or not there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links lead on from it"))
}

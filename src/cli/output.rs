//! Where data go: standard output, or a file that is whole or not there.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anstream::{AutoStream, StripStream};
use clap::Args;

use crate::cli::Failure;

#[derive(Clone, Debug, Args)]
pub(crate) struct Output {
    /// Write the report to this file instead of standard output.
    ///
    /// It is written beside the file and renamed, so that the file is always whole.
    #[arg(short, long, value_name = "FILE", env = "LABRPC_OUTPUT")]
    output: Option<PathBuf>,
}

impl Output {
    /// How many columns a text may use; `None` where nobody looks at columns.
    pub(crate) fn width(&self) -> Option<usize> {
        let columns = std::env::var("COLUMNS")
            .ok()
            .and_then(|text| text.parse().ok());
        let terminal =
            || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into());
        match self.output {
            None => columns.or_else(terminal),
            Some(_) => columns,
        }
    }

    /// Writes with `render`, and tells whether somebody still reads.
    pub(crate) fn write(
        &self,
        render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<bool, Failure> {
        match &self.output {
            Some(path) => to_file(path, render)
                .map(|()| true)
                .map_err(|error| Failure::io(path.display(), &error)),
            None => {
                let stdout = io::stdout().lock();
                let choice = AutoStream::choice(&stdout);
                printed(to_stream(
                    BufWriter::new(AutoStream::new(stdout, choice)),
                    render,
                ))
            }
        }
    }
}

/// What writing to standard output came to. A reader that has closed the pipe has seen enough: that is success, and
/// told apart only for those who would go on writing.
pub(crate) fn printed(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::io("standard output", &error)),
    }
}

fn to_stream(
    mut stream: impl Write,
    render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    render(&mut stream)?;
    stream.flush()
}

fn to_file(path: &Path, render: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let old = path.metadata().ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        // A device or a pipe is written to; in its place a file would be in everybody's way.
        let file = OpenOptions::new().write(true).open(path)?;
        return to_stream(BufWriter::new(StripStream::new(file)), render);
    }
    // A link stays one: what it leads to is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // A file can be renamed within its own file system only.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".labrpc-");
    // tempfile makes files for their owner alone; a report is as open as the file it replaces or as the umask lets
    // a new one be.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    to_stream(BufWriter::new(StripStream::new(file.as_file_mut())), render)?;
    if let Some(old) = old {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.persist(path)?;
    Ok(())
}

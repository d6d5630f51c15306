//! Where data go: standard output, or a file that is whole or not there.

use std::{
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

    /// Writes with `render`.
    pub(crate) fn write(
        &self,
        render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        match &self.output {
            Some(path) => {
                to_file(path, render).map_err(|error| Failure::io(path.display(), &error))
            }
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

/// What writing to standard output came to. A reader that has closed the pipe has seen enough: that is success.
pub(crate) fn printed(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::io("standard output", &error))
        }
        _ => Ok(()),
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
    // A file can be renamed within its own file system only.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".labrpc-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    to_stream(BufWriter::new(StripStream::new(file.as_file_mut())), render)?;
    // tempfile makes files for their owner alone; a report is an ordinary file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = path
            .metadata()
            .map_or(0o644, |old| old.permissions().mode() & 0o777);
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.persist(path)?;
    Ok(())
}

//! How a command ends: its status, and what it says when it fails.

use std::{fmt, io, process::ExitCode};

use anstyle::{AnsiColor, Style};

/// The statuses, as every help text shows them.
pub(crate) const HELP: &str = "\
Exit status:
    0  success; of survey: enough answered (--min-ok)
    1  internal error, or a file could not be read or written
    2  wrong usage, a bad host list, or nothing to ask
    3  survey: too few answered
    4  survey: nobody answered
    5  survey: enough answered, but some data are invalid or an id is claimed twice
  130  interrupted (Ctrl-C), 143 terminated; survey writes the partial report first";

/// An exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    Internal = 1,
    Usage = 2,
    TooFew = 3,
    Nobody = 4,
    BadData = 5,
    Interrupted = 130,
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked to; printed as an `error:` line and a `hint:` line.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.to_string(),
            hint: None,
        }
    }

    pub(crate) fn internal(message: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Internal,
            message: message.to_string(),
            hint: None,
        }
    }

    /// A file or stream that could not be read or written.
    pub(crate) fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::internal(format_args!("{what}: {error}"))
    }

    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = AnsiColor::Red.on_default().bold();
        let hint = Style::new().bold();
        // A list of errors is one message of several lines.
        for line in self.message.lines() {
            writeln!(f, "{error}error:{error:#} {line}")?;
        }
        self.hint
            .as_ref()
            .map_or(Ok(()), |text| writeln!(f, "{hint}hint:{hint:#} {text}"))
    }
}

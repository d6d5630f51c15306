//! How a command ends: its exit status, and the message of a failure.

use std::{fmt, io, path::Path, process::ExitCode};

use anstyle::{AnsiColor, Style};
use labrpc::{
    report::{read, wrap::LineWriter},
    serve::profile_file,
    tls,
};
use terminal_size::terminal_size_of;

use crate::cli::console::columns;

/// The statuses, as every help text shows them.
pub(crate) const HELP: &str = "\
Exit status:
    0  success; of survey: enough answered (--min-ok), or a part came to its end
    1  internal error, or a file could not be read or written
    2  wrong usage, a bad host list, schema or request, or nothing to ask; merge: a part is missing
    3  survey, merge: too few answered; check: a check failed
    4  survey, merge: no endpoint answered
    5  survey, merge: enough answered, but some data are invalid, an id is claimed twice, answers differ
       (--expect-same), or a service is not SERVING (--health); diff: the runs differ
  130  interrupted (Ctrl-C), 143 terminated; survey writes FILE.partial first, for 5 s at most
 64+N  get: the call failed with gRPC code N (78: no connection, 68: no answer in time)";

/// An exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    Internal,
    Usage,
    /// Fewer endpoints than `--min-ok` have answered.
    BelowThreshold,
    ChecksFailed,
    NoAnswers,
    BadData,
    /// Answers differ that were to be the same, or a service is not healthy.
    Unexpected,
    /// The call of `get` failed with this gRPC code. The status is the one that grpcurl ends with.
    Call(tonic::Code),
    Interrupted,
    Terminated,
}

impl Exit {
    /// The number that the process ends with.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::BelowThreshold | Self::ChecksFailed => 3,
            Self::NoAnswers => 4,
            Self::BadData | Self::Unexpected => 5,
            // The codes are 0 to 16.
            Self::Call(code) => 64 + code as u8,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

/// Why a command failed. It is printed as an `error:` line and a `hint:` line.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: without_error_numbers(&message.to_string()),
            hint: None,
        }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn internal(message: impl fmt::Display) -> Self {
        Self::new(Exit::Internal, message)
    }

    /// A call that failed with a gRPC code.
    pub(crate) fn call(code: tonic::Code, message: impl fmt::Display) -> Self {
        Self::new(Exit::Call(code), message)
    }

    /// A file that could not be read; `-` is standard input.
    pub(crate) fn unreadable(file: &Path, error: &io::Error) -> Self {
        match file.as_os_str() == "-" {
            true => Self::internal(format_args!("cannot read standard input: {error}")),
            false => Self::internal(format_args!("cannot read {}: {error}", file.display())),
        }
    }

    /// A stream or an address that could not be used.
    pub(crate) fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::internal(format_args!("{what}: {error}"))
    }

    /// An unusable file: status 1 if it could not be read, 2 if its content is wrong.
    pub(crate) fn file(error: impl fmt::Display, is_io: bool) -> Self {
        if is_io {
            Self::internal(error)
        } else {
            Self::usage(error)
        }
    }

    /// Prints the failure and returns its status.
    pub(crate) fn report(self) -> Exit {
        let width = columns(terminal_size_of(io::stderr()));
        // A closed standard error is not a reason to fail.
        let _ = self.write(width, &mut anstream::stderr().lock());
        self.exit
    }

    fn write(&self, width: Option<usize>, out: &mut dyn io::Write) -> io::Result<()> {
        let out = &mut LineWriter::new(width, out);
        let error = AnsiColor::Red.on_default().bold();
        // A list of errors is one message of several lines.
        for line in self.message.lines() {
            out.wrap(error, "error: ", 7, line)?;
        }
        match &self.hint {
            Some(hint) => out.wrap(Style::new().bold(), "hint: ", 6, hint),
            None => Ok(()),
        }
    }

    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

/// Removes what std appends to the system's errors: ` (os error 2)`.
fn without_error_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once(')') {
        Some((_, rest)) => text + rest,
        None => text + part,
    })
}

impl From<tls::Error> for Failure {
    fn from(error: tls::Error) -> Self {
        Self::file(&error, error.is_io())
    }
}

impl From<read::Error> for Failure {
    fn from(error: read::Error) -> Self {
        Self::file(&error, matches!(error, read::Error::Io { .. }))
    }
}

impl From<profile_file::Error> for Failure {
    fn from(error: profile_file::Error) -> Self {
        Self::file(&error, error.is_io())
    }
}

//! `--watch`: after the first report, what changed from one round to the next.

use std::{
    future::pending,
    io::{self, IsTerminal as _},
};

use labrpc::report::{
    Report, View,
    diff::{RunDiff, export::jsonl_round},
    table,
};
use time::{OffsetDateTime, UtcOffset};

use crate::cli::{
    console::is_quiet,
    exit::Failure,
    output::Output,
    report_args::{Outputs, Plan, ReportFormat, Written},
};

/// How the rounds of a survey are reported.
pub(crate) struct Watch {
    stdout: Option<ReportFormat>,
    /// That of the time zone; `None` where it cannot be found out.
    offset: Option<UtcOffset>,
}

impl Watch {
    /// To be made before there are other threads: the system's time zone is not read beside them.
    ///
    /// # Errors
    /// When standard output is to have a format that cannot be continued.
    pub(crate) fn new(plan: &Plan) -> Result<Self, Failure> {
        use ReportFormat::{Csv, Html, Json};
        match plan.stdout() {
            Some(Json | Csv | Html) => Err(Failure::usage(
                "--watch continues a table or JSON Lines on standard output, and no other format",
            )
            .hint("with -o FILE the file always has the newest report")),
            stdout => Ok(Self {
                stdout,
                offset: UtcOffset::current_local_offset().ok(),
            }),
        }
    }

    /// Writes the whole report to `files`, and what changed to standard output. Where a terminal would show nothing of
    /// the changes, standard error gets them too.
    pub(crate) fn write(&self, rounds: [&Report; 2], view: &View<'_>, files: Outputs) -> Written {
        let [_, after] = rounds;
        let mut written = files.write(after, view);
        let diff = RunDiff::of_rounds(rounds[0], after);
        if diff.changes.is_empty() {
            return written;
        }
        let time = self.time();
        if let Some(format) = self.stdout {
            let width = Output::Stdout.width();
            let render = |out: &mut dyn io::Write| match format {
                ReportFormat::Jsonl => jsonl_round(after, &diff, out),
                _ => table::write_round(&time, rounds, &diff, width, out),
            };
            let result = Output::Stdout.write(Box::new(render), true);
            match result {
                Ok(is_read) => written.is_read &= is_read,
                Err(failure) => drop(written.failure.get_or_insert(failure)),
            }
        }
        let is_shown = self.stdout == Some(ReportFormat::Table)
            || self.stdout.is_some() && io::stdout().is_terminal();
        if !is_shown && !is_quiet() {
            // A closed standard error is not a reason to fail.
            let mut stderr = anstream::stderr().lock();
            let _ = table::write_round(&time, rounds, &diff, None, &mut stderr);
        }
        written
    }

    /// The time of day on this machine.
    fn time(&self) -> String {
        let now = OffsetDateTime::now_utc();
        let (hour, minute, second) = now
            .to_offset(self.offset.unwrap_or(UtcOffset::UTC))
            .to_hms();
        let zone = if self.offset.is_some() { "" } else { "Z" };
        format!("{hour:02}:{minute:02}:{second:02}{zone}")
    }

    /// Completes when standard output is a pipe whose reader is gone. Without a change nothing would be written to it,
    /// and so nothing fail.
    pub(crate) async fn reader_is_gone(&self) {
        #[cfg(unix)]
        if self.stdout.is_some() {
            use std::os::fd::AsFd as _;
            use tokio::{io::Interest, net::unix::pipe::Sender};

            // It is not written to by this handle, which does not make it non-blocking. A file cannot be watched.
            let stdout = io::stdout().as_fd().try_clone_to_owned();
            if let Ok(stdout) = stdout.and_then(Sender::from_owned_fd_unchecked)
                && stdout.ready(Interest::ERROR).await.is_ok()
            {
                return;
            }
        }
        pending().await
    }
}

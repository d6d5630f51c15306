//! Progress bars, on terminals only.

use std::{fmt, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use labrpc::survey::{hosts::Hosts, outcome::Outcome};

use crate::cli::console::is_quiet;

/// Counts endpoints on standard error; invisible where that is not a terminal.
pub(crate) struct Endpoints {
    bar: ProgressBar,
    counts: Counts,
}

impl Endpoints {
    /// Starts at zero. An endpoint that is listed twice counts once.
    pub(crate) fn new(hosts: &Hosts) -> Self {
        let again = (0..hosts.len()).filter(|&index| hosts.duplicate_of(index).is_some());
        let counts = Counts {
            total: hosts.len() - again.count(),
            ok: 0,
            failed: 0,
        };
        // All figures are in the message, which is replaced as a whole: another thread draws the bar at any time.
        let bar = bar(counts.total as u64, "{bar:30} {msg} · {elapsed}");
        bar.set_message(counts.to_string());
        Self { bar, counts }
    }

    /// Counts an endpoint that has its outcome.
    pub(crate) fn add<A>(&mut self, outcome: &Outcome<A>) {
        if self.counts.add(outcome) {
            self.bar.set_message(self.counts.to_string());
            self.bar.inc(1);
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[derive(Clone, Copy)]
struct Counts {
    total: usize,
    ok: usize,
    failed: usize,
}

impl Counts {
    /// Counts an outcome, unless the endpoint is counted where it is listed first.
    fn add<A>(&mut self, outcome: &Outcome<A>) -> bool {
        match outcome {
            Outcome::DuplicateLine { .. } => return false,
            Outcome::Ok { .. } => self.ok += 1,
            _ => self.failed += 1,
        }
        true
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { total, ok, failed } = *self;
        write!(f, "{} of {total} · {ok} ok", ok + failed)?;
        match failed {
            0 => Ok(()),
            failed => write!(f, " · {failed} failed"),
        }
    }
}

/// Counts bytes of files read.
pub(crate) fn bytes(total: Option<u64>) -> ProgressBar {
    match total {
        Some(total) => bar(total, "{bar:30} {bytes} of {total_bytes} · {bytes_per_sec}"),
        None => bar(0, "{bytes} · {bytes_per_sec}"),
    }
}

fn bar(total: u64, template: &str) -> ProgressBar {
    // Ten times a second looks smooth and costs little. Nothing is drawn at first: a room of forty has answered
    // before a bar can be read.
    let target = match is_quiet() {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr_with_hz(10),
    };
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─");
    let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_each_endpoint_once_and_never_more_ok_than_done() {
        let mut counts = Counts {
            total: 3,
            ok: 0,
            failed: 0,
        };
        assert_eq!(counts.to_string(), "0 of 3 · 0 ok");
        let ok = || Outcome::Ok {
            protocol: labrpc::survey::outcome::Protocol::Grpc,
            answer: (),
        };
        let steps = [
            (ok(), "1 of 3 · 1 ok"),
            (Outcome::DuplicateLine { first: 1 }, "1 of 3 · 1 ok"),
            (Outcome::Refused, "2 of 3 · 1 ok · 1 failed"),
            (ok(), "3 of 3 · 2 ok · 1 failed"),
        ];
        for (outcome, expected) in steps {
            counts.add(&outcome);
            assert_eq!(counts.to_string(), expected);
        }
    }
}

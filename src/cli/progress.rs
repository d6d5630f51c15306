//! Progress bars, on terminals only.

use std::{fmt, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use labrpc::survey::{
    hosts::{Hosts, fold},
    outcome::Outcome,
};

use crate::cli::console::is_quiet;

/// Endpoints up to which those without an outcome are named. Folding them takes time at each outcome.
const MAX_NAMED: usize = 64;

/// Counts endpoints on standard error, and names the last ones; invisible where that is not a terminal.
pub(crate) struct Endpoints {
    bar: ProgressBar,
    counts: Counts,
    hosts: Hosts,
    is_decided: Vec<bool>,
}

impl Endpoints {
    /// Starts at zero. An endpoint that is listed twice counts once. `wait` is how long those that are not up yet are
    /// asked again.
    pub(crate) fn new(hosts: &Hosts, wait: Option<Duration>) -> Self {
        let is_again = |index| hosts.duplicate_of(index).is_some();
        let is_decided: Vec<_> = (0..hosts.len()).map(is_again).collect();
        let total = is_decided.iter().filter(|again| !**again).count();
        let counts = Counts {
            total,
            answered: 0,
            failed: 0,
        };
        let left = move |state: &ProgressState, to: &mut dyn fmt::Write| {
            let left = wait.map(|wait| wait.saturating_sub(state.elapsed()).as_secs());
            // The bar is drawn without the figure if it cannot be written.
            let _ = left
                .filter(|seconds| *seconds > 0)
                .map_or(Ok(()), |seconds| write!(to, "up to {seconds} s "));
        };
        // Each text is replaced as a whole: another thread draws the bar at any time.
        let template = "{bar:30} {prefix} · {elapsed}\nwaiting {left}for {wide_msg}";
        let progress = Self {
            bar: bar(total as u64, template, |style| style.with_key("left", left)),
            counts,
            hosts: hosts.clone(),
            is_decided,
        };
        progress.show();
        progress
    }

    /// Counts the endpoint with this index, which has its outcome.
    pub(crate) fn add<A>(&mut self, index: usize, outcome: &Outcome<A>) {
        if self.counts.add(outcome) {
            self.is_decided[index] = true;
            self.show();
            self.bar.inc(1);
        }
    }

    fn show(&self) {
        self.bar.set_prefix(self.counts.to_string());
        self.bar.set_message(match self.counts.left() {
            left @ ..=MAX_NAMED => {
                let hosts = self.hosts.iter().zip(&self.is_decided);
                let undecided = hosts.filter(|(_, decided)| !**decided);
                format!("{} ({left})", fold(undecided.map(|(endpoint, _)| endpoint)))
            }
            left => format!("{left} endpoints"),
        });
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[derive(Clone, Copy)]
struct Counts {
    total: usize,
    answered: usize,
    failed: usize,
}

impl Counts {
    /// Counts an outcome, unless the endpoint is counted where it is listed first.
    fn add<A>(&mut self, outcome: &Outcome<A>) -> bool {
        match outcome {
            Outcome::DuplicateLine { .. } => return false,
            outcome if outcome.kind().is_answer() => self.answered += 1,
            _ => self.failed += 1,
        }
        true
    }

    /// Endpoints without an outcome.
    fn left(self) -> usize {
        self.total - self.answered - self.failed
    }
}

/// The words of the headline: ids that are claimed twice are known at the end only.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            total,
            answered,
            failed,
        } = self;
        write!(f, "{answered} of {total} answered")?;
        match failed {
            0 => Ok(()),
            failed => write!(f, ", {failed} failed"),
        }
    }
}

/// Counts bytes of files read.
pub(crate) fn bytes(total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{bar:30} {bytes} of {total_bytes} · {bytes_per_sec}",
        None => "{bytes} · {bytes_per_sec}",
    };
    bar(total.unwrap_or(0), template, |style| style)
}

fn bar(
    total: u64,
    template: &str,
    adapt: impl FnOnce(ProgressStyle) -> ProgressStyle,
) -> ProgressBar {
    // Ten times a second looks smooth and costs little. Nothing is drawn at first: a room of forty has answered
    // before a bar can be read.
    let target = match is_quiet() {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr_with_hz(10),
    };
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─");
    let bar = ProgressBar::with_draw_target(Some(total), target).with_style(adapt(style));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

#[cfg(test)]
mod tests {
    use labrpc::survey::outcome::Invalid;

    use super::*;

    #[test]
    fn progress_counts_each_endpoint_once_in_the_words_of_the_headline() {
        let mut counts = Counts {
            total: 4,
            answered: 0,
            failed: 0,
        };
        assert_eq!(counts.to_string(), "0 of 4 answered");
        let ok = || Outcome::Ok {
            protocol: labrpc::survey::outcome::Protocol::Grpc,
            answer: (),
        };
        let unusable = Outcome::Invalid(Invalid::Fields {
            text: "height is missing".into(),
            any_missing: true,
        });
        let steps = [
            (ok(), "1 of 4 answered", 3),
            (Outcome::DuplicateLine { first: 1 }, "1 of 4 answered", 3),
            (Outcome::Refused, "1 of 4 answered, 1 failed", 2),
            (unusable, "2 of 4 answered, 1 failed", 1),
            (ok(), "3 of 4 answered, 1 failed", 0),
        ];
        for (outcome, expected, left) in steps {
            counts.add(&outcome);
            assert_eq!((&*counts.to_string(), counts.left()), (expected, left));
        }
    }
}

//! The progress bar, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Counts endpoints on standard error; invisible where that is no terminal.
pub(crate) fn endpoints(total: usize) -> ProgressBar {
    bar(total as u64, "{bar:30} {pos} of {len} · {msg} · {elapsed}")
}

/// Counts bytes of files read.
pub(crate) fn bytes(total: Option<u64>) -> ProgressBar {
    match total {
        Some(total) => bar(total, "{bar:30} {bytes} of {total_bytes} · {bytes_per_sec}"),
        None => bar(0, "{bytes} · {bytes_per_sec}"),
    }
}

fn bar(total: u64, template: &str) -> ProgressBar {
    // Ten times a second is smooth enough, and cheap at any speed. Nothing is drawn in the first moments: a
    // room of forty has answered before a bar can be read.
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─");
    let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

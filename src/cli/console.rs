//! How much is printed on the terminal, and whether in colour: the flags that every command has.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _},
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use clap::{Args, ValueEnum};
use terminal_size::{Height, Width};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Terminal")]
pub(crate) struct ConsoleArgs {
    /// Print only errors on standard error: no progress, no notes, no greeting.
    #[arg(short, long, global = true, env = "LABRPC_QUIET")]
    quiet: bool,
    /// Use colours.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        env = "LABRPC_COLOR"
    )]
    color: Color,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// In files and pipes as well.
    Always,
    /// Nowhere.
    Never,
}

static IS_QUIET: AtomicBool = AtomicBool::new(false);

impl ConsoleArgs {
    /// Makes these settings those of the process.
    pub(crate) fn apply(&self) {
        IS_QUIET.store(self.quiet, Relaxed);
        self.color.apply();
    }
}

impl Color {
    fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// The columns of a terminal, or those that `COLUMNS` asks for.
pub(crate) fn columns(terminal: Option<(Width, Height)>) -> Option<usize> {
    let requested = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    requested.or(terminal.map(|(width, _)| width.0.into()))
}

/// Notes that `-` is standard input, where that is a terminal: the command would seem to hang.
pub(crate) fn note_stdin(file: &Path) {
    if file.as_os_str() == "-" && io::stdin().is_terminal() {
        errln!("reading standard input; Ctrl-D ends it");
    }
}

/// Whether only errors are printed on standard error.
pub(crate) fn is_quiet() -> bool {
    IS_QUIET.load(Relaxed)
}

/// The colours of clap's own messages, which are printed before the flags are known.
pub(crate) fn clap_color(arguments: &[OsString]) -> clap::ColorChoice {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let is_typed = |value: &str| {
        let joined = format!("--color={value}");
        words.contains(&joined.as_str().into())
            || words
                .windows(2)
                .any(|pair| pair[0] == "--color" && pair[1] == value)
    };
    match (is_typed("always"), is_typed("never")) {
        (true, _) => clap::ColorChoice::Always,
        (_, true) => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

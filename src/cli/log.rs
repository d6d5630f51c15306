//! The log of a server: lines go through a bounded buffer to a thread that writes them to standard error.
//!
//! A terminal that is stopped with Ctrl-S and a pipe that is not read block write(2) without a limit. On a
//! runtime thread that would stop the server, so only the log thread writes. What is given up: while the buffer
//! is full, lines are dropped and counted, and what is not written shortly after the end is lost.

use std::{
    fmt, io, mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, SystemTime},
};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use serde_json::json;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::cli::{console::is_quiet, exit::Failure};

/// Bytes that wait to be written: some thousand lines, more than a burst at the default level.
const CAPACITY: usize = 256 * 1024;

/// How long the end of the process waits for the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(100);

/// How long to wait before a write that would have blocked is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The levels, the most silent first.
pub(crate) const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The directives of a filter as it is typed. A bare level is that of this program.
///
/// # Errors
/// The text to show when it is something else. A bare word would be taken for a module, and leave everything out.
pub(crate) fn filter(text: &str) -> Result<String, String> {
    const MISTAKE: &str = "it must be error, warn, info, debug, trace or off, or a filter such as labrpc=debug,h2=info";
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let mut directives = text.split(',').map(str::trim);
    if !directives.all(|directive| is_level(directive) || directive.contains(['=', '['])) {
        return Err(MISTAKE.to_owned());
    }
    // A peer can cause any number of warnings of h2; those of labrpc are limited to one a second.
    let text = match text.trim().to_ascii_lowercase().as_str() {
        level @ ("warn" | "info") => format!("error,labrpc={level}"),
        "debug" => "warn,labrpc=debug".to_owned(),
        _ => text.to_owned(),
    };
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(MISTAKE.to_owned()),
    }
}

/// The log. Dropping it waits a moment for what is not written yet.
pub(crate) struct Log {
    queue: Arc<LineBuffer>,
    format: LogFormat,
}

impl Log {
    /// Starts the log thread and sends the events of `tracing` to it.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(format: LogFormat, filter: &str) -> Result<Self, Failure> {
        let filter = EnvFilter::try_new(filter).map_err(Failure::usage)?;
        let queue = Arc::new(LineBuffer::default());
        let for_thread = Arc::clone(&queue);
        thread::Builder::new()
            .name("log".into())
            .spawn(move || for_thread.write_to(io::stderr()))
            .map_err(|error| Failure::io("log thread", &error))?;
        let events = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
            // It would report a failed write to standard error, by way of a panic.
            .log_internal_errors(false)
            .with_writer(Arc::clone(&queue));
        match format {
            LogFormat::Text => events.with_target(false).compact().init(),
            LogFormat::Json => events.json().init(),
        }
        // The default hook writes to standard error on the thread that panicked.
        std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
        Ok(Self { queue, format })
    }

    /// Writes a line that no filter leaves out, unless only errors are to be printed.
    pub(crate) fn line(&self, text: fmt::Arguments<'_>) {
        if is_quiet() {
            return;
        }
        let line = match self.format {
            LogFormat::Text => format!("{text}\n"),
            // As the events are written.
            LogFormat::Json => {
                let timestamp = humantime::format_rfc3339_micros(SystemTime::now());
                let event = json!({
                    "timestamp": timestamp.to_string(),
                    "level": "INFO",
                    "fields": {"message": text.to_string()},
                    "target": "labrpc",
                });
                format!("{event}\n")
            }
        };
        self.queue.push(line.as_bytes());
    }

    /// The number of lines that were dropped so far.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.queue.dropped)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.flush(FLUSH_TIMEOUT);
    }
}

#[derive(Default)]
struct LineBuffer {
    state: Mutex<State>,
    filled: Condvar,
    written: Condvar,
    dropped: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// Whether the log thread has taken lines that it has not written yet.
    writing: bool,
}

impl LineBuffer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends whole lines, or drops them.
    fn push(&self, line: &[u8]) {
        let mut state = self.state();
        if state.lines.len() + line.len() > CAPACITY {
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        state.lines.extend_from_slice(line);
        self.filled.notify_one();
    }

    /// Writes what is pushed, for as long as the process lives.
    fn write_to(&self, mut to: impl io::Write) {
        let mut batch = Vec::new();
        let mut reported = 0;
        loop {
            let mut state = self
                .filled
                .wait_while(self.state(), |state| state.lines.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            mem::swap(&mut state.lines, &mut batch);
            state.writing = true;
            drop(state);

            write_all(&mut to, &batch);
            batch.clear();
            self.state().writing = false;
            self.written.notify_all();

            // If this line is dropped as well, it has raised the count and is tried again after the next batch.
            let dropped = self.dropped.load(Relaxed);
            if dropped != reported {
                tracing::warn!(
                    total = dropped,
                    "log lines dropped, the log is not read fast enough"
                );
                reported = dropped;
            }
        }
    }

    /// Waits until all is written, but no longer than `timeout`.
    fn flush(&self, timeout: Duration) {
        let pending = |state: &mut State| state.writing || !state.lines.is_empty();
        let waited = self
            .written
            .wait_timeout_while(self.state(), timeout, pending);
        drop(waited);
    }
}

/// `tracing-subscriber` formats an event completely and then writes it with one call.
impl io::Write for &LineBuffer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all of it, or gives up at the first error: a reader that is gone, a full disk.
fn write_all(mut to: impl io::Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return,
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process with the same terminal may have made it non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(RETRY_INTERVAL);
            }
            Err(_) => return,
        }
    }
}

//! When and with what command a report was made.

use std::time::SystemTime;

use crate::report::format::quoted;

/// Words of the command line that are shown; a thousand hosts may be given one by one.
const MAX_ARGUMENTS: usize = 60;

/// When and with what the report was made.
pub(super) struct Provenance {
    pub(super) started: String,
    pub(super) version: &'static str,
    pub(super) command: Option<String>,
}

impl Provenance {
    pub(super) fn new(started: SystemTime, arguments: Option<&Vec<String>>) -> Self {
        let command = arguments.map(|arguments| {
            let mut words = vec!["labrpc".to_owned()];
            let shown = arguments.iter().take(MAX_ARGUMENTS);
            words.extend(shown.map(|word| quoted(word)));
            match arguments.len().saturating_sub(MAX_ARGUMENTS) {
                0 => {}
                more => words.push(format!("… and {more} more")),
            }
            words.join(" ")
        });
        Self {
            started: humantime::format_rfc3339_seconds(started).to_string(),
            version: env!("CARGO_PKG_VERSION"),
            command,
        }
    }
}

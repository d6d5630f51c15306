//! When and with what command a report was made.

use std::time::SystemTime;

use crate::untrusted::Untrusted;

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

/// A word of the command line, quoted for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+[]".contains(c);
    let shown = Untrusted::new(word).to_string();
    if !word.is_empty() && word.chars().all(plain) {
        shown
    } else {
        format!("'{}'", shown.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_quoted_and_sanitised() {
        assert_eq!(quoted("--hosts"), "--hosts");
        assert_eq!(quoted("192.168.1.[1-40]"), "192.168.1.[1-40]");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("a\x1b[2J"), r"'a\u{1b}[2J'");
    }
}

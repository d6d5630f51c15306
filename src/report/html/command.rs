//! When and with what command a report was made.

use std::time::SystemTime;

use crate::report::format::quoted;

/// Words of the command line that are shown; a thousand hosts may be given one by one.
const MAX_ARGUMENTS: usize = 60;

/// When and with what the report was made.
pub(super) struct Provenance {
    pub(super) started: String,
    /// The same for people.
    pub(super) date: String,
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
        let started = humantime::format_rfc3339_seconds(started).to_string();
        Self {
            date: date(&started).unwrap_or_else(|| started.clone()),
            started,
            version: env!("CARGO_PKG_VERSION"),
            command,
        }
    }
}

/// A time of RFC 3339 in UTC as people write it.
fn date(time: &str) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (date, time) = time.split_once('T')?;
    let (year, date) = date.split_once('-')?;
    let (month, day) = date.split_once('-')?;
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    let day = day.trim_start_matches('0');
    Some(format!("{day} {month} {year}, {} UTC", time.get(..5)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_is_written_as_people_do() {
        let text = date("2026-11-04T09:18:40Z");
        assert_eq!(text.as_deref(), Some("4 November 2026, 09:18 UTC"));
        assert_eq!(date("tomorrow"), None);
    }
}

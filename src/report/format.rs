//! Numbers and counts as text, the same in every report for people.

use std::time::Duration;

use crate::{similarity::Metric, untrusted::Untrusted};

/// A distance or term with at most three decimals, without trailing zeros.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    if trimmed == "-0" {
        "0".to_owned()
    } else {
        trimmed.to_owned()
    }
}

/// Milliseconds to a microsecond: finer is noise.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A count with commas between thousands.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for start in (first..digits.len()).step_by(3) {
        if start > 0 {
            text.push(',');
        }
        text.push_str(&digits[start..start + 3]);
    }
    text
}

/// A time as long as an answer takes.
pub(crate) fn time(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds @ 1.0.. => format!("{seconds:.1} s"),
        seconds @ 0.01.. => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{:.1} ms", seconds * 1e3),
    }
}

/// A count and its noun.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How many per cent of a distance one field makes up; `None` where that has no meaning: of a distance of 0, or
/// of a sum that has negative parts.
pub(crate) fn share(metric: Metric, distance: f64, term: f64) -> Option<f64> {
    let parts = matches!(metric, Metric::Gower | Metric::Euclidean);
    (parts && distance > 0.0 && term > 0.0).then(|| 100.0 * term / distance)
}

/// A word of the command line, quoted for a shell.
pub(crate) fn quoted(word: &str) -> String {
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
    fn thousands_are_separated() {
        let texts = [0, 999, 1000, 100_000, 12_345_678].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "100,000", "12,345,678"]);
    }

    #[test]
    fn command_line_is_quoted_and_sanitised() {
        assert_eq!(quoted("--hosts"), "--hosts");
        assert_eq!(quoted("192.168.1.[1-40]"), "192.168.1.[1-40]");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("a\x1b[2J"), r"'a\u{1b}[2J'");
    }
}

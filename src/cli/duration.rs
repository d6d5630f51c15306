//! Durations as they are typed: a bare number is seconds; `500ms`, `3s`, `2m` and `1h` work too.

use std::time::Duration;

/// # Errors
/// The text to show: what was typed and what can be.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let value = number.parse::<f64>().unwrap_or(f64::NAN) * seconds;
    // Beyond a year it is a slip, and clocks would overflow later on.
    if (0.0..=31_536_000.0).contains(&value) {
        Ok(Duration::from_secs_f64(value))
    } else {
        Err("a duration is a number of seconds, or has a unit: 500ms, 3s, 2m, 1h".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, millis) in [
            ("5", 5000),
            ("0.5", 500),
            ("500ms", 500),
            ("3s", 3000),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "-1",
            "s",
            "1 fortnight",
            "1e9h",
            "nan",
            "1.2.3",
            "99999999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

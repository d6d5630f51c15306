//! Values as they are typed. Errors are worded for users, where those of the standard library are for programmers.

use std::{fmt::Display, str::FromStr, time::Duration};

/// The longest time that is accepted. Beyond it is a slip, and clocks would overflow later on.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);

/// A duration: a bare number is seconds, and `500ms`, `3s`, `2m` and `1h` work too.
///
/// # Errors
/// The text to show when it is something else, or longer than a year.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    duration
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or("a duration is a number of seconds, or has a unit: 500ms, 3s, 2m, 1h")
}

/// A duration as the help shows it: `3.5s`.
pub(crate) fn shown(duration: Duration) -> String {
    format!("{duration:?}")
}

/// A whole number of at least `min`.
pub(crate) fn whole<T>(min: T) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: FromStr + PartialOrd + Display + Copy + Send + Sync,
{
    move |text| match text.parse() {
        Ok(number) if number >= min => Ok(number),
        _ => Err(format!("it must be a whole number from {min}")),
    }
}

/// A port; 0 stands for a free one.
///
/// # Errors
/// The text to show when it is something else.
pub(crate) fn port(text: &str) -> Result<u16, &'static str> {
    text.parse()
        .map_err(|_| "it must be a port from 0 to 65535")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_or_are_seconds() {
        for (text, millis) in [
            ("5", 5000),
            ("0.5", 500),
            ("500ms", 500),
            ("3s", 3000),
            ("3.5s", 3500),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
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
            assert!(duration(text).is_err(), "{text}");
        }
    }
}

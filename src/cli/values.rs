//! Values as they are typed. Errors are worded for users, where those of the standard library are for programmers.

use std::{
    ffi::OsStr,
    fmt::{self, Display},
    fs::File,
    io::Read as _,
    path::Path,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use clap::builder::{PossibleValue, TypedValueParser};
use ipnet::IpNet;

use crate::cli::exit::Failure;

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

/// A duration of some length.
///
/// # Errors
/// The text to show when it is something else.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, &'static str> {
    duration(text).and_then(|duration| match duration.is_zero() {
        true => Err("it must be longer than 0"),
        false => Ok(duration),
    })
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

/// A number of bytes. A bare number is bytes, and `64KiB` and `4MiB` work too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ByteSize(pub(crate) usize);

/// The largest size that is accepted: as much as the large answers under way may take together.
const MAX_SIZE: usize = 64 * 1024 * 1024;

impl FromStr for ByteSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
            "" | "b" => Some(1),
            "k" | "kb" | "kib" => Some(1024),
            "m" | "mb" | "mib" => Some(1024 * 1024),
            _ => None,
        };
        let number = digits.trim().parse::<usize>().ok();
        number
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit))
            .filter(|size| (1..=MAX_SIZE).contains(size))
            .map(Self)
            .ok_or("a size is a number of bytes, or has a unit: 64KiB, 4MiB; at most 64MiB")
    }
}

impl Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size if size % (1024 * 1024) == 0 => write!(f, "{}MiB", size / (1024 * 1024)),
            size => write!(f, "{size}"),
        }
    }
}

/// Reads a file of text, at most `limit` bytes of it.
///
/// # Errors
/// Status 1 if it cannot be read, 2 if it is too large or not UTF-8.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::unreadable(path, &error))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::usage(format_args!(
            "{}: the file is too large",
            path.display()
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format_args!("{}: the file is not UTF-8", path.display())))
}

/// A network in CIDR notation.
///
/// # Errors
/// The text to show when it is something else.
pub(crate) fn network(text: &str) -> Result<IpNet, &'static str> {
    text.parse().map_err(|_| {
        "a network is an address, a slash and a prefix of 0 to 32 (IPv6: 128), as in 192.168.1.0/24"
    })
}

/// A value that has a name out of a closed set, or can be written in other ways as well. Help and completions show the
/// names.
#[derive(Clone)]
pub(crate) struct Named<T> {
    names: Vec<&'static str>,
    parse: ParseNamed<T>,
}

type ParseNamed<T> = Arc<dyn Fn(&str) -> Result<T, String> + Send + Sync>;

impl<T> Named<T> {
    pub(crate) fn new<E: Display>(names: impl Into<Vec<&'static str>>) -> Self
    where
        T: FromStr<Err = E>,
    {
        Self {
            names: names.into(),
            parse: Arc::new(|text| text.parse().map_err(|error: E| error.to_string())),
        }
    }

    /// With a parser of another kind.
    pub(crate) fn parsed_by(
        names: impl Into<Vec<&'static str>>,
        parse: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            names: names.into(),
            parse: Arc::new(parse),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Named<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let parse = Arc::clone(&self.parse);
        let parser = move |text: &str| parse(text);
        parser.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names.iter().copied().map(PossibleValue::new)))
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
    fn sizes_have_units_or_are_bytes() {
        for (text, bytes) in [
            ("1", 1),
            ("64KiB", 65_536),
            ("4MiB", 4 << 20),
            ("16m", 16 << 20),
            ("2 k", 2048),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "k",
            "1.5m",
            "65MiB",
            "1g",
            "99999999999999999999",
            "18446744073709551615m",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!(ByteSize(4 << 20).to_string(), "4MiB");
    }

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

//! Fields of anything as axes of a ranking: `cpu=0..64`, and the kinds of values that texts stand for.

use std::{
    str::FromStr,
    time::{Duration, UNIX_EPOCH},
};

use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    path::{PathError, PathPattern, Segment},
    untrusted::Untrusted,
};

/// A field to rank by.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSpec {
    /// The path as it was typed.
    pub name: String,
    /// Where the field is.
    pub path: PathPattern,
    /// The values that count as farthest apart; those that occur, if it is not given.
    pub range: Option<(FeatureKind, [f64; 2])>,
}

/// What kind of values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// Numbers.
    Number,
    /// Durations, in seconds.
    Duration,
    /// Instants, in seconds since 1970.
    Time,
    /// Texts, of which two are equal or not.
    Category,
}

/// What a text stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading<'a> {
    /// A number of any kind but [`FeatureKind::Category`].
    Number(FeatureKind, f64),
    /// Any other text.
    Text(&'a str),
}

impl<'a> Reading<'a> {
    /// Reads a number, a duration (`1.5s`, `2h`) or an instant after RFC 3339, and nothing of an empty text.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let seconds = |text: &str| {
            let number = text.strip_suffix('s').map(str::parse);
            let other = || humantime::parse_duration(text).map(|time| time.as_secs_f64());
            number.and_then(Result::ok).or_else(|| other().ok())
        };
        let instant = |text: &str| {
            let time = humantime::parse_rfc3339_weak(text).ok()?;
            time.duration_since(UNIX_EPOCH).ok()
        };
        let number = match text.parse() {
            Ok(number) => Some((FeatureKind::Number, number)),
            Err(_) => seconds(text)
                .map(|seconds| (FeatureKind::Duration, seconds))
                .or_else(|| Some((FeatureKind::Time, instant(text)?.as_secs_f64()))),
        };
        match number.filter(|(_, number)| number.is_finite()) {
            _ if text.is_empty() => None,
            Some((kind, number)) => Some(Self::Number(kind, number)),
            None => Some(Self::Text(text)),
        }
    }
}

/// The text of the part of a document that a path leads to; nothing of `null`.
pub(crate) fn text_at(path: &PathPattern, document: &Json) -> Option<String> {
    match *path.select(document).first()? {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A number of a kind as people write it.
pub(crate) fn shown(kind: FeatureKind, number: f64) -> String {
    match kind {
        FeatureKind::Duration => format!("{number}s"),
        FeatureKind::Time => {
            let since = Duration::try_from_secs_f64(number).unwrap_or_default();
            humantime::format_rfc3339(UNIX_EPOCH + since).to_string()
        }
        FeatureKind::Number | FeatureKind::Category => number.to_string(),
    }
}

/// What is ranked, and by which of its fields.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Where the id is.
    pub id: Option<PathPattern>,
    /// The fields.
    pub features: Vec<FeatureSpec>,
}

/// Whether a path stands for a column of this name.
pub(crate) fn is_column(path: &PathPattern, column: &str) -> bool {
    match path.segments() {
        [Segment::Key(key)] => key == column,
        _ => path.to_string() == column,
    }
}

/// Why a text is not a field to rank by.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// The path is not one.
    #[error("{0}")]
    Path(#[from] PathError),
    /// The range has no two ends of one kind, in this order.
    #[error("the range \"{0}\" is not of the form 0..64, with the smaller value first")]
    Range(Untrusted),
}

impl FromStr for FeatureSpec {
    type Err = FeatureError;

    fn from_str(text: &str) -> Result<Self, FeatureError> {
        let range = text.rsplit_once('=');
        let (name, range) = match range.filter(|(_, range)| range.contains("..")) {
            Some((name, range)) => (name, Some(range)),
            None => (text, None),
        };
        let ends = |range: &str| match range.split_once("..") {
            Some((from, to)) => match (Reading::of(from), Reading::of(to)) {
                (Some(Reading::Number(kind, from)), Some(Reading::Number(other, to)))
                    if kind == other && from < to =>
                {
                    Ok((kind, [from, to]))
                }
                _ => Err(FeatureError::Range(Untrusted::new(range))),
            },
            None => Err(FeatureError::Range(Untrusted::new(range))),
        };
        Ok(Self {
            name: name.to_owned(),
            path: name.parse()?,
            range: range.map(ends).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbers_durations_instants_or_categories() {
        use FeatureKind::{Duration, Number, Time};
        for (text, kind, number) in [
            ("64", Number, 64.0),
            (" -1.5e3 ", Number, -1500.0),
            ("1.5s", Duration, 1.5),
            ("-3s", Duration, -3.0),
            ("2h 30m", Duration, 9000.0),
            ("1970-01-01T00:01:00Z", Time, 60.0),
            ("1970-01-01 00:00:01", Time, 1.0),
        ] {
            assert_eq!(
                Reading::of(text),
                Some(Reading::Number(kind, number)),
                "{text}"
            );
        }
        for text in ["eu-1", "16G", "true", "nan", "inf", "1.2.3"] {
            assert_eq!(Reading::of(text), Some(Reading::Text(text)));
        }
        assert_eq!(Reading::of(" "), None);
    }

    #[test]
    fn range_follows_the_last_equals_sign_and_ascends() {
        let range = |text: &str| text.parse::<FeatureSpec>().unwrap().range;
        assert_eq!(range("cpu=0..64"), Some((FeatureKind::Number, [0.0, 64.0])));
        assert_eq!(
            range("up=1s..2h"),
            Some((FeatureKind::Duration, [1.0, 7200.0]))
        );
        assert_eq!(range("zone"), None);
        assert_eq!(range(r#"labels["a=b"]"#), None);
        for text in ["cpu=64..0", "cpu=..64", "cpu=0..1s", "cpu=a..b", "", "a..b"] {
            assert!(text.parse::<FeatureSpec>().is_err(), "{text}");
        }
    }
}

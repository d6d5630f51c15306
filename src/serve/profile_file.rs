//! The file of a profile: TOML with the keys `id`, `height`, `weight` and `size`.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use crate::{
    file,
    profile::{self, Draft, Height, Profile, Weight},
    untrusted::Untrusted,
};

/// A profile takes a hundred bytes; a file beyond this is the wrong file.
const MAX_FILE: u64 = 64 * 1024;

/// Reads a profile from a file. `overrides` take precedence over the file, which may lack those fields.
///
/// ```
/// use labrpc::{profile::Draft, serve::profile_file::read};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("profile.toml");
/// std::fs::write(&path, "id = \"1527406014\"\nheight = 178\nweight = 60\nsize = \"XXL\"\n")?;
/// let overrides = Draft { weight: Some("60.5".parse()?), ..Draft::default() };
/// let profile = read(&path, overrides)?;
/// assert_eq!(profile.to_string(), "1527406014: 178 cm, 60.5 kg, XXL");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error`] with the file, the key and what is wrong with it.
pub fn read(path: &Path, overrides: Draft) -> Result<Profile, Error> {
    read_with(file::read, path, overrides)
}

pub(crate) fn read_with(
    read: file::Reader,
    path: &Path,
    overrides: Draft,
) -> Result<Profile, Error> {
    let error = |kind| Error {
        path: path.to_owned(),
        kind,
    };
    let bytes = read(path, MAX_FILE + 1).map_err(|source| error(Kind::Read(source)))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(error(Kind::TooLarge));
    }
    let text = String::from_utf8(bytes).map_err(|_| error(Kind::NotText))?;
    // Some editors put a byte order mark in front.
    let file = parse(text.trim_start_matches('\u{feff}')).map_err(error)?;
    Profile::try_from(overrides.or_else_from(file)).map_err(|missing| error(missing.into()))
}

fn parse(text: &str) -> Result<Draft, Kind> {
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| Kind::Syntax {
            line: error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].split('\n').count()
            }),
            message: Untrusted::new(error.message()),
        })?;
    if let Some(key) = table
        .keys()
        .find(|key| !<Draft>::NAMES.contains(&key.as_str()))
    {
        return Err(Kind::UnknownKey(Untrusted::new(key)));
    }
    let text = |key: &'static str| match table.get(key) {
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Kind::NoText(key)),
        None => Ok(None),
    };
    let number = |key: &'static str| match table.get(key) {
        // Beyond 2^53 a float is not exact; such a measure is refused anyhow.
        Some(Value::Integer(number)) => Ok(Some(*number as f64)),
        Some(Value::Float(number)) => Ok(Some(*number)),
        Some(_) => Err(Kind::NoNumber(key)),
        None => Ok(None),
    };
    Ok(Draft {
        id: text("id")?.map(str::parse).transpose()?,
        height: number("height")?.map(Height::try_from).transpose()?,
        weight: number("weight")?.map(Weight::try_from).transpose()?,
        size: text("size")?.map(str::parse).transpose()?,
    })
}

/// Why a file holds no profile.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Read(io::Error),
    TooLarge,
    NotText,
    Syntax { line: usize, message: Untrusted },
    UnknownKey(Untrusted),
    NoText(&'static str),
    NoNumber(&'static str),
    Profile(profile::Error),
}

impl From<profile::Error> for Kind {
    fn from(error: profile::Error) -> Self {
        Self::Profile(error)
    }
}

impl Error {
    /// Whether the file could not be read at all.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(self.kind, Kind::Read(_))
    }

    /// The message for a log, which never carries an id, a height or a weight.
    pub(crate) fn for_log(&self) -> String {
        match &self.kind {
            Kind::Profile(error) => format!(
                "{}: the value of {} is not valid; labrpc serve --profile with this file says why",
                self.path.display(),
                error.field()
            ),
            // Either may quote what stands in the file.
            Kind::Syntax { line, .. } => format!("{}:{line}: not TOML", self.path.display()),
            Kind::UnknownKey(_) => format!("{}: a key is unknown", self.path.display()),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Read(source) => write!(f, "cannot read {path}: {source}"),
            Kind::TooLarge => write!(
                f,
                "{path} is larger than {MAX_FILE} bytes and no profile; is it the right file?"
            ),
            Kind::NotText => write!(f, "{path} is not UTF-8 text; save it again as UTF-8"),
            Kind::Syntax { line, message } => write!(
                f,
                "{path}:{line}: {message}; a line looks like height = 178 or size = \"XXL\""
            ),
            Kind::UnknownKey(key) => write!(
                f,
                "{path}: the key \"{key}\" is unknown; a profile has id, height, weight and size"
            ),
            Kind::NoText(key) => write!(
                f,
                "{path}: {key} must be text in quotes, such as {key} = \"{}\"",
                if *key == "id" { "1527406014" } else { "XXL" }
            ),
            Kind::NoNumber(key) => write!(
                f,
                "{path}: {key} must be a number without quotes, such as {key} = {}",
                if *key == "height" { "178" } else { "60.5" }
            ),
            Kind::Profile(error) => write!(f, "{path}: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Read(source) => Some(source),
            Kind::Profile(source) => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOOD: &str = "id = \"s-471\"\nheight = 181\nweight = 66.5\nsize = \"xxl\"\n";

    fn read_text(text: &[u8]) -> Result<Profile, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, text).unwrap();
        read(file.path(), Draft::default())
    }

    #[test]
    fn a_byte_order_mark_and_comments_do_no_harm() {
        let text = format!("\u{feff}# who sits here\r\n{GOOD}");
        let profile = read_text(text.as_bytes()).unwrap();
        assert_eq!(profile.to_string(), "s-471: 181 cm, 66.5 kg, XXL");
    }

    #[test]
    fn every_mistake_has_its_message_and_none_reaches_a_log_with_a_value() {
        let without = |key: &str| {
            let lines = GOOD.lines().filter(|line| !line.starts_with(key));
            lines.collect::<Vec<_>>().join("\n")
        };
        let with = |line: &str| {
            let key = line.split(' ').next().unwrap();
            format!("{}\n{line}\n", without(key))
        };
        let cases = [
            (without("id"), "id is missing"),
            (without("weight"), "weight is missing"),
            (with("height = 1.78"), "metres"),
            (with("height = \"181\""), "without quotes"),
            (with("height = nan"), "height NaN"),
            (with("height = inf"), "height inf"),
            (with("weight = 1200"), "jin"),
            (with("weight = true"), "weight must be a number"),
            (with("id = 471"), "id = \"1527406014\""),
            (with("id = \"小明\""), "id \"小明\""),
            (with("size = \"XXS+\""), "none of XXS"),
            (with("size = 7"), "size = \"XXL\""),
            (with("age = 20"), "the key \"age\" is unknown"),
            (format!("{GOOD}height = 170\n"), ":5: duplicate key"),
            ("id = 15 27\n".into(), ":1:"),
            ("[profile]\n".into(), "the key \"profile\" is unknown"),
        ];
        for (text, words) in cases {
            let error = read_text(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
            let log = error.for_log();
            for value in ["471", "1.78", "181", "小明", "1200", "NaN", "inf", "66.5"] {
                let path = error.path.display().to_string();
                assert!(!log.replace(&path, "").contains(value), "{log}");
            }
        }
        for (bytes, words) in [
            (&b"id = \"\xff\"\n"[..], "not UTF-8"),
            (&[b'#'; 70_000][..], "larger than"),
        ] {
            let error = read_text(bytes).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
        assert!(
            read(Path::new("/nowhere/profile.toml"), Draft::default())
                .unwrap_err()
                .is_io()
        );
    }
}

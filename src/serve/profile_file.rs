//! The profile file: TOML with the id and the fields of a profile as keys.

use std::{
    io,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use crate::{
    file,
    profile::{self, Draft, FIELDS, Profile, Scalar, names, phrase},
    untrusted::Untrusted,
};

/// A profile needs a hundred bytes; a larger file is the wrong one.
const MAX_FILE: u64 = 64 * 1024;

/// Reads a profile from a file. `overrides` take precedence over the file, which need not have those fields.
///
/// ```
/// use labrpc::{profile::{Draft, FIELDS}, serve::profile_file::read};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("profile.toml");
/// std::fs::write(&path, "id = \"1527406014\"\nheight = 178\nweight = 60\nsize = \"XXL\"\n")?;
/// let overrides = Draft::new(None, &[FIELDS[1].parse("60.5")?]);
/// let profile = read(&path, &overrides)?;
/// assert_eq!(profile.to_string(), "1527406014: 178 cm, 60.5 kg, XXL");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error`] with the file, the key and the problem.
pub fn read(path: &Path, overrides: &Draft) -> Result<Profile, Error> {
    read_with(file::read, path, overrides)
}

pub(crate) fn read_with(
    read: file::Reader,
    path: &Path,
    overrides: &Draft,
) -> Result<Profile, Error> {
    let error = |cause| Error {
        path: path.to_owned(),
        cause,
    };
    let bytes = read(path, MAX_FILE + 1).map_err(|source| error(Cause::Read(source)))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(error(Cause::TooLarge));
    }
    let text = String::from_utf8(bytes).map_err(|_| error(Cause::NotUtf8))?;
    // Some editors begin a file with a byte order mark.
    let fields = parse(text.trim_start_matches('\u{feff}')).map_err(error)?;
    let fields = overrides.clone().or_else_from(fields);
    fields.finish().map_err(|errors| error(errors.into()))
}

fn parse(text: &str) -> Result<Draft, Cause> {
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| Cause::Syntax {
            line: error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].split('\n').count()
            }),
            message: Untrusted::new(error.message()),
        })?;
    if let Some(key) = table.keys().find(|key| names().all(|name| name != *key)) {
        return Err(Cause::UnknownKey {
            key: Untrusted::new(key),
        });
    }
    Ok(Draft::of_scalars(|field| {
        Some(match table.get(field)? {
            Value::String(text) => Scalar::Text(text),
            // A float is not exact beyond 2^53, which is far out of range.
            Value::Integer(number) => Scalar::Number(*number as f64),
            Value::Float(number) => Scalar::Number(*number),
            _ => Scalar::Other,
        })
    }))
}

/// Why a file is not a valid profile.
#[derive(Debug, thiserror::Error)]
#[error("{path}{cause}")]
pub struct Error {
    path: PathBuf,
    #[source]
    cause: Cause,
}

/// The text continues after the path.
#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(": cannot read the file: {0}")]
    Read(#[source] io::Error),
    #[error(" is larger than {MAX_FILE} bytes and not a profile; is it the right file?")]
    TooLarge,
    #[error(" is not UTF-8 text; save it again as UTF-8")]
    NotUtf8,
    #[error(":{line}: {message}; a line looks like {}", example_lines())]
    Syntax { line: usize, message: Untrusted },
    #[error(": the key \"{key}\" is unknown; a profile has {}", phrase(&names().collect::<Vec<_>>()))]
    UnknownKey { key: Untrusted },
    #[error(": {0}")]
    Profile(#[from] profile::FieldErrors),
}

/// `height = 178 or size = "XXL"`: one line of each kind.
fn example_lines() -> String {
    let line = |quote: &str| {
        let mut fields = FIELDS.iter();
        let field = fields.find(|field| field.names.is_empty() == quote.is_empty())?;
        Some(format!("{} = {quote}{}{quote}", field.name, field.example))
    };
    ["", "\""]
        .map(|quote| line(quote).unwrap_or_default())
        .join(" or ")
}

impl Error {
    /// Whether the file could not be read at all.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(self.cause, Cause::Read(_))
    }

    /// The message for a log, which never has an id, a height or a weight.
    pub(crate) fn for_log(&self) -> String {
        let path = self.path.display();
        match &self.cause {
            Cause::Profile(errors) => format!("{path}: {}", errors.without_values()),
            // The messages of both may quote the file.
            Cause::Syntax { line, .. } => format!("{path}:{line}: not TOML"),
            Cause::UnknownKey { .. } => format!("{path}: a key is unknown"),
            _ => self.to_string(),
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
        read(file.path(), &Draft::default())
    }

    #[test]
    fn byte_order_mark_and_comments_are_skipped() {
        let text = format!("\u{feff}# a comment\r\n{GOOD}");
        let profile = read_text(text.as_bytes()).unwrap();
        assert_eq!(profile.to_string(), "s-471: 181 cm, 66.5 kg, XXL");
    }

    #[test]
    fn every_mistake_has_a_message_and_log_messages_have_no_values() {
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
            (
                with("id = 471"),
                "id must be text in quotes, such as \"1527406014\"",
            ),
            (with("id = \"小明\""), "id \"小明\""),
            (with("size = \"XXS+\""), "none of XXS"),
            (
                with("size = 7"),
                "size must be text in quotes, such as \"XXL\"",
            ),
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
            read(Path::new("/nowhere/profile.toml"), &Draft::default())
                .unwrap_err()
                .is_io()
        );
    }
}

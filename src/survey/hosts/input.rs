//! From bytes to the texts of single expressions, each with its position in the file.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;

use crate::{
    survey::hosts::{
        kubernetes,
        labels::LabelInterner,
        problem::{Error, Location, Position, Problem},
        token::Token,
    },
    untrusted::Untrusted,
};

/// The expressions in a file's contents, in order.
pub(super) fn tokens(
    name: &str,
    contents: &[u8],
    interner: &mut LabelInterner,
) -> Vec<Result<Token, Error>> {
    let at = |location: Option<(usize, usize)>| Position {
        file: name.to_owned(),
        location: location.map(|(line, column)| Location::Line(line, column)),
    };
    let text = match decode(contents) {
        Ok(text) => text,
        Err((position, problem)) => {
            return vec![Err(Error {
                position: at(position),
                text: None,
                problem,
            })];
        }
    };
    if is_file_sd(&text) {
        return file_sd(&text, at, interner);
    }
    // No host begins with a brace.
    if text.trim_start().starts_with('{') {
        return kubernetes::tokens(name, &text, interner);
    }
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (column, text) in split(without_comment(line)) {
            tokens.push(Ok(Token {
                position: at(Some((number + 1, column))),
                text: text.to_owned(),
                labels: None,
            }));
        }
    }
    tokens
}

type Undecodable = (Option<(usize, usize)>, Problem);

/// Reads UTF-8, and UTF-16 with a byte order mark.
fn decode(contents: &[u8]) -> Result<Cow<'_, str>, Undecodable> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        match text {
            Ok(text) if bytes.len().is_multiple_of(2) => Ok(Cow::Owned(text)),
            _ => Err((None, Problem::NotUtf16)),
        }
    };
    match contents {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(contents),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, Undecodable> {
    if bytes.contains(&0) {
        return Err((None, Problem::Nul));
    }
    str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = good.matches('\n').count() + 1;
        let column = good
            .rsplit('\n')
            .next()
            .map_or(0, |tail| tail.chars().count())
            + 1;
        (
            Some((line, column)),
            Problem::NotUtf8(bytes[error.valid_up_to()]),
        )
    })
}

/// Cuts at a `#` that begins the line or follows white space: a socket's path may hold one.
fn without_comment(line: &str) -> &str {
    let comment = line.char_indices().find(|&(at, c)| {
        c == '#'
            && line[..at]
                .chars()
                .next_back()
                .is_none_or(char::is_whitespace)
    });
    comment.map_or(line, |(at, _)| &line[..at])
}

/// Splits at the commas outside brackets. Returns each part trimmed, with the column where it begins.
fn split(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut depth = 0_u32;
    line.split(move |c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .filter(|part| !part.trim().is_empty())
    .map(move |part| {
        let text = part.trim();
        // Both are parts of `line`, so the distance is where the text begins in it.
        let start = text.as_ptr() as usize - line.as_ptr() as usize;
        (line[..start].chars().count() + 1, text)
    })
}

/// A JSON array of objects; `[::1]:1024` begins with a bracket too.
fn is_file_sd(text: &str) -> bool {
    let mut rest = text.chars().filter(|c| !c.is_whitespace());
    rest.next() == Some('[') && matches!(rest.next(), Some('{' | ']'))
}

/// Prometheus' file-based service discovery: `[{"targets": ["host:port", …], "labels": {…}}, …]`.
fn file_sd(
    text: &str,
    at: impl Fn(Option<(usize, usize)>) -> Position,
    interner: &mut LabelInterner,
) -> Vec<Result<Token, Error>> {
    #[derive(Deserialize)]
    struct TargetGroup {
        targets: Vec<String>,
        labels: Option<BTreeMap<String, String>>,
    }
    let groups = match serde_json::from_str::<Vec<TargetGroup>>(text) {
        Ok(groups) => groups,
        Err(error) => {
            let problem = Problem::FileSd(Untrusted::new(&error.to_string()));
            return vec![Err(Error {
                position: at(Some((error.line(), error.column()))),
                text: None,
                problem,
            })];
        }
    };
    let mut tokens = Vec::new();
    for TargetGroup { targets, labels } in groups {
        let labels = interner.labels(labels.unwrap_or_default());
        tokens.extend(targets.into_iter().map(|target| {
            // Cut at its commas, as it would be when its canonical text is read again.
            let one = split(&target).all(|(_, part)| part == target.trim());
            match one {
                true => Ok(Token {
                    position: at(None),
                    text: target,
                    labels: labels.clone(),
                }),
                false => Err(Error::new(at(None), &target, Problem::Comma)),
            }
        }));
    }
    tokens
}

//! Rows of people as CSV.
//!
//! `csv-core` is not used, because it extends an open quote to the end of the file and accepts text after a closing
//! one: such rows could not be reported, and all rows after an open quote would be lost.

use std::{borrow::Cow, ops::Range, path::Path, str::FromStr};

use crate::{
    profile::{self, Draft, Height, Id, Size, Weight},
    report::read::{
        error::{Error, Reason},
        row::Row,
    },
    untrusted::Untrusted,
};

/// The columns of a CSV file: for each, which of the named fields it holds.
pub(crate) struct Columns {
    fields: Vec<Option<usize>>,
    /// Whether the file is a survey's, whose rows are endpoints, some of them without a profile.
    survey: bool,
}

impl Columns {
    /// A profile's fields, and the two by which a survey's file is recognised.
    const NAMES: [&str; 6] = ["id", "height", "weight", "size", "outcome", "endpoint"];

    /// Reads a header.
    ///
    /// # Errors
    /// When a column is missing or named twice.
    pub(crate) fn parse(header: &[u8], file: &Path) -> Result<Self, Error> {
        let bad = || Error::Header {
            file: file.to_owned(),
            found: Untrusted::from_bytes(header),
        };
        let mut fields = Vec::new();
        for cell in cells(header).map_err(|_| bad())? {
            let field = Self::NAMES
                .iter()
                .position(|name| name.as_bytes().eq_ignore_ascii_case(cell.trim_ascii()));
            if let Some(field @ 0..4) = field
                && fields.contains(&Some(field))
            {
                return Err(Error::DuplicateColumn {
                    file: file.to_owned(),
                    column: Self::NAMES[field],
                });
            }
            fields.push(field);
        }
        let has = |mut wanted: Range<usize>| wanted.all(|field| fields.contains(&Some(field)));
        let survey = has(4..6);
        if has(0..4) {
            Ok(Self { fields, survey })
        } else {
            Err(bad())
        }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// When it holds no valid profile where one is due.
    pub(crate) fn row(&self, row: &[u8]) -> Result<Row, Reason> {
        let mut values: [&[u8]; Self::NAMES.len()] = [b""; Self::NAMES.len()];
        // Without quotes, as in most files, no cell is copied.
        let unquoted;
        if memchr::memchr(b'"', row).is_some() {
            unquoted = cells(row)?;
            for (field, cell) in self.fields.iter().zip(&unquoted) {
                if let Some(field) = field {
                    values[*field] = cell;
                }
            }
        } else {
            for (field, cell) in self.fields.iter().zip(row.split(|b| *b == b',')) {
                if let Some(field) = field {
                    values[*field] = cell;
                }
            }
        }
        let [id, height, weight, size, outcome, _] = values;
        let draft = Draft {
            id: Cell::of(strip_formula_guard(id)),
            height: Cell::of(height),
            weight: Cell::of(weight),
            size: Cell::of(size),
        };
        if self.survey {
            Row::surveyed(outcome, draft)
        } else {
            Row::person(draft)
        }
    }
}

/// A text without the apostrophe that `report::csv` puts before a formula.
fn strip_formula_guard(text: &[u8]) -> &[u8] {
    match text {
        [b'\'', b'=' | b'+' | b'-' | b'@', ..] => &text[1..],
        _ => text,
    }
}

/// The cells of a record, after RFC 4180.
fn cells(record: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, Reason> {
    let mut cells = Vec::new();
    let mut rest = record;
    loop {
        let cell = if let Some(quoted) = rest.strip_prefix(b"\"") {
            let mut text = Vec::new();
            rest = quoted;
            loop {
                let end = memchr::memchr(b'"', rest).ok_or(Reason::Quote)?;
                text.extend_from_slice(&rest[..end]);
                rest = &rest[end + 1..];
                match rest.strip_prefix(b"\"") {
                    Some(after) => rest = after,
                    None => break,
                }
                text.push(b'"');
            }
            Cow::Owned(text)
        } else {
            let end = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
            let (cell, after) = rest.split_at(end);
            rest = after;
            Cow::Borrowed(cell)
        };
        cells.push(cell);
        match rest {
            [] => return Ok(cells),
            [b',', after @ ..] => rest = after,
            _ => return Err(Reason::Quote),
        }
    }
}

/// The bytes of a cell, which may not be UTF-8.
struct Cell<'a>(&'a [u8]);

impl<'a> Cell<'a> {
    /// A cell that is not empty.
    fn of(text: &'a [u8]) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }

    /// Parses with the parser of the field, whose error contains the text.
    fn parse<T: FromStr<Err = profile::Error>>(&self) -> Result<T, profile::Error> {
        String::from_utf8_lossy(self.0).parse()
    }
}

impl TryFrom<Cell<'_>> for Id {
    type Error = profile::Error;

    #[inline]
    fn try_from(cell: Cell<'_>) -> Result<Self, profile::Error> {
        Self::from_bytes(cell.0).ok_or_else(|| profile::Error::Id(Untrusted::from_bytes(cell.0)))
    }
}

impl TryFrom<Cell<'_>> for Height {
    type Error = profile::Error;

    #[inline]
    fn try_from(cell: Cell<'_>) -> Result<Self, profile::Error> {
        match ticks(cell.0).map(Self::from_ticks) {
            Some(Ok(height)) => Ok(height),
            _ => cell.parse(),
        }
    }
}

impl TryFrom<Cell<'_>> for Weight {
    type Error = profile::Error;

    #[inline]
    fn try_from(cell: Cell<'_>) -> Result<Self, profile::Error> {
        match ticks(cell.0).map(Self::from_ticks) {
            Some(Ok(weight)) => Ok(weight),
            _ => cell.parse(),
        }
    }
}

impl TryFrom<Cell<'_>> for Size {
    type Error = profile::Error;

    #[inline]
    fn try_from(cell: Cell<'_>) -> Result<Self, profile::Error> {
        // The canonical names without a copy.
        let mut all = Self::ALL.into_iter();
        all.find(|size| size.name().as_bytes() == cell.0)
            .map_or_else(|| cell.parse(), Ok)
    }
}

/// Parses a decimal with up to two decimals straight into ticks; `None` leaves the text to the parser of the field.
///
/// The results are those of that parser, as the test below proves for every such text. A third decimal would differ,
/// because that parser rounds the nearest float and not the decimal.
#[inline]
fn ticks(text: &[u8]) -> Option<u16> {
    let digit = |b: u8| b.is_ascii_digit().then(|| u16::from(b - b'0'));
    let point = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
    let (whole, decimals) = (&text[..point], text.get(point + 1..).unwrap_or_default());
    if whole.is_empty() || whole.len() > 3 {
        return None;
    }
    let mut ticks = 0;
    for b in whole {
        ticks = ticks * 10 + digit(*b)?;
    }
    ticks *= 10;
    match decimals {
        [] => Some(ticks),
        [tenth] => Some(ticks + digit(*tenth)?),
        [tenth, hundredth] => match hundredth {
            b'0'..=b'4' => Some(ticks + digit(*tenth)?),
            b'5'..=b'9' => Some(ticks + digit(*tenth)? + 1),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_decimal_parser_agrees_with_f64_on_every_two_decimal_text() {
        let mut answered = 0;
        for hundredths in 0..100_000_u32 {
            let (whole, rest) = (hundredths / 100, hundredths % 100);
            for text in [
                format!("{whole}"),
                format!("{whole}."),
                format!("{whole}.{}", rest / 10),
                format!("{whole}.{rest:02}"),
                format!("{whole}.{rest:02}0"),
                format!("0{whole}.{rest:02}"),
                format!("{whole}.{}x", rest / 10),
            ] {
                if let Some(ticks) = ticks(text.as_bytes()) {
                    let value: f64 = text.parse().unwrap();
                    assert_eq!(f64::from(ticks), (value * 10.0).round(), "{text}");
                    answered += 1;
                }
            }
        }
        // The fast path is used for most of them.
        assert!(answered > 400_000, "{answered}");
    }
}

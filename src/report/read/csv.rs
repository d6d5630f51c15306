//! Rows of people as CSV.
//!
//! `csv-core` is not used, because it extends an open quote to the end of the file and accepts text after a closing
//! one: such rows could not be reported, and all rows after an open quote would be lost.

use std::{borrow::Cow, path::Path};

use crate::{
    profile::{Draft, FIELD_COUNT, names},
    report::read::{
        counted::Counted,
        error::{Error, Reason},
        row::Row,
    },
    untrusted::Untrusted,
};

/// The columns of a CSV file: for each, which of the named ones it is.
pub(crate) struct Columns {
    places: Vec<Option<usize>>,
    kind: RowKind,
}

#[derive(Clone, Copy)]
enum RowKind {
    Person,
    /// An endpoint of a survey, some of which have no profile.
    Surveyed,
    /// A number of people with one build.
    Counted,
}

/// How many columns a profile has. Behind them come those by which the other kinds of rows are recognised.
const PROFILE: usize = 1 + FIELD_COUNT;
const SURVEYED: [&str; 2] = ["outcome", "endpoint"];
const COUNTED: [&str; 2] = ["count", "ids"];
const NAMED: usize = PROFILE + SURVEYED.len() + COUNTED.len();

impl Columns {
    /// Reads a header.
    ///
    /// # Errors
    /// When a column is missing or named twice.
    pub(crate) fn parse(header: &[u8], file: &Path) -> Result<Self, Error> {
        let bad = || Error::Header {
            file: file.to_owned(),
            found: Untrusted::from_bytes(header),
        };
        let named: Vec<_> = names().chain(SURVEYED).chain(COUNTED).collect();
        let mut places = Vec::new();
        for cell in cells(header).map_err(|_| bad())? {
            let mut named = named.iter();
            let place =
                named.position(|name| name.as_bytes().eq_ignore_ascii_case(cell.trim_ascii()));
            if let Some(column) = names().nth(place.unwrap_or(PROFILE))
                && places.contains(&place)
            {
                return Err(Error::DuplicateColumn {
                    file: file.to_owned(),
                    column,
                });
            }
            places.push(place);
        }
        let has = |place: usize| places.contains(&Some(place));
        let [id, count, ids] = [0, NAMED - 2, NAMED - 1].map(has);
        let kind = match (id, count, ids) {
            (true, true, _) => return Err(Error::CountWithId(file.to_owned())),
            (false, true, false) => return Err(Error::CountWithoutIds(file.to_owned())),
            (false, true, true) => RowKind::Counted,
            (false, false, _) => return Err(bad()),
            (true, false, _)
                if SURVEYED.len() == (PROFILE..NAMED - 2).filter(|place| has(*place)).count() =>
            {
                RowKind::Surveyed
            }
            (true, false, _) => RowKind::Person,
        };
        if (1..PROFILE).all(has) {
            Ok(Self { places, kind })
        } else {
            Err(bad())
        }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// When it holds no valid profile where one is due.
    pub(crate) fn row(&self, row: &[u8]) -> Result<Row, Reason> {
        let mut values: [&[u8]; NAMED] = [b""; NAMED];
        // Without quotes, as in most files, no cell is copied.
        let unquoted;
        if memchr::memchr(b'"', row).is_some() {
            unquoted = cells(row)?;
            for (place, cell) in self.places.iter().zip(&unquoted) {
                if let Some(place) = place {
                    values[*place] = cell;
                }
            }
        } else {
            for (place, cell) in self.places.iter().zip(row.split(|b| *b == b',')) {
                if let Some(place) = place {
                    values[*place] = cell;
                }
            }
        }
        let [profile @ .., outcome, _, count, ids] = &mut values;
        profile[0] = strip_formula_guard(profile[0]);
        match self.kind {
            RowKind::Person => Row::person(Draft::of_cells(profile)),
            RowKind::Surveyed => Row::surveyed(outcome, Draft::of_cells(profile)),
            RowKind::Counted => {
                Counted::parse(count, strip_formula_guard(ids), *profile).map(Row::Counted)
            }
        }
    }
}

/// A text without the apostrophe that `report::csv` puts before a formula.
pub(super) fn strip_formula_guard(text: &[u8]) -> &[u8] {
    match text {
        [b'\'', b'=' | b'+' | b'-' | b'@', ..] => &text[1..],
        _ => text,
    }
}

/// The cells of a record, after RFC 4180.
pub(super) fn cells(record: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, Reason> {
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

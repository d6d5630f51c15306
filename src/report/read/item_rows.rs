//! Rows of anything: CSV by its columns, JSON Lines by paths.

use std::path::Path;

use serde_json::Value as Json;

use crate::{
    path::PathPattern,
    report::{
        feature::{Selection, is_column, text_at},
        items::ItemTableBuilder,
        read::{
            csv::{cells, strip_formula_guard},
            error::{Error, Reason},
            lines::{Broken, Line, MAX_LINE},
            row::Row,
            run,
        },
    },
    untrusted::Untrusted,
};

/// Where an id is, if nothing else is given.
const IDS: [&str; 2] = ["id", "endpoint"];

/// The places of the columns that are read.
pub(crate) struct ItemColumns {
    id: usize,
    features: Vec<usize>,
}

impl ItemColumns {
    /// Reads a header.
    ///
    /// # Errors
    /// When a column is missing.
    pub(crate) fn parse(header: &[u8], selection: &Selection, file: &Path) -> Result<Self, Error> {
        let missing = |column: &str| Error::NoColumn {
            file: file.to_owned(),
            column: column.to_owned(),
            found: Untrusted::from_bytes(header),
        };
        let names = cells(header).map_err(|_| missing("id"))?;
        let names: Vec<_> = names.iter().map(|cell| text(cell)).collect();
        let place = |path: &PathPattern| names.iter().position(|name| is_column(path, name));
        let id = match &selection.id {
            Some(path) => place(path).ok_or_else(|| missing(&path.to_string())),
            None => IDS
                .iter()
                .find_map(|id| names.iter().position(|name| name == id))
                .ok_or_else(|| missing("id; give --id COLUMN")),
        };
        let features = selection.features.iter();
        let places =
            features.map(|feature| place(&feature.path).ok_or_else(|| missing(&feature.name)));
        Ok(Self {
            id: id?,
            features: places.collect::<Result<_, _>>()?,
        })
    }

    /// Adds the item of a row.
    ///
    /// # Errors
    /// When the row is not CSV, or has no id.
    pub(crate) fn push(
        &self,
        line: &Line<'_>,
        items: &mut ItemTableBuilder,
    ) -> Result<Row, Reason> {
        check(line)?;
        let cells = cells(line.bytes)?;
        let cell = |place: usize| cells.get(place).map_or_else(String::new, |cell| text(cell));
        let id = cell(self.id);
        if id.is_empty() {
            return Err(Reason::NoId);
        }
        items.push(&id, self.features.iter().map(|place| Some(cell(*place))));
        Ok(Row::Ignored)
    }
}

/// Adds the item of a line of JSON.
///
/// # Errors
/// When the line is not an object, or has no id.
pub(crate) fn push_object(
    line: &Line<'_>,
    selection: &Selection,
    items: &mut ItemTableBuilder,
) -> Result<Row, Reason> {
    check(line)?;
    let object: Json = run::json(line.bytes)?;
    let id = match &selection.id {
        Some(path) => text_at(path, &object),
        None => IDS.iter().find_map(|id| match object.get(id)? {
            Json::String(id) => Some(id.clone()),
            Json::Null => None,
            id => Some(id.to_string()),
        }),
    };
    let id = id.filter(|id| !id.is_empty()).ok_or(Reason::NoId)?;
    items.push_document(&id, selection, &object);
    Ok(Row::Ignored)
}

fn check(line: &Line<'_>) -> Result<(), Reason> {
    match line.broken {
        None => Ok(()),
        Some(Broken::TooLong) => Err(Reason::TooLong(MAX_LINE)),
        Some(Broken::Open) => Err(Reason::Quote),
    }
}

fn text(cell: &[u8]) -> String {
    String::from_utf8_lossy(strip_formula_guard(cell))
        .trim()
        .to_owned()
}

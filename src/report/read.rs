//! Reads people from files: CSV with a header, JSON Lines of profiles, and saved runs.
//!
//! The beginning of a file decides its format. Reading is streamed: memory holds the people and one line. A row that is
//! not a profile is counted and described, and all other rows are read. Not supported are other separators than
//! commas, other encodings than UTF-8, and JSON over several lines.

mod counted;
mod csv;
pub(crate) mod error;
mod item_rows;
mod known;
pub(crate) mod lines;
pub(crate) mod open;
mod row;
pub(crate) mod run;
pub(crate) mod saved_line;

use std::{
    io::Read,
    path::{Path, PathBuf},
};

pub use crate::report::read::{
    error::{Error, Reason, Rejected},
    lines::MAX_LINE,
};
use crate::{
    profile::{Draft, Profile},
    report::{
        feature::Selection,
        items::ItemTableBuilder,
        read::{
            counted::Counted,
            csv::Columns,
            item_rows::ItemColumns,
            known::{KnownEndpoints, KnownPlace},
            lines::{Broken, Line, Lines},
            open::open,
            row::Row,
            run::RunLine,
        },
        subjects::Subjects,
    },
};

/// How many rejected rows are kept to be shown; all are counted.
pub const MAX_REJECTED: usize = 1000;

/// What [`read`] found, of all files together.
#[derive(Debug, Default)]
pub struct People {
    /// The profiles in the order of the files and their lines.
    pub profiles: Vec<Profile>,
    /// How many people each profile stands for: itself, and others of the same build with larger ids that are not
    /// known. Empty if each stands for itself alone.
    pub counts: Vec<u64>,
    /// How many people have no profile of their own.
    others: u64,
    /// The first [`MAX_REJECTED`] rows that are not a profile.
    pub rejected: Vec<Rejected>,
    /// How many rows are not a profile.
    pub rejections: u64,
    /// How many endpoints of saved surveys have no profile to read.
    pub without_profile: u64,
    /// The endpoints of saved runs.
    endpoints: KnownEndpoints,
    items: Option<(Selection, ItemTableBuilder)>,
}

/// Reads every file in turn; `-` is standard input.
///
/// With `strict`, the first row that is not a profile ends the reading. `progress` gets the number of bytes read since
/// its last call.
///
/// # Errors
/// [`Error`] when a file cannot be read or is none of the three formats; rows alone are errors only if `strict`.
pub fn read(files: &[PathBuf], strict: bool, progress: impl FnMut(u64)) -> Result<People, Error> {
    read_selected(files, None, strict, progress)
}

/// Reads every file in turn as [`read`] does; with a `selection`, rows of any columns and objects of any form, as items
/// with its fields.
///
/// # Errors
/// As [`read`].
pub fn read_selected(
    files: &[PathBuf],
    selection: Option<Selection>,
    strict: bool,
    mut progress: impl FnMut(u64),
) -> Result<People, Error> {
    let items = selection.map(|selection| {
        let builder = ItemTableBuilder::new(selection.features.clone());
        (selection, builder)
    });
    let mut people = People {
        items,
        ..People::default()
    };
    for file in files {
        people.read_from(open(file)?, file, strict, &mut progress)?;
    }
    Ok(people)
}

impl People {
    /// Reads one file's content and adds what it holds.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read_from(
        &mut self,
        input: impl Read,
        file: &Path,
        strict: bool,
        progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let mut lines = Lines::new(input, progress);
        let mut format = None;
        loop {
            let quoted = matches!(format, Some(RowFormat::Csv(_) | RowFormat::Cells(_)));
            let next = lines.next(quoted).map_err(|error| Error::Io {
                file: file.to_owned(),
                error,
            })?;
            let Some(line) = next else { break };
            if line.is_blank() {
                continue;
            }
            let format = match &mut format {
                Some(format) => &*format,
                none => match none.insert(self.format(&line, file)?) {
                    RowFormat::Csv(_) | RowFormat::Cells(_) => continue,
                    format => format,
                },
            };
            let row = match (format, &mut self.items) {
                (RowFormat::Cells(columns), Some((_, items))) => columns.push(&line, items),
                (RowFormat::Objects, Some((selection, items))) => {
                    item_rows::push_object(&line, selection, items)
                }
                _ => format.row(&line, file, &mut self.endpoints)?,
            };
            let added = row.and_then(|row| self.add(row));
            self.endpoints.forget();
            if let Err(reason) = added {
                let rejected = Rejected {
                    file: file.to_owned(),
                    line: line.number,
                    reason,
                };
                self.reject(rejected, strict)?;
            }
        }
        format.map_or_else(|| Err(Error::Empty(file.to_owned())), |_| Ok(()))
    }

    fn add(&mut self, row: Row) -> Result<(), Reason> {
        match row {
            Row::Person(profile) => self.person(profile),
            Row::Counted(row) => self.add_counted(row)?,
            Row::WithoutProfile => {
                let is_new = matches!(self.endpoints.place(None), KnownPlace::First);
                self.without_profile += u64::from(is_new);
            }
            Row::Ignored => {}
        }
        Ok(())
    }

    fn person(&mut self, profile: Profile) {
        match self.endpoints.place(Some(self.profiles.len())) {
            KnownPlace::InsteadOf(place) => return self.profiles[place] = profile,
            KnownPlace::Nowhere => return,
            KnownPlace::InsteadOfFailure => self.without_profile -= 1,
            KnownPlace::First => {}
        }
        self.profiles.push(profile);
        if !self.counts.is_empty() {
            self.counts.push(1);
        }
    }

    fn add_counted(&mut self, Counted { people, others }: Counted) -> Result<(), Reason> {
        let all = (self.profiles.len() + people.len()) as u64 + self.others + others;
        // The number of their pairs has to fit into 64 bits.
        if all > u64::from(u32::MAX) {
            return Err(Reason::TooManyPeople);
        }
        self.others += others;
        self.profiles.extend(people);
        if others > 0 || !self.counts.is_empty() {
            self.counts.resize(self.profiles.len(), 1);
            if let Some(last) = self.counts.last_mut() {
                *last += others;
            }
        }
        Ok(())
    }

    fn format(&self, first: &Line<'_>, file: &Path) -> Result<RowFormat, Error> {
        match &self.items {
            None => RowFormat::of(first, file),
            Some(_) if first.bytes.trim_ascii().starts_with(b"{") => Ok(RowFormat::Objects),
            Some((selection, _)) => {
                ItemColumns::parse(first.bytes, selection, file).map(RowFormat::Cells)
            }
        }
    }

    /// Who or what was read.
    #[must_use]
    pub fn subjects(self) -> Subjects {
        match self.items {
            Some((_, items)) => Subjects::Items(items.finish()),
            None => Subjects::People(self.profiles),
        }
    }

    fn reject(&mut self, rejected: Rejected, strict: bool) -> Result<(), Error> {
        if strict {
            return Err(Error::Rejected(rejected));
        }
        self.rejections += 1;
        if self.rejected.len() < MAX_REJECTED {
            self.rejected.push(rejected);
        }
        Ok(())
    }
}

/// What a file's rows look like.
enum RowFormat {
    Csv(Columns),
    /// Each line is a profile.
    Profiles,
    /// Each line is a part of a saved run.
    Run,
    /// Each row is an item.
    Cells(ItemColumns),
    /// Each line is an item.
    Objects,
}

impl RowFormat {
    fn of(first: &Line<'_>, file: &Path) -> Result<Self, Error> {
        if run::is_run(first.bytes, file)? {
            run::expect_profiles(first.bytes, file)?;
            Ok(Self::Run)
        } else if first.bytes.trim_ascii().starts_with(b"{") {
            Ok(Self::Profiles)
        } else {
            Columns::parse(first.bytes, file).map(Self::Csv)
        }
    }

    /// The outer error ends the reading of the file, the inner one rejects the row.
    fn row(
        &self,
        line: &Line<'_>,
        file: &Path,
        endpoints: &mut KnownEndpoints,
    ) -> Result<Result<Row, Reason>, Error> {
        Ok(match (self, &line.broken) {
            (Self::Run, _) => match run::parse(line) {
                Ok(RunLine::Header(version, started)) => {
                    run::expect_version(version, file)?;
                    endpoints.begin(started);
                    Ok(Row::Ignored)
                }
                Ok(RunLine::Endpoint {
                    endpoint,
                    outcome,
                    profile,
                }) => {
                    endpoint
                        .iter()
                        .for_each(|endpoint| endpoints.line(endpoint));
                    Row::surveyed(outcome.as_bytes(), profile.unwrap_or_default())
                }
                Ok(RunLine::Other) => Ok(Row::Ignored),
                Err(reason) => Err(reason),
            },
            (_, Some(Broken::TooLong)) => Err(Reason::TooLong(MAX_LINE)),
            (_, Some(Broken::Open)) => Err(Reason::Quote),
            (Self::Csv(columns), None) => columns.row(line.bytes),
            (Self::Cells(_) | Self::Objects, None) => Ok(Row::Ignored),
            (Self::Profiles, None) => run::json::<Draft>(line.bytes).and_then(Row::person),
        })
    }
}

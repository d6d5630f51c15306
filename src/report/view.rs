//! What a report for people may show of them.

use crate::{report::pseudonyms::Pseudonyms, untrusted::printable};

/// What is shown of the people.
#[derive(Clone, Copy, Default)]
pub struct View<'a> {
    /// The names to show instead of the ids. With them the report contains no measured value and no text of a peer or
    /// of the command line, because such a text may be an id or a height.
    pub pseudonyms: Option<&'a Pseudonyms>,
    /// What the report is about, in the words of the person who makes it: a class, a course, a fleet.
    pub title: Option<&'a str>,
    /// Whether the page is one of a series, whose first may be made before any endpoint was asked.
    pub live: bool,
}

impl View<'_> {
    pub(crate) fn name(&self, id: &str) -> String {
        match self.pseudonyms {
            Some(pseudonyms) => pseudonyms.name(id),
            None => printable(id).into_owned(),
        }
    }

    /// Whether ids, measured values and what peers sent may be shown.
    pub(crate) fn shows_personal_data(&self) -> bool {
        self.pseudonyms.is_none()
    }
}

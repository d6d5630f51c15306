//! A report for a browser: one file that needs nothing else, no network and no script.
//!
//! The page is made of two templates, `page.html` around `main.html`, because a live page replaces the inner one
//! alone. What is drawn is bounded whatever the report's size, and what was left out is counted. Plots are
//! SVG of our own rather than a plotting crate's: those write colours and sizes into every element, while here
//! a mark is a shape and a class, so that light, dark, print and forced colours are the style sheet's business
//! and a screen reader gets a title, a description and a table.

mod command;
mod content;
mod method;
mod page;
mod plot;
mod seats;

use std::io::{self, Write};

use askama::Template as _;

use crate::report::model::Report;
pub use crate::report::{
    html::{
        content::main,
        page::{Live, page, policy},
    },
    view::View,
};

/// Writes `report` to `out` as a page that never changes.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let main = main(report, &View::default())?;
    page(report, &main, None).write_into(out)
}

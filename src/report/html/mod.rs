//! A report for a browser: one file that needs nothing else, no network and no script.
//!
//! The page is made of `page.html` around `main.html`, because a live page replaces only the inner one, and the parts of
//! `main.html` that depend on what was found are in templates of their own.
//! The drawing is bounded whatever the report's size, and omissions are counted. Plots are handwritten SVG, because
//! plotting crates write colours and sizes into every element. Here a mark is a shape and a class, so that the style
//! sheet decides about light, dark, print and forced colours, and a screen reader gets a title, a description and a
//! table.

mod blocks;
mod command;
mod comparison;
mod content;
mod labels;
mod letters;
mod mark;
mod method;
mod page;
mod place;
mod plot;
mod ranking;
mod seats;
mod shared;

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
pub fn write(report: &Report, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let main = main(report, view)?;
    page(report, view, &main, None).write_into(out)
}

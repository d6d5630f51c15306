//! The part of the page that changes when the report does.

use std::io;

use askama::Template as _;

use crate::report::{
    html::{comparison::ComparisonPage, ranking::RankingPage, shared::SharedParts},
    model::Report,
    text::{FindingsText, Story},
    view::View,
};

/// The part of the page that changes when the report does.
///
/// # Errors
/// None in practice: text can always be written to memory.
pub fn main(report: &Report, view: &View<'_>) -> io::Result<String> {
    let mut story = Story::new(report, view);
    let common = SharedParts::new(report, &mut story, view);
    let page = match story.findings {
        FindingsText::Ranking(text) => RankingPage::new(report, text, common, view).render(),
        FindingsText::Comparison(text) => ComparisonPage::new(report, &text, common, view).render(),
    };
    page.map_err(io::Error::other)
}

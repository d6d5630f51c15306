//! What a survey or a ranking found, as one model that every format renders.
//!
//! The model holds what was observed and what follows from it, in the types of those who found it out; how it
//! looks is the business of the format's own file. Formats are pure: they write to what they are given, and
//! the same report gives the same bytes.

mod category;
pub mod csv;
pub mod document;
mod failures;
mod format;
pub mod html;
pub mod json;
pub mod jsonl;
mod model;
pub mod read;
pub mod saved;
pub mod table;
pub mod text;
mod view;

pub use crate::report::{
    failures::Failure,
    model::{Input, OutcomeCounts, Report, Summary, Survey},
    view::View,
};

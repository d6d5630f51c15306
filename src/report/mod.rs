//! What a survey or a ranking found, as one model that every format renders.
//!
//! ```text
//! model ──┬─► text ──────► table, html         for people: texts, then layout
//!         └─► run_format ► json, jsonl, csv    for programs: objects, then syntax
//! ```
//!
//! The model holds what was observed and what follows from it, in the types of the modules that found it. Formats
//! are pure: they write to the writer that they are given, and the same report gives the same bytes.

mod answer;
mod answer_times;
mod category;
mod comparison;
pub mod csv;
pub mod diff;
mod distinct;
mod failures;
mod feature;
mod format;
pub mod html;
mod items;
pub mod json;
pub mod jsonl;
mod model;
mod printable_json;
mod pseudonyms;
mod ranked;
pub mod read;
pub mod run_format;
pub mod saved;
pub mod saved_runs;
mod settings;
mod subjects;
pub mod table;
pub mod text;
mod topic;
mod view;
pub mod wrap;

pub use crate::report::{
    answer::Answer,
    answer_times::AnswerTimes,
    comparison::{CompareOptions, ComparedAnswers},
    distinct::AnswerValues,
    failures::FailureGroup,
    feature::{FeatureError, FeatureKind, FeatureSpec, Selection},
    items::{ItemField, ItemTable},
    model::{Findings, Input, OutcomeCounts, PROFILE_METHOD, Report, RunInfo, Summary, Survey},
    pseudonyms::Pseudonyms,
    ranked::RankedPeople,
    settings::Settings,
    subjects::Subjects,
    topic::Topic,
    view::View,
};

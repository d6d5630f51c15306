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
mod format;
pub mod html;
pub mod json;
pub mod jsonl;
mod model;
mod printable_json;
mod pseudonyms;
pub mod read;
pub mod run_format;
pub mod saved;
pub mod saved_runs;
mod settings;
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
    model::{
        Findings, Input, OutcomeCounts, PROFILE_METHOD, RankedPeople, Report, RunInfo, Summary,
        Survey,
    },
    pseudonyms::Pseudonyms,
    settings::Settings,
    topic::Topic,
    view::View,
};

//! A report as texts: every sentence, name and rule that the formats for people share.
//!
//! A format lays out a [`Story`] and adds only headings. Lists that grow with the number of people are not made into
//! texts at once: a format asks for the texts of each item that it shows.

mod comparison;
mod comparison_notes;
mod leaves;
mod note;
mod ranking;
mod story;

pub use self::{
    comparison::{AnswersText, ComparisonText, ListLimits, SectionText},
    leaves::{DifferenceText, LeafText},
    note::Note,
    ranking::{
        ClosestText, FieldText, IdenticalGroups, IdenticalText, OUTLIERS, PER_PERSON, PairText,
        RankingText, VerdictText,
    },
    story::{FindingsText, Story},
};
pub(crate) use self::{leaves::excerpt, ranking::ALONE, story::headline};

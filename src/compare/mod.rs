//! Which answers are equal, and how the others differ.
//!
//! An answer is a value of JSON, and its leaves are compared one by one. The module knows neither where a value comes
//! from nor how it is shown. Values are asked for by number when they are needed, so that memory holds two of them and
//! not 100,000. Given up for it: a value is made more than once.

mod differences;
mod groups;
mod rules;

pub(crate) use crate::compare::groups::digest_of;
pub use crate::compare::{
    differences::{Difference, Differences, MAX_DIFFERENCES, differences},
    groups::{Comparison, Group, GroupDetails, Section, groups},
    rules::Rules,
};

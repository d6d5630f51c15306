//! The distinct answers of a run.

/// One of the distinct answers of a run. Two endpoints with the same bytes as their answer have the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnswerId(pub u32);

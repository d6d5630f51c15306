//! The colour and the shape of a seat: those of its group of equal answers, or of its outcome.

use crate::report::category::Category;

/// A colour and a shape, in the order of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SeatMark {
    /// A group of equal answers, by its place in [`GROUPS`].
    Answer(usize),
    /// The category of an outcome.
    Outcome(Category),
}

/// The class and the shape of each group; the first is as it should be.
const GROUPS: [(&str, &str); 8] = [
    ("g1", "m-M"),
    ("g2", "m-XXL"),
    ("g3", "m-L"),
    ("g4", "m-XL"),
    ("g5", "m-S"),
    ("g6", "m-XXXL"),
    ("g7", "m-XXS"),
    ("g8", "m-XS"),
];

impl SeatMark {
    /// The mark of a group by its number; the first mark is for those that are as they should be. Marks repeat, and
    /// the number is always written beside them.
    pub(super) fn of_group(number: usize, is_good: bool) -> Self {
        Self::Answer(match is_good {
            true => 0,
            false => 1 + number.saturating_sub(2) % (GROUPS.len() - 1),
        })
    }

    /// Whether it is the mark of an endpoint as it should be.
    pub(super) fn is_good(self) -> bool {
        matches!(self, Self::Answer(0) | Self::Outcome(Category::Ok))
    }

    /// Its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Answer(place) => GROUPS[place].0,
            Self::Outcome(category) => category.name(),
        }
    }

    /// The id of its shape.
    pub(super) fn icon(self) -> String {
        match self {
            Self::Answer(place) => GROUPS[place].1.to_owned(),
            Self::Outcome(category) => format!("i-{category}"),
        }
    }
}

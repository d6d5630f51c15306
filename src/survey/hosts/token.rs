//! One expression as it was found, before it is parsed.

use crate::survey::hosts::{labels::Labels, problem::Position};

pub(super) struct Token {
    pub(super) position: Position,
    pub(super) text: String,
    pub(super) labels: Option<Labels>,
}

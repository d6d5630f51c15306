//! Two saved runs compared, endpoint by endpoint.

mod changes;
pub mod export;
mod rounds;
mod side;

pub use crate::report::diff::{
    changes::{Change, ChangeKind, RunDiff},
    side::{RunReader, RunRules, SavedOutcome, SavedSide},
};

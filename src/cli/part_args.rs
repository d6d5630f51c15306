//! Arguments of a survey that is a part of a larger one.

use std::num::NonZeroU32;

use clap::Args;
use labrpc::survey::hosts::{Part, Shard};

use crate::cli::{exit::Failure, values};

/// What makes a survey a part of a larger one.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Parts of a larger survey")]
pub(crate) struct PartArgs {
    /// Ask only the endpoints of this shard of the list, counted from 0; implies --part.
    ///
    /// A hash of the endpoint decides which shard it belongs to, so it stays there when the list changes.
    #[arg(
        long,
        value_name = "K",
        requires = "shards",
        conflicts_with_all = ["only_failed", "demo", "watch"],
        env = "LABRPC_SHARD"
    )]
    shard: Option<u32>,
    /// Divide the list into this many shards.
    #[arg(
        long,
        value_name = "N",
        requires = "shard",
        value_parser = values::whole(NonZeroU32::MIN),
        conflicts_with_all = ["only_failed", "demo", "watch"],
        env = "LABRPC_SHARDS"
    )]
    shards: Option<NonZeroU32>,
    /// Leave to labrpc merge what needs the other parts: ranking, pairs and duplicate ids. The list may be empty, and
    /// without --min-ok the exit status is 0 when every endpoint has an outcome.
    #[arg(
        long,
        conflicts_with_all = ["only_failed", "demo", "watch"],
        env = "LABRPC_PART"
    )]
    part: bool,
}

impl PartArgs {
    /// The part, if the survey is one.
    ///
    /// # Errors
    /// When there is no such shard.
    pub(crate) fn part(&self) -> Result<Option<Part>, Failure> {
        let shard = match self.shard.zip(self.shards) {
            Some((index, count)) => match Shard::new(index, count) {
                Some(shard) => Some(shard),
                None => {
                    return Err(Failure::usage(format_args!(
                        "there is no shard {index} of {count}: they are counted from 0 to {}",
                        count.get() - 1
                    )));
                }
            },
            None => None,
        };
        Ok((shard.is_some() || self.part).then(|| Part::new(shard)))
    }
}

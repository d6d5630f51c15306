//! The arguments that say how to rank and how to show it; the same for a survey and for saved runs.

use std::{
    io::{self, Write},
    num::NonZeroUsize,
    thread,
};

use clap::{Args, ValueEnum};
use labrpc::{
    profile::Id,
    report::{Report, csv, html, json, jsonl, table},
    similarity::{Metric, Options, Weights},
};

use crate::cli::{Failure, output::Output};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Ranking")]
pub(crate) struct Ranking {
    /// Show the people nearest to this one.
    #[arg(long, value_name = "ID", env = "LABRPC_LIKE")]
    like: Option<Id>,
    /// How many pairs to show, or with --like how many people; pairs that tie for the first place are all shown
    /// [default: 1; with --like or --format html 10].
    #[arg(long, value_name = "N", env = "LABRPC_TOP")]
    top: Option<NonZeroUsize>,
    /// gower (fixed ranges), euclidean (z-scored) or mahalanobis (whitened).
    ///
    /// With gower the distance of two people depends on these two alone. The others are there for comparison:
    /// they are scaled by everybody who answered, so that one typing error, or a few absent machines, can
    /// change who is nearest to whom.
    #[arg(
        long,
        value_name = "METRIC",
        default_value = "gower",
        env = "LABRPC_METRIC"
    )]
    metric: Metric,
    /// How much each field counts.
    #[arg(
        long,
        value_name = "FIELD=X,…",
        default_value = "height=1,weight=1,size=1",
        env = "LABRPC_WEIGHTS"
    )]
    weights: Weights,
}

impl Ranking {
    pub(crate) fn options(&self, format: Format) -> Options {
        // A page has room, and a list of the nearest is what --like is for.
        let many = self.like.is_some() || format == Format::Html;
        let top = self
            .top
            .map_or(if many { 10 } else { 1 }, NonZeroUsize::get);
        Options {
            metric: self.metric,
            weights: self.weights,
            top,
            like: self.like,
            per_person: false,
            twins: false,
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// The saved run: JSON Lines.
    Jsonl,
    /// One table after RFC 4180.
    Csv,
    /// One page for a browser, in need of nothing else.
    Html,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct Writing {
    /// The form of the report.
    #[arg(long, value_enum, default_value_t, env = "LABRPC_FORMAT")]
    pub(crate) format: Format,
    #[command(flatten)]
    output: Output,
}

impl Writing {
    /// Tells whether somebody still reads.
    pub(crate) fn write(&self, report: &Report) -> Result<bool, Failure> {
        let render = |out: &mut dyn Write| -> io::Result<()> {
            match self.format {
                Format::Table => table::write(report, self.output.width(), out),
                Format::Json => json::write(report, out),
                Format::Jsonl => jsonl::write(report, out),
                Format::Csv => csv::write(report, out),
                Format::Html => html::write(report, out),
            }
        };
        self.output.write(render)
    }
}

/// The command line behind the program's name, as it is kept in a report.
pub(crate) fn arguments() -> Vec<String> {
    std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect()
}

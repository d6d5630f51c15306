//! `labrpc rank`: the ranking of a survey, over saved runs and files.

use std::{path::PathBuf, time::SystemTime};

use clap::Args as ClapArgs;
use labrpc::report::{Report, read};

use crate::cli::{
    Exit, Failure, progress,
    ranking::{Format, Ranking, Writing, arguments},
};

/// Rank people from saved runs, CSV or JSON Lines.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc rank run.jsonl --top 10          a saved run (survey --format jsonl -o run.jsonl)
  labrpc rank people.csv --per-person     everybody's nearest
  labrpc rank *.jsonl --like 1527406014 --format json
  cat people.csv | labrpc rank - --twins")]
pub(crate) struct Args {
    /// Saved runs, CSV with the header id,height,weight,size, or JSON Lines of profiles; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show everybody's nearest.
    #[arg(long, env = "LABRPC_PER_PERSON")]
    per_person: bool,
    /// Show every group of identical people.
    #[arg(long, env = "LABRPC_TWINS")]
    twins: bool,
    /// Stop at the first row that is no profile, instead of leaving it out.
    #[arg(long, env = "LABRPC_STRICT")]
    strict: bool,
    #[command(flatten)]
    ranking: Ranking,
    #[command(flatten)]
    writing: Writing,
}

/// Bad rows that are printed; all are counted, and in most files one explains the others.
const SHOWN: usize = 10;

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let plan = args.writing.plan()?;
    let mut options = args.ranking.options(plan.has(Format::Html));
    options.per_person = args.per_person;
    options.twins = args.twins;
    let tables = [options.like.is_some(), options.per_person, options.twins];
    if plan.has(Format::Csv) && tables.iter().filter(|asked| **asked).count() > 1 {
        return Err(Failure::usage("CSV holds one table")
            .hint("give one of --like, --per-person and --twins, or another --format"));
    }
    // Before the files are read: afterwards a wrong name would cost all of it. What is open is closed again, because
    // a signal ends this command at once and would leave it.
    drop(plan.open()?);
    let started = SystemTime::now();
    let bar = progress::bytes(total(&args.files));
    let people = read::read(&args.files, args.strict, |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let people = people.map_err(|error| match error {
        read::Error::Rejected(_) => {
            Failure::usage(&error).hint("leave out --strict to go on without it")
        }
        _ => error.into(),
    })?;
    for rejected in people.rejected.iter().take(SHOWN) {
        say!("warning: {rejected}");
    }
    if people.rejections > 0 {
        say!(
            "warning: {} rows are not a profile and were left out",
            people.rejections
        );
    }
    if people.without_profile > 0 {
        say!(
            "note: {} endpoints of the survey have no profile",
            people.without_profile
        );
    }
    let report = Report::files(
        started,
        arguments(),
        people.profiles,
        people.rejections,
        options,
    );
    plan.open()?.write(&report).finish()?;
    Ok(Exit::Success)
}

/// The bytes to read; `None` where standard input or another stream is among the files.
fn total(files: &[PathBuf]) -> Option<u64> {
    files
        .iter()
        .map(|file| {
            file.metadata()
                .ok()
                .filter(|m| m.is_file())
                .map(|m| m.len())
        })
        .sum()
}

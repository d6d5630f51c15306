//! `labrpc rank`: ranks the people of saved runs and other files as a survey does.

use std::{path::PathBuf, time::SystemTime};

use clap::Args as ClapArgs;
use labrpc::{
    report::{Findings, Report, RunInfo, read},
    similarity::{Like, Options},
};

use crate::cli::{
    console,
    exit::{Exit, Failure},
    progress,
    ranking_args::RankingArgs,
    report_args::{OutputArgs, Plan, ReportFormat, ViewArgs, arguments},
};

/// Rank people from saved runs, CSV or JSON Lines.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc rank run.jsonl --top 10          a saved run (survey --format jsonl -o run.jsonl)
  labrpc rank people.csv --per-person     the nearest of each person
  labrpc rank *.jsonl --like 1527406014 --format json
  labrpc rank machines.csv --id host --feature cpu=0..64 --feature zone --outliers 3
  cat people.csv | labrpc rank - --twins")]
pub(crate) struct Args {
    /// Files to rank: saved runs, CSV with a header that names the fields of a profile, counted rows as --twins --format
    /// csv writes them, or JSON Lines of profiles; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show the nearest of each person.
    #[arg(long)]
    per_person: bool,
    /// Show every group of identical people.
    #[arg(long)]
    twins: bool,
    /// Stop at the first row that is not a valid profile, instead of skipping it.
    #[arg(long, env = "LABRPC_STRICT")]
    strict: bool,
    #[command(flatten)]
    ranking: RankingArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    view: ViewArgs,
}

/// How many bad rows are printed. All are counted, and in most files one explains the others.
const MAX_WARNINGS: usize = 10;

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let plan = args.output.plan()?;
    let pseudonyms = args.view.pseudonyms(&plan)?;
    let mut options = args.ranking.options(plan.has(ReportFormat::Html))?;
    options.per_person = args.per_person;
    options.twins = args.twins;
    one_table(&plan, &options)?;
    // Opened before the files are read, so that a wrong name costs nothing. Closed again, because a signal ends this
    // command at once and would leave `FILE.partial` behind.
    drop(plan.open()?);
    let started = SystemTime::now();
    args.files.iter().for_each(|file| console::note_stdin(file));
    let bar = progress::bytes(total(&args.files));
    let selection = args.ranking.selection();
    let people = read::read_selected(&args.files, selection, args.strict, |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let people = people.map_err(|error| match error {
        read::Error::Rejected(_) => {
            Failure::usage(&error).hint("leave out --strict to skip such rows")
        }
        _ => error.into(),
    })?;
    for rejected in people.rejected.iter().take(MAX_WARNINGS) {
        errln!("warning: {rejected}");
    }
    if people.rejections > 0 {
        errln!(
            "warning: {} rows hold no valid {} and were skipped",
            people.rejections,
            if args.ranking.ranks_items() {
                "item"
            } else {
                "profile"
            }
        );
    }
    if people.without_profile > 0 {
        errln!("note: {} endpoints gave no profile", people.without_profile);
    }
    let (rejections, counts) = (people.rejections, people.counts.clone());
    let subjects = people.subjects();
    let report = Report::files(
        RunInfo::since(started, arguments()),
        subjects,
        counts,
        rejections,
        options,
    );
    let view = args.view.view(pseudonyms.as_ref());
    plan.open()?.write(&report, &view).finish()?;
    let Findings::Ranking(ranked) = &report.findings else {
        return Ok(Exit::Success);
    };
    Ok(match ranked.ranking.like {
        Some(Like::Unknown(_)) => Exit::Usage,
        _ => Exit::Success,
    })
}

/// # Errors
/// When several tables are asked for as CSV.
fn one_table(plan: &Plan, options: &Options) -> Result<(), Failure> {
    let tables = [
        options.like.is_some(),
        options.per_person,
        options.twins,
        options.outliers > 0,
    ];
    if plan.has(ReportFormat::Csv) && tables.iter().filter(|asked| **asked).count() > 1 {
        return Err(Failure::usage("CSV holds one table").hint(
            "give one of --like, --per-person, --twins and --outliers, or another --format",
        ));
    }
    Ok(())
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

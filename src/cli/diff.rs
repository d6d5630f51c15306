//! `labrpc diff`: compares two saved runs.

use std::{io::Write, path::PathBuf};

use clap::Args as ClapArgs;
use labrpc::{
    path::PathPattern,
    report::{
        diff::{RunDiff, RunReader, SavedSide, export},
        table,
    },
};

use crate::cli::{
    console,
    exit::{Exit, Failure},
    report_args::{OutputArgs, ReportFormat},
};

/// Compare two saved runs, endpoint by endpoint.
///
/// Shows which endpoints came and went, and whose outcome or answer changed, leaf by leaf; what changed alike is shown
/// once. The exit status is 0 without differences and 5 with.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc diff monday.jsonl friday.jsonl   two runs (survey --format jsonl -o monday.jsonl)
  labrpc diff a.jsonl b.jsonl --ignore uptime --ignore 'peers[].lastSeen'
  labrpc diff a.jsonl b.jsonl --only version --format json
  labrpc survey --hosts hosts.txt --format jsonl | labrpc diff monday.jsonl -")]
pub(crate) struct Args {
    /// The run before, as JSON Lines; - is standard input.
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The run after, as JSON Lines; - is standard input.
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Leave this field of the answers out, by its name in the runs ([] is any element); repeatable.
    #[arg(
        long,
        value_name = "PATH",
        env = "LABRPC_IGNORE",
        value_delimiter = ','
    )]
    ignore: Vec<PathPattern>,
    /// Compare only this field of the answers, by its name in the runs ([] is any element); repeatable.
    #[arg(long, value_name = "PATH", env = "LABRPC_ONLY")]
    only: Vec<PathPattern>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let plan = args.output.plan()?;
    if plan.has(ReportFormat::Html) {
        return Err(
            Failure::usage("diff has no HTML page").hint("give --format table, json, jsonl or csv")
        );
    }
    if args.before == args.after && args.before.as_os_str() == "-" {
        return Err(
            Failure::usage("standard input is one run").hint("give the other run as a file")
        );
    }
    // Opened before the files are read, so that a wrong name costs nothing.
    drop(plan.open()?);
    let mut reader = RunReader::new(&args.ignore, &args.only);
    [&args.before, &args.after]
        .into_iter()
        .for_each(|file| console::note_stdin(file));
    let before = reader.read(&args.before)?;
    let after = reader.read(&args.after)?;
    if before.method != after.method {
        return Err(Failure::usage(format_args!(
            "the runs asked different methods: {} and {}",
            before.method, after.method
        )));
    }
    check_rules(&args.only, &reader, &before, &after)?;
    let diff = RunDiff::new(&reader, before, after);
    let render = |format, width, out: &mut dyn Write| match format {
        ReportFormat::Json => export::json(&diff, out),
        ReportFormat::Jsonl => export::jsonl(&diff, out),
        ReportFormat::Csv => export::csv(&diff, out),
        ReportFormat::Table | ReportFormat::Html => table::write_diff(&diff, width, out),
    };
    plan.open()?.write_with(&render).finish()?;
    Ok(match diff.changes.is_empty() {
        true => Exit::Success,
        false => Exit::Unexpected,
    })
}

/// Warns of what makes a comparison other than it looks.
///
/// # Errors
/// When no answer has any of the paths that alone count: the runs would be the same whatever they hold.
fn check_rules(
    only: &[PathPattern],
    reader: &RunReader,
    before: &SavedSide,
    after: &SavedSide,
) -> Result<(), Failure> {
    const HINT: &str = "paths have the names that the runs have, such as limits.maxQps";
    let unmatched = reader.unmatched();
    let names: Vec<_> = unmatched.iter().map(ToString::to_string).collect();
    let problem = format!("no answer has {}", names.join(", "));
    if !only.is_empty() && only.iter().all(|path| unmatched.contains(path)) {
        return Err(Failure::usage(problem).hint(HINT));
    }
    if !unmatched.is_empty() {
        errln!("warning: {problem}\nhint: {HINT}");
    }
    if before.rules != after.rules {
        errln!(
            "warning: {} was made {} and {} {}; fields that only one of them holds differ\n\
             hint: give the same --ignore and --only here, or to both surveys",
            before.file.display(),
            before.rules,
            after.file.display(),
            after.rules,
        );
    }
    Ok(())
}

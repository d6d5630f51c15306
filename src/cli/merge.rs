//! `labrpc merge`: the parts of a survey as the report that one survey would have given.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use labrpc::report::{
    PROFILE_METHOD, Report, RunInfo, View,
    saved_runs::{self, Purpose},
};

use crate::cli::{
    compare_args::CompareArgs,
    console,
    exit::{self, Exit, Failure},
    ranking_args::RankingArgs,
    report_args::{OutputArgs, ReportFormat, arguments},
    success_args::SuccessArgs,
    survey::finish,
};

/// Merge saved runs into the report that one survey would have given.
///
/// Of an endpoint that several runs have, an answer counts before a failure, and the newer before the older. One run alone is
/// shown again, in any format.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc merge part-*.jsonl                      the parts of a survey (survey --shard K --shards N -o part-K.jsonl)
  labrpc merge part-*.jsonl -o run.jsonl -o report.html
  labrpc merge run.jsonl again.jsonl             a run, and one that asked some of its endpoints again
  cat part-*.jsonl | labrpc merge - --format csv", after_help = exit::HELP)]
pub(crate) struct Args {
    /// Saved runs in JSON Lines, several in one file too; - is standard input.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Go on without parts that are missing, and with runs that have not come to their end.
    #[arg(long)]
    incomplete: bool,
    #[command(flatten)]
    success: SuccessArgs,
    #[command(flatten)]
    compare: CompareArgs,
    #[command(flatten)]
    ranking: RankingArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let plan = args.output.plan()?;
    // Opened before the files are read, so that a wrong name costs nothing. Closed again, because a signal ends this
    // command at once and would leave `FILE.partial` behind.
    drop(plan.open()?);
    args.runs.iter().for_each(|run| console::note_stdin(run));
    let runs = saved_runs::read(&args.runs, Purpose::Merge)?;
    match &runs.missing {
        Some(missing) if !args.incomplete => {
            return Err(Failure::usage(missing).hint("--incomplete goes on with what is there"));
        }
        Some(missing) => errln!("warning: {missing}"),
        None => {}
    }
    let run = RunInfo {
        started: runs.started,
        finished: runs.finished,
        arguments: arguments(),
        settings: None,
    };
    let report = if runs.method == PROFILE_METHOD {
        let same = args.success.expect_same.then_some("--expect-same");
        if let Some(flag) = args.compare.given().or(same) {
            return Err(misplaced(
                flag,
                "is for the answers of a method, and these are profiles",
            ));
        }
        let options = args.ranking.options(plan.has(ReportFormat::Html))?;
        Report::survey(run, runs.saved.merge(Vec::new()), options)
    } else if let Some(selection) = args.ranking.selection() {
        let options = args.ranking.options(plan.has(ReportFormat::Html))?;
        let survey = runs.saved.merge(Vec::new());
        Report::items(run, survey, runs.method, &runs.values, &selection, options)
    } else {
        if args.ranking.like().is_some() {
            return Err(misplaced(
                "--like",
                "ranks profiles, and these are other answers",
            ));
        }
        let options = args.compare.saved(&runs.method, &runs.saved.hosts)?;
        let survey = runs.saved.merge(Vec::new());
        Report::comparison(run, survey, runs.method, runs.values, options)
    };
    let exit = args.success.exit_status(&report);
    let view = View::default();
    let written = plan.open()?.write(&report, &view);
    finish(&report, &view, written).map(|()| exit)
}

/// The failure of a flag that has no effect on these runs.
fn misplaced(flag: &str, problem: &str) -> Failure {
    Failure::usage(format_args!("{flag} {problem}")).hint("leave it out")
}

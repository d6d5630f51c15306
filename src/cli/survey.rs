//! `labrpc survey`: expands the host list, asks all endpoints, ranks or compares the answers and writes the reports.

use std::{
    io,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use clap::Args as ClapArgs;
use labrpc::{
    lab,
    question::GetProfile,
    report::{
        Answer, Report, RunInfo, Settings, Topic, View,
        saved::Saved,
        saved_runs::{self, Purpose},
        table,
    },
    survey::{
        self, endpoint::DEFAULT_PORT, hosts::Hosts, outcome::EndpointResult, question::Question,
    },
};

use crate::cli::{
    compare_args::CompareArgs,
    console,
    exit::{self, Exit, Failure},
    flag_scope::Asked,
    live_run::LiveRun,
    output,
    part_args::PartArgs,
    progress,
    question_args::QuestionArgs,
    ranking_args::RankingArgs,
    report_args::{
        Fed, OutputArgs, Outputs, Plan, ReportFormat, Shown, ViewArgs, Written, arguments,
    },
    runtime,
    signals::Interruption,
    success_args::SuccessArgs,
    target_args::{self, ClientTlsArgs, HostListArgs, TimeoutArgs},
    values,
    watch::Watch,
};

/// Ask all endpoints at once, and show who is most alike, or whose answers differ.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc survey --demo                        a simulated room of 40
  labrpc survey --hosts hosts.txt
  labrpc survey 192.168.1.1-40 lab[01-20].example:2048
  labrpc survey --hosts hosts.txt --wait 5m   until all are up
  labrpc survey --hosts hosts.txt -o run.jsonl -o report.html
  labrpc survey --only-failed run.jsonl       ask again those that failed
  labrpc survey --hosts hosts.txt --shard 0 --shards 8 -o part-0.jsonl
  labrpc survey --hosts fleet.txt --method etc.Service/Method --ignore hostname --expect-same
  labrpc survey --hosts fleet.txt --health", after_help = exit::HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    targets: HostListArgs,
    /// Print the endpoints without asking them.
    #[arg(long)]
    list: bool,
    /// Survey a simulated room of N seats [default: 40], which this process opens.
    #[arg(
        long,
        value_name = "N",
        value_parser = values::whole(NonZeroUsize::MIN),
        conflicts_with_all = ["endpoints", "hosts", "exclude", "only_failed"]
    )]
    demo: Option<Option<NonZeroUsize>>,
    /// Ask those again that have no answer in these saved runs, and merge the answers; - is standard input.
    #[arg(
        long,
        value_name = "RUN",
        num_args = 1..,
        conflicts_with_all = ["endpoints", "hosts", "exclude"]
    )]
    only_failed: Vec<PathBuf>,
    #[command(flatten)]
    part: PartArgs,
    #[command(flatten)]
    pub(crate) question: QuestionArgs,
    #[command(flatten)]
    compare: CompareArgs,
    #[command(flatten)]
    requests: RequestArgs,
    #[command(flatten)]
    tls: ClientTlsArgs,
    #[command(flatten)]
    ranking: RankingArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    view: ViewArgs,
}

#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Requests")]
struct RequestArgs {
    /// How many endpoints to ask at the same time [default: 1024, or fewer where open files are limited].
    #[arg(
        short,
        long,
        value_name = "N",
        value_parser = values::whole(NonZeroUsize::MIN),
        env = "LABRPC_CONCURRENCY"
    )]
    concurrency: Option<NonZeroUsize>,
    #[command(flatten)]
    timeouts: TimeoutArgs,
    /// Longest time for the whole run; endpoints that have not answered by then are cancelled.
    #[arg(long, value_name = "TIME", value_parser = values::duration, env = "LABRPC_DEADLINE")]
    deadline: Option<Duration>,
    /// How often to retry a call that cannot have had an effect.
    #[arg(
        long,
        value_name = "N",
        default_value_t = survey::Config::default().retries,
        value_parser = values::whole(0_u32),
        env = "LABRPC_RETRIES"
    )]
    retries: u32,
    /// Keep retrying endpoints that are not up yet, for up to this time.
    #[arg(long, value_name = "TIME", value_parser = values::duration, env = "LABRPC_WAIT")]
    wait: Option<Duration>,
    /// Start at most this many connections a second.
    #[arg(long, value_name = "N", value_parser = values::whole(NonZeroU32::MIN), env = "LABRPC_RATE")]
    rate: Option<NonZeroU32>,
    #[command(flatten)]
    success: SuccessArgs,
    /// Repeat the survey after this pause: after the first report print only what changes, and when. Files of --output
    /// always have the newest report.
    #[arg(long, value_name = "TIME", value_parser = values::duration, env = "LABRPC_WATCH")]
    watch: Option<Duration>,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    // One thread: with one allocator arena 100,000 endpoints need some 25 MiB less than with several.
    runtime::one_thread(survey(&args))?
}

async fn survey(args: &Args) -> Result<Exit, Failure> {
    args.check_stdin()?;
    // Dropping the room would close it.
    let (targets, _room) = targets(args).await?;
    let lookup_limit = args.requests.timeouts.max_time;
    if args.list {
        let hosts = targets.resolve(lookup_limit).await.to_ask();
        return output::print_hosts(&hosts).map(|_| Exit::Success);
    }
    let config = args.config()?;
    let plan = args.output.plan()?;
    let pseudonyms = args.view.pseudonyms(&plan)?;
    let view = args.view.view(pseudonyms.as_ref());
    let watch = args.watch(&plan)?;
    let mut round = targets.resolve(lookup_limit).await;
    args.warn_of_too_few(&round.to_ask());
    let start = Instant::now();
    let mut topic = args.topic(&round.to_ask(), &config, &plan).await?;
    // The search for the schema belongs to the first round.
    let mut limits = config.clone().after(start.elapsed());
    // Until here a signal ends the process at once: there is nothing to report.
    let mut signals = Interruption::new()?;
    let mut last = None;
    loop {
        // Opened before the survey: afterwards a wrong name would cost all answers.
        let outputs = match last {
            None => plan.open()?,
            Some(_) => plan.files().open()?,
        };
        let is_first = last.is_none();
        // A file that is watched is whole in every round.
        let live = watch.is_none().then_some(&outputs);
        let limited = [&config, &limits];
        let asked = ask_round(round, &topic, limited, &mut signals, is_first, live);
        let (report, end, fed) = asked.await;
        limits.deadline = config.deadline;
        let written = match (&watch, &last, end) {
            // The files keep the last round that is whole.
            (_, Some(_), Some(end)) => return Ok(end),
            (Some((_, watch)), Some(last), None) => watch.write([last, &report], &view, outputs),
            _ => outputs.write_rest(&report, &view, fed, end.is_none()),
        };
        let goes_on = end.is_none() && written.is_read && written.failure.is_none();
        let status = || args.requests.success.exit_status(&report);
        let exit = end.unwrap_or_else(status);
        let Some((pause, watch)) = watch.as_ref().filter(|_| goes_on) else {
            return finish(&report, &view, written).map(|()| exit);
        };
        round = tokio::select! {
            round = targets.resolve_after(*pause, lookup_limit) => round,
            () = watch.reader_is_gone() => return Ok(exit),
            end = signals.wait() => return Ok(end),
        };
        last = Some(report);
        if let Topic::Answers(question, _) = &mut topic {
            *question = args.question.renewed(question);
        }
    }
}

/// Asks the endpoints of a round within `limits`, and makes its report, which has the settings of `config`. The second
/// part is the status of a signal that ended it early, the third which of the outputs of `live` have the report.
async fn ask_round(
    round: Saved,
    topic: &Topic,
    [config, limits]: [&survey::Config; 2],
    interruption: &mut Interruption,
    is_first: bool,
    live: Option<&Outputs>,
) -> (Report, Option<Exit>, Fed) {
    let mut run = RunInfo {
        settings: Some(Settings::from(config)),
        ..RunInfo::since(SystemTime::now(), arguments())
    };
    let mut live = live.and_then(|outputs| LiveRun::begin(outputs, topic, &run, &round));
    let asking = (&round, limits, is_first, &mut live);
    let (answers, end) = match topic {
        Topic::Profiles(_) => ask(asking, &GetProfile, interruption).await,
        Topic::Answers(question, _) => ask(asking, question, interruption).await,
    };
    run.finished = SystemTime::now();
    let report = topic.report(run, round.merge(answers));
    let fed = live.map_or_else(Fed::new, |live| live.end(&report));
    (report, end, fed)
}

/// Ends standard error with the outcomes, unless a terminal shows the report. A table on standard output has them
/// already, and the same reader may see both.
pub(crate) fn finish(report: &Report, view: &View<'_>, written: Written) -> Result<(), Failure> {
    if written.shown != Shown::Terminal && !console::is_quiet() {
        let width = console::columns(terminal_size::terminal_size_of(io::stderr()));
        let out = &mut anstream::stderr().lock();
        // A closed standard error is not a reason to fail.
        let _ = match written.shown {
            Shown::Table => table::headline(report, view, width, out),
            _ => table::outcomes(report, view, width, out),
        };
    }
    written.finish()
}

async fn targets(args: &Args) -> Result<(Saved, Option<lab::Room>), Failure> {
    if let Some(seats) = args.demo {
        let seats = seats.map_or(lab::Config::default().seats, NonZeroUsize::get);
        let room = demo(seats).await?;
        return Ok((Saved::from(room.hosts()), Some(room)));
    }
    if !args.only_failed.is_empty() {
        let purpose = Purpose::Resume {
            max_hosts: args.targets.max_hosts,
        };
        let runs = &args.only_failed;
        runs.iter().for_each(|run| console::note_stdin(run));
        return Ok((saved_runs::read(runs, purpose)?.saved, None));
    }
    let hosts = args.targets.hosts(args.part.part()?)?;
    Ok((Saved::from(hosts), None))
}

/// Asks the endpoints, and prints how long that took in the first round. The second part is the status of a signal that
/// ended it early.
async fn ask<Q>(
    (round, config, is_first, live): (&Saved, &survey::Config, bool, &mut Option<LiveRun>),
    question: &Q,
    interruption: &mut Interruption,
) -> (Vec<EndpointResult<Answer>>, Option<Exit>)
where
    Q: Question,
    Answer: From<Q::Answer>,
{
    let clock = Instant::now();
    let hosts = round.to_ask();
    let mut progress = progress::Endpoints::new(&hosts, config.wait);
    let mut end = None;
    let observe = |asked: usize, result: &EndpointResult<Q::Answer>| {
        progress.add(asked, &result.outcome);
        if let Some(live) = live {
            let index = round.index(asked);
            let result = round.result(index, result.clone().map(Answer::from));
            live.add(round, index, &result);
        }
    };
    let cancel = async { end = Some(interruption.wait().await) };
    let answers = survey::run(&hosts, question, config, observe, cancel).await;
    progress.finish();
    if is_first {
        let (count, seconds) = (hosts.len(), clock.elapsed().as_secs_f64());
        let plural = if count == 1 { "" } else { "s" };
        errln!("asked {count} endpoint{plural} in {seconds:.2} s");
    }
    let answers = answers.into_iter().map(|answer| answer.map(Answer::from));
    (answers.collect(), end)
}

/// Opens a simulated room on the port of the exercise or, where that is taken, on a free one.
async fn demo(seats: usize) -> Result<lab::Room, Failure> {
    let room = |port| {
        lab::Room::start(lab::Config {
            seats,
            port,
            ..lab::Config::default()
        })
    };
    let opened = match room(Some(DEFAULT_PORT)).await {
        Err(lab::Error::Listen(..)) => room(None).await,
        opened => opened,
    };
    opened.map_err(|error| Failure::internal(format_args!("demo: {error}")))
}

impl Args {
    /// What is asked, and what is made of the answers. Endpoints are asked for the schema of a method, if no argument
    /// gives it.
    async fn topic(
        &self,
        hosts: &Hosts,
        config: &survey::Config,
        plan: &Plan,
    ) -> Result<Topic, Failure> {
        if self.question.asked() != Asked::Profile && !self.only_failed.is_empty() {
            return Err(Failure::usage("--only-failed goes on with profiles alone")
                .hint("ask all endpoints again, or leave out --method and --health"));
        }
        // An empty part has no endpoint that could give the schema. Its run is of no method.
        if hosts.is_empty() && hosts.part().is_some() {
            return self.ranking.options(false).map(Topic::Profiles);
        }
        let compared = self.compare.topic(&self.question, hosts, config).await?;
        self.ranking.topic(compared, plan.has(ReportFormat::Html))
    }

    fn check_stdin(&self) -> Result<(), Failure> {
        let resumes_stdin = self.only_failed.iter().any(|run| run.as_os_str() == "-");
        match self.question.reads_stdin() && (self.targets.reads_stdin() || resumes_stdin) {
            true => Err(Failure::usage("standard input can be read once only")
                .hint("give the endpoints or the request in a file")),
            false => Ok(()),
        }
    }

    /// The pause between the rounds of `--watch`, and how they are reported.
    fn watch(&self, plan: &Plan) -> Result<Option<(Duration, Watch)>, Failure> {
        let Some(pause) = self.requests.watch else {
            return Ok(None);
        };
        if self.view.anonymous {
            let failure = Failure::usage("--watch prints what changed, and --anonymous hides it");
            return Err(failure.hint("labrpc board --anonymous shows the room live"));
        }
        Ok(Some((pause, Watch::new(plan)?)))
    }

    /// Warns of a list that is too short for `--min-ok`; of a saved run others have answered.
    fn warn_of_too_few(&self, hosts: &Hosts) {
        let wanted = self.requests.success.above(hosts.len());
        if let Some(wanted) = wanted.filter(|_| self.only_failed.is_empty()) {
            let listed = hosts.len();
            errln!("warning: --min-ok {wanted} cannot be met by a list of {listed}");
        }
    }

    fn config(&self) -> Result<survey::Config, Failure> {
        let requests = &self.requests;
        let default = target_args::config(&requests.timeouts, &self.tls)?;
        Ok(survey::Config {
            concurrency: requests.concurrency.unwrap_or(default.concurrency),
            deadline: requests.deadline,
            retries: requests.retries,
            wait: requests.wait,
            rate: requests.rate,
            ..default
        })
    }
}

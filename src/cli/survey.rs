//! `labrpc survey`: expand, ask, rank, show.

use std::{
    collections::BTreeSet,
    io,
    io::Write as _,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    str::FromStr,
    time::{Duration, Instant, SystemTime},
};

use clap::Args as ClapArgs;
use labrpc::{
    lab,
    report::{Input, Report, Summary, Survey, saved, table},
    survey::{
        self,
        endpoint::DEFAULT_PORT,
        hosts::{Hosts, fold},
        outcome::EndpointResult,
    },
};

use crate::cli::{
    Exit, Failure,
    asking::{List, Security, Times},
    duration, exit,
    output::{self, printed},
    progress,
    ranking::{Format, Ranking, Writing, Written, arguments},
    runtime,
    signals::Interruption,
};

/// Ask all endpoints at once and show who is most alike.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc survey --demo                        a simulated room of 40
  labrpc survey --hosts hosts.txt
  labrpc survey 192.168.1.1-40 lab[01-20].example:2048
  labrpc survey --hosts hosts.txt --wait 5m   until everybody is up
  labrpc survey --hosts hosts.txt -o run.jsonl -o report.html
  labrpc survey --only-failed run.jsonl       ask again those that failed", after_help = exit::HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    list_of: List,
    /// Print the endpoints and ask nobody.
    #[arg(long, env = "LABRPC_LIST")]
    list: bool,
    /// Start a simulated room of N seats in this process and survey it over real connections.
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        default_missing_value = "40",
        env = "LABRPC_DEMO",
        conflicts_with_all = ["endpoints", "hosts", "exclude", "only_failed"]
    )]
    demo: Option<NonZeroUsize>,
    /// Ask again those that failed in a saved run, and merge; - is standard input.
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["endpoints", "hosts", "exclude"],
        env = "LABRPC_ONLY_FAILED"
    )]
    only_failed: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    security: Security,
    #[command(flatten)]
    ranking: Ranking,
    #[command(flatten)]
    writing: Writing,
}

#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Asking")]
struct Asking {
    /// Endpoints asked at the same time [default: as many as open files allow, at most 1024].
    #[arg(short, long, value_name = "N", env = "LABRPC_CONCURRENCY")]
    concurrency: Option<NonZeroUsize>,
    #[command(flatten)]
    times: Times,
    /// Longest time for the whole run; who has not answered by then is cancelled.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, env = "LABRPC_DEADLINE")]
    deadline: Option<Duration>,
    /// Repetitions of a call that had no effect and has hope.
    #[arg(long, value_name = "N", default_value_t = 2, env = "LABRPC_RETRIES")]
    retries: u32,
    /// Keep trying those that refuse, until they are up or this time is over.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, env = "LABRPC_WAIT")]
    wait: Option<Duration>,
    /// Start at most this many connections a second.
    #[arg(long, value_name = "N", env = "LABRPC_RATE")]
    rate: Option<NonZeroU32>,
    /// How many must answer for success: a number or a percentage.
    #[arg(
        long,
        value_name = "N|P%",
        default_value = "100%",
        env = "LABRPC_MIN_OK"
    )]
    min_ok: MinOk,
    /// Survey again and again, with this pause, and say who came and who went.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, env = "LABRPC_WATCH")]
    watch: Option<Duration>,
}

/// How many must have answered for the run to be a success.
#[derive(Clone, Copy, Debug, PartialEq)]
enum MinOk {
    Count(u64),
    Percent(f64),
}

impl FromStr for MinOk {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "a number of endpoints, or a percentage from 0% to 100%".to_owned();
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
                _ => Err(bad()),
            },
            None => text.parse().map(Self::Count).map_err(|_| bad()),
        }
    }
}

impl MinOk {
    fn holds(self, answered: u64, asked: u64) -> bool {
        match self {
            Self::Count(count) => answered >= count,
            // Exact up to 2^53 endpoints: 35 of 40 are 87.5 %.
            Self::Percent(percent) => answered as f64 * 100.0 >= percent * asked as f64,
        }
    }
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    // One thread: its one allocator arena holds a campus of 100,000 in some 25 MiB less than several do.
    runtime::one_thread(survey(&args))?
}

async fn survey(args: &Args) -> Result<Exit, Failure> {
    // The room lives as long as the survey of it.
    let (who, _room) = who(args).await?;
    let hosts = who.to_ask();
    if args.list {
        return list(&hosts);
    }
    if hosts.is_empty() && who.hosts().is_empty() {
        return Err(
            Failure::usage("nobody to ask").hint(if hosts.excluded() > 0 {
                "every endpoint is excluded"
            } else {
                "give endpoints, or --hosts FILE, or try --demo"
            }),
        );
    }
    let config = args.config()?;
    let plan = args.writing.plan()?;
    let mut interruption = Interruption::new()?;
    let mut present = None;
    loop {
        // Before anything is asked: afterwards a wrong name would cost all answers.
        let outputs = plan.open()?;
        let started = SystemTime::now();
        let (answers, end) = ask(&hosts, &config, &mut interruption).await;
        let report = Report::survey(
            started,
            arguments(),
            who.clone().complete(answers),
            args.ranking.options(plan.has(Format::Html)),
        );
        let written = outputs.write(&report);
        let goes_on = end.is_none() && written.is_read && written.failure.is_none();
        let Some(pause) = args.asking.watch.filter(|_| goes_on) else {
            let exit = end.unwrap_or_else(|| verdict(args.asking.min_ok, &report.summary()));
            return finish(&report, written).map(|()| exit);
        };
        say_changes(&report, &mut present);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            end = interruption.wait() => return Ok(end),
        }
    }
}

/// Ends standard error with what became of the endpoints, where no terminal shows the report.
fn finish(report: &Report, written: Written) -> Result<(), Failure> {
    if !written.is_shown {
        // That it cannot be written is not a reason to fail.
        let width = output::columns(io::stderr());
        let _ = table::outcomes(report, width, &mut anstream::stderr().lock());
    }
    written.finish()
}

/// Who is to be in the report, and what is known of them before anybody is asked.
#[derive(Clone)]
enum Who {
    List(Hosts),
    Rest(saved::Saved),
}

impl Who {
    fn hosts(&self) -> &Hosts {
        match self {
            Self::List(hosts) | Self::Rest(saved::Saved { hosts, .. }) => hosts,
        }
    }

    fn to_ask(&self) -> Hosts {
        match self {
            Self::List(hosts) => hosts.clone(),
            Self::Rest(saved) => saved.unanswered(),
        }
    }

    fn complete(self, answers: Vec<EndpointResult>) -> Survey {
        match self {
            Self::List(hosts) => Survey { hosts, answers },
            Self::Rest(saved) => saved.merge(answers),
        }
    }
}

async fn who(args: &Args) -> Result<(Who, Option<lab::Room>), Failure> {
    if let Some(seats) = args.demo {
        let room = demo(seats).await?;
        return Ok((Who::List(room.hosts()), Some(room)));
    }
    if let Some(run) = &args.only_failed {
        return Ok((Who::Rest(saved::read(run, args.list_of.max_hosts())?), None));
    }
    Ok((Who::List(args.list_of.hosts()?), None))
}

fn list(hosts: &Hosts) -> Result<Exit, Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = hosts
        .iter()
        .try_for_each(|endpoint| writeln!(out, "{endpoint}"))
        .and_then(|()| out.flush());
    printed(written)?;
    Ok(Exit::Success)
}

/// Asks everybody. The second part is the signal that ended it, if one did.
async fn ask(
    hosts: &Hosts,
    config: &survey::Config,
    interruption: &mut Interruption,
) -> (Vec<EndpointResult>, Option<Exit>) {
    let clock = Instant::now();
    let mut progress = progress::Endpoints::new(hosts);
    let mut end = None;
    let observe = |_: usize, answer: &EndpointResult| progress.add(&answer.outcome);
    let cancel = async { end = Some(interruption.wait().await) };
    let answers = survey::run(hosts, config, observe, cancel).await;
    progress.finish();
    say!(
        "asked {} endpoints in {:.2} s",
        hosts.len(),
        clock.elapsed().as_secs_f64()
    );
    (answers, end)
}

/// The exit status of a run that came to its end.
fn verdict(min_ok: MinOk, summary: &Summary) -> Exit {
    match summary.answered() {
        0 => Exit::Nobody,
        answered if !min_ok.holds(answered, summary.asked()) => Exit::TooFew,
        _ if summary.unusable() > 0 => Exit::BadData,
        _ => Exit::Success,
    }
}

/// Tells who came and who went since the last round.
fn say_changes(report: &Report, present: &mut Option<BTreeSet<usize>>) {
    let Input::Survey(Survey { hosts, answers }) = &report.input else {
        return;
    };
    let now: BTreeSet<usize> = answers
        .iter()
        .enumerate()
        .filter_map(|(index, answer)| answer.outcome.profile().map(|_| index))
        .collect();
    if let Some(before) = present.as_ref() {
        for (word, indices) in [("came", &now - before), ("went", before - &now)] {
            if !indices.is_empty() {
                let endpoints = fold(indices.iter().map(|&index| hosts.get(index)));
                say!("{word}: {endpoints} ({})", indices.len());
            }
        }
    }
    *present = Some(now);
}

/// A room of simulated people, on the port of the exercise or, where that is taken, on a free one.
async fn demo(seats: NonZeroUsize) -> Result<lab::Room, Failure> {
    let room = |port| {
        lab::Room::start(lab::Config {
            seats: seats.get(),
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
    fn config(&self) -> Result<survey::Config, Failure> {
        let Asking {
            concurrency,
            times: Times {
                connect_timeout,
                max_time,
            },
            deadline,
            retries,
            wait,
            rate,
            ..
        } = self.asking.clone();
        let default = survey::Config::default();
        Ok(survey::Config {
            concurrency: concurrency.unwrap_or(default.concurrency),
            connect_timeout,
            max_time,
            deadline,
            retries,
            wait,
            rate,
            tls: self.security.tls()?,
            ..default
        })
    }
}

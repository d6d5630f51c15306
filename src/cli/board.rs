//! `labrpc board`: serves a live page of the room.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use clap::Args as ClapArgs;
use labrpc::{board, lab, report::Topic};
use tokio::net::TcpListener;

use crate::cli::{
    compare_args::CompareArgs,
    exit::{Exit, Failure},
    question_args::QuestionArgs,
    report_args::{RankingArgs, ViewArgs, arguments},
    runtime,
    signals::Signals,
    target_args::{self, ClientTlsArgs, HostListArgs, TimeoutArgs},
    values,
};

/// Time between two seats of the simulated room that join.
const JOIN_INTERVAL: Duration = Duration::from_millis(700);

/// Longest time until all seats of the simulated room have joined.
const MAX_JOIN_TIME: Duration = Duration::from_secs(30);

/// Show the room as a live page, for the projector.
///
/// The page shows which seats have answered, which people are most alike, and what failed. It is served to this
/// machine alone unless --listen gives another address.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc board --hosts hosts.txt                  then open http://127.0.0.1:8024/
  labrpc board --demo                             a simulated room whose seats join one by one
  labrpc board --hosts hosts.txt --anonymous --listen 0.0.0.0:8024
  labrpc board 192.168.1.1-40 --every 5s
  labrpc board --hosts fleet.txt --method etc.Service/Method")]
pub(crate) struct Args {
    #[command(flatten)]
    targets: HostListArgs,
    /// Show a simulated room of N seats [default: 40], which join one by one.
    #[arg(
        long,
        value_name = "N",
        value_parser = values::whole(NonZeroUsize::MIN),
        conflicts_with_all = ["endpoints", "hosts", "exclude"]
    )]
    demo: Option<Option<NonZeroUsize>>,
    /// Serve the page at this address.
    #[arg(
        long,
        value_name = "IP:PORT",
        default_value = "127.0.0.1:8024",
        env = "LABRPC_BOARD_LISTEN"
    )]
    listen: SocketAddr,
    /// Ask again this long after the start of the last survey.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "2s",
        value_parser = values::duration,
        env = "LABRPC_EVERY"
    )]
    every: Duration,
    #[command(flatten)]
    pub(crate) question: QuestionArgs,
    #[command(flatten)]
    compare: CompareArgs,
    #[command(flatten)]
    timeouts: TimeoutArgs,
    #[command(flatten)]
    tls: ClientTlsArgs,
    #[command(flatten)]
    ranking: RankingArgs,
    #[command(flatten)]
    view: ViewArgs,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    runtime::all_threads(show(args))?
}

async fn show(args: Args) -> Result<Exit, Failure> {
    // Dropping the room would close it.
    let room = match args.demo {
        Some(seats) => Some(demo(seats).await?),
        None => None,
    };
    let hosts = match &room {
        Some(room) => room.hosts(),
        None => args.targets.hosts(None)?,
    };
    let survey = target_args::config(&args.timeouts, &args.tls)?;
    let compared = args.compare.topic(&args.question, &hosts, &survey).await?;
    let shown = match &compared {
        Some(_) => "the answers",
        None => "ids, heights and weights",
    };
    let anonymous = args.view.anonymous;
    let question = args.question;
    let config = board::Config {
        survey,
        topic: compared.unwrap_or_else(|| Topic::Profiles(args.ranking.options(true))),
        metadata: Some(Box::new(move || {
            let metadata = question.metadata();
            metadata.map_err(Failure::report).ok()
        })),
        arguments: arguments(),
        every: args.every,
        anonymous,
        title: args.view.title,
        ..board::Config::new(hosts)
    };
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        Failure::io(args.listen, &error).hint("is another board open? give --listen IP:PORT")
    })?;
    let mut signals = Signals::new()?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::io(args.listen, &error))?;
    if !address.ip().is_loopback() && !anonymous {
        errln!(
            "warning: every machine that can reach {address} sees {shown}\n\
             hint: --anonymous hides them; the default --listen is this machine alone"
        );
    }
    errln!(
        "open {} in a browser; Ctrl-C ends the board",
        local_url(address)
    );
    board::run(listener, config, async {
        signals.next().await;
    })
    .await
    .map_err(|error| Failure::io("board", &error))?;
    // A signal is the normal end of a board.
    Ok(Exit::Success)
}

/// The URL of the page for a browser on this machine.
fn local_url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}/")
}

/// Opens a simulated room whose seats join one by one, within half a minute.
async fn demo(seats: Option<NonZeroUsize>) -> Result<lab::Room, Failure> {
    let default = lab::Config::default();
    let seats = seats.map_or(default.seats, NonZeroUsize::get);
    let all =
        u32::try_from(seats).map_or(MAX_JOIN_TIME, |seats| JOIN_INTERVAL.saturating_mul(seats));
    let config = lab::Config {
        seats,
        join_over: Some(all.min(MAX_JOIN_TIME)),
        ..default
    };
    let opened = lab::Room::start(config).await;
    opened.map_err(|error| Failure::internal(format_args!("demo: {error}")))
}

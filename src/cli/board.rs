//! `labrpc board`: serves a live page of the room.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    time::Duration,
};

use clap::Args as ClapArgs;
use labrpc::{board, lab, serve::listen::reachable_at};
use tokio::net::TcpListener;

use crate::cli::{
    compare_args::CompareArgs,
    exit::{Exit, Failure},
    question_args::QuestionArgs,
    ranking_args::RankingArgs,
    report_args::{ViewArgs, arguments},
    runtime,
    signals::Signals,
    target_args::{self, ClientTlsArgs, HostListArgs, TimeoutArgs},
    values,
};

/// The port where --listen gives none.
const DEFAULT_PORT: u16 = 8024;

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
  labrpc board --hosts hosts.txt --anonymous --listen 0.0.0.0    for other machines and phones too
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
    /// Serve the page at this IP:PORT, IP address (port 8024), or port of this machine alone. With 0.0.0.0 other machines
    /// can open it.
    #[arg(
        long,
        value_name = "IP:PORT",
        default_value = "127.0.0.1:8024",
        value_parser = listen_address,
        env = "LABRPC_BOARD_LISTEN"
    )]
    listen: SocketAddr,
    /// Ask again this long after the start of the last survey.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "2s",
        value_parser = values::positive_duration,
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
        topic: args.ranking.topic(compared, true)?,
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
            "warning: every machine that can open the page sees {shown}\n\
             hint: --anonymous hides them; the default --listen is this machine alone"
        );
    }
    match &reachable_at(address)[..] {
        [only] => errln!("open http://{only}/ in a browser; Ctrl-C ends the board"),
        several => {
            errln!("Ctrl-C ends the board; open in a browser, here or on another machine");
            several.iter().for_each(|at| errln!("  http://{at}/"));
        }
    }
    board::run(listener, config, async {
        signals.next().await;
    })
    .await
    .map_err(|error| Failure::io("board", &error))?;
    // A signal is the normal end of a board.
    Ok(Exit::Success)
}

/// An address and port, or one of the two. A port alone is that of this machine, since the page has personal data.
fn listen_address(text: &str) -> Result<SocketAddr, &'static str> {
    let port = text.strip_prefix(':').unwrap_or(text);
    port.parse()
        .map(|port| (Ipv4Addr::LOCALHOST, port).into())
        .or_else(|_| text.parse())
        .or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, DEFAULT_PORT).into()))
        .map_err(|_| "it must be IP:PORT such as 0.0.0.0:8024, an IP address, or a port")
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

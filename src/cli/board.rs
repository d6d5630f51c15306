//! `labrpc board`: a live page of the room.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use clap::Args as ClapArgs;
use labrpc::{board, lab, survey};
use tokio::net::TcpListener;

use crate::cli::{
    Exit, Failure,
    asking::{List, Security, Times},
    duration,
    ranking::{Ranking, arguments},
    runtime,
    signals::Signals,
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
  labrpc board 192.168.1.1-40 --every 5s")]
pub(crate) struct Args {
    #[command(flatten)]
    list: List,
    /// Show a simulated room of N seats, which join one by one.
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        default_missing_value = "40",
        value_parser = clap::value_parser!(u16).range(1..=1000),
        conflicts_with_all = ["endpoints", "hosts", "exclude"],
        env = "LABRPC_DEMO"
    )]
    demo: Option<u16>,
    /// The address to serve the page at.
    #[arg(
        long,
        value_name = "IP:PORT",
        default_value = "127.0.0.1:8024",
        env = "LABRPC_BOARD_LISTEN"
    )]
    listen: SocketAddr,
    /// Time from the start of one survey to the start of the next.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration::parse, env = "LABRPC_EVERY")]
    every: Duration,
    /// Show pseudonyms instead of ids, and no heights, weights or sizes.
    ///
    /// The addresses are shown, and may identify the people.
    #[arg(long, env = "LABRPC_ANONYMOUS")]
    anonymous: bool,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    security: Security,
    #[command(flatten)]
    ranking: Ranking,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    runtime::all_threads(show(args))?
}

async fn show(args: Args) -> Result<Exit, Failure> {
    // Kept to the end of the board, since dropping a room closes it.
    let room = match args.demo {
        Some(seats) => Some(demo(seats).await?),
        None => None,
    };
    let hosts = match &room {
        Some(room) => room.hosts(),
        None => args.list.hosts()?,
    };
    if hosts.is_empty() {
        return Err(Failure::usage("no endpoints to ask")
            .hint("give endpoints, or --hosts FILE, or try --demo"));
    }
    let config = board::Config {
        survey: survey::Config {
            connect_timeout: args.times.connect_timeout,
            max_time: args.times.max_time,
            tls: args.security.tls()?,
            ..survey::Config::default()
        },
        options: args.ranking.options(true),
        arguments: arguments(),
        every: args.every,
        anonymous: args.anonymous,
        ..board::Config::new(hosts)
    };
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        Failure::io(args.listen, &error).hint("is another board open? give --listen IP:PORT")
    })?;
    let mut signals = Signals::new()?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::io(args.listen, &error))?;
    if !address.ip().is_loopback() && !args.anonymous {
        say!(
            "warning: every machine that can reach {address} sees ids, heights and weights\n\
             hint: --anonymous hides them; the default --listen is this machine alone"
        );
    }
    say!(
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
async fn demo(seats: u16) -> Result<lab::Room, Failure> {
    let config = lab::Config {
        seats: usize::from(seats),
        join_over: Some(MAX_JOIN_TIME.min(JOIN_INTERVAL * u32::from(seats))),
        ..lab::Config::default()
    };
    let opened = lab::Room::start(config).await;
    opened.map_err(|error| Failure::internal(format_args!("demo: {error}")))
}

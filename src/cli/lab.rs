//! `labrpc lab`: simulates a room until a signal.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _},
};

use clap::Args as ClapArgs;
use labrpc::lab::{self, FAULTS, FaultList, HEALTHY, Room};

use crate::cli::{
    exit::{Exit, Failure},
    output::print_hosts,
    runtime,
    signals::Signals,
    values,
};

/// Open a simulated room on this machine and print its hosts file.
///
/// Every seat is a server at a loopback address of its own. The same seed gives the same people and faults.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc lab --seats 1000 > hosts.txt
  labrpc lab --seats 40 --port 1024 --seed 7
  labrpc lab --seats 40 --faults refuse=2,hang=1,duplicate=2
  labrpc lab --seats 1000 --faults all=10%",
    after_help = "`labrpc lab --help` lists the faults.",
    after_long_help = fault_table())]
pub(crate) struct Args {
    /// Open this many seats.
    #[arg(
        long,
        value_name = "N",
        default_value_t = lab::Config::default().seats,
        value_parser = values::whole(1_usize),
        env = "LABRPC_SEATS"
    )]
    seats: usize,
    /// Choose the people, and which seats have which fault, by this number.
    #[arg(
        long,
        value_name = "N",
        default_value_t = lab::Config::default().seed,
        value_parser = values::whole(0_u64),
        env = "LABRPC_SEED"
    )]
    seed: u64,
    /// Give seats faults: how many seats, or which percentage of them, have each.
    ///
    /// The faults are listed below; `all` takes every one in turn.
    #[arg(long, value_name = "FAULT=N|P%,…", env = "LABRPC_FAULTS")]
    faults: Option<FaultList>,
    /// Open all seats at this port [default: a free one].
    #[arg(long, value_name = "PORT", value_parser = values::port, env = "LABRPC_PORT")]
    port: Option<u16>,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    runtime::all_threads(async {
        let Args {
            seats,
            seed,
            faults,
            port,
        } = args;
        let config = lab::Config {
            seats,
            seed,
            faults: faults.unwrap_or_default(),
            port,
            ..lab::Config::default()
        };
        let room = Room::start(config).await.map_err(|error| match error {
            lab::Error::Listen(..) if port.is_some() => Failure::internal(&error)
                .hint("is another room open? leave out --port for a free one"),
            lab::Error::Listen(..) => Failure::internal(&error),
            _ => Failure::usage(&error),
        })?;
        let mut signals = Signals::new()?;
        print_hosts(&room.hosts())?;
        errln!("{seats} seats are open; Ctrl-C closes the room");
        if io::stdout().is_terminal() {
            errln!(
                "hint: with `> room.txt` the list is saved for `labrpc survey --hosts room.txt`"
            );
        } else {
            errln!("in another terminal: labrpc survey --hosts room.txt");
        }
        // A signal is the normal end of a room.
        signals.next().await;
        room.shutdown().await;
        Ok(Exit::Success)
    })?
}

/// The table of faults as the help shows it.
fn fault_table() -> String {
    let mut table = "Faults, with the outcome that a survey reports:".to_owned();
    for fault in std::iter::once(&HEALTHY).chain(FAULTS) {
        let (name, outcome, description) = (fault.name, fault.outcome(), fault.description);
        // Writing to a string does not fail.
        let _ = write!(table, "\n  {name:26}  {outcome:17}  {description}");
    }
    table
}

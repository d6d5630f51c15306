//! `labrpc lab`: the simulated room as a process of its own.

use std::io::{self, Write as _};

use clap::Args as ClapArgs;
use labrpc::lab::{self, FaultList, Room};

use crate::cli::{Exit, Failure, output::printed, runtime, signals::Signals};

/// Open a simulated room on this machine and print its hosts file.
///
/// Every seat is a server at a loopback address of its own. The same seed seats the same people.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc lab --seats 1000 > hosts.txt
  labrpc lab --seats 40 --port 1024 --seed 7
  labrpc lab --seats 40 --faults refuse=2,mute=1,duplicate=2
  labrpc lab --seats 1000 --faults zoo=10%", after_help = faults())]
pub(crate) struct Args {
    /// How many seats.
    #[arg(long, value_name = "N", default_value_t = 40, env = "LABRPC_SEATS")]
    seats: usize,
    /// Decides the people and the faults.
    #[arg(long, value_name = "N", default_value_t = 7, env = "LABRPC_SEED")]
    seed: u64,
    /// Who misbehaves: how many seats (or what part of them) show which fault. The faults are listed below;
    /// zoo stands for all of them in turn.
    #[arg(long, value_name = "FAULT=N|P%,…", env = "LABRPC_FAULTS")]
    faults: Option<FaultList>,
    /// The port of all seats [default: a free one].
    #[arg(long, value_name = "PORT", env = "LABRPC_PORT")]
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
        let mut out = io::BufWriter::new(io::stdout().lock());
        let written = room
            .hosts()
            .iter()
            .try_for_each(|endpoint| writeln!(out, "{endpoint}"))
            .and_then(|()| out.flush());
        printed(written)?;
        drop(out);
        say!("{seats} seats are open; Ctrl-C closes the room");
        // Being stopped is how a room ends.
        signals.next().await;
        room.shutdown().await;
        Ok(Exit::Success)
    })?
}

/// The names of all faults, from the zoo itself.
fn faults() -> String {
    format!(
        "FaultList: {}",
        FaultList::names().collect::<Vec<_>>().join(", ")
    )
}

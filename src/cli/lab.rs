//! `labrpc lab`: simulates a room or a fleet until a signal.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _},
};

use clap::{
    Args as ClapArgs,
    builder::{PossibleValuesParser, TypedValueParser},
};
use labrpc::lab::{self, FAULTS, FaultList, HEALTHY, Room, ServiceKind};

use crate::cli::{
    exit::{Exit, Failure},
    output::print_hosts,
    runtime,
    signals::Signals,
    values,
};

/// Open a simulated room, or a fleet of machines, on this machine and print its hosts file.
///
/// Every seat is a server at a loopback address of its own. The same seed gives the same people, machines and faults.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc lab --seats 1000 > hosts.txt
  labrpc lab --seats 40 --port 1024 --seed 7
  labrpc lab --seats 40 --faults refuse=2,hang=1,duplicate=2
  labrpc lab --seats 1000 --faults all=10%
  labrpc lab --service fleet --seats 500 --faults drift=2,old-schema=1,not-serving=1",
    after_help = "`labrpc lab --help` lists the faults.",
    after_long_help = fault_table())]
pub(crate) struct Args {
    /// Simulate people (profile) or machines whose status should be the same everywhere (fleet).
    #[arg(
        long,
        value_name = "NAME",
        default_value_t,
        value_parser = PossibleValuesParser::new(ServiceKind::ALL.map(ServiceKind::name))
            .try_map(|name| ServiceKind::from_name(&name).ok_or("unknown")),
        env = "LABRPC_SERVICE"
    )]
    service: ServiceKind,
    /// Open this many seats.
    #[arg(
        long,
        value_name = "N",
        default_value_t = lab::Config::default().seats,
        value_parser = values::whole(1_usize),
        env = "LABRPC_SEATS"
    )]
    seats: usize,
    /// Choose the people or machines, and which seats have which fault, by this number.
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
    /// The faults are listed below; `all` takes every one in turn that the service can have.
    #[arg(long, value_name = "FAULT=N|P%,…", env = "LABRPC_FAULTS")]
    faults: Option<FaultList>,
    /// Open all seats at this port [default: a free one].
    #[arg(long, value_name = "PORT", value_parser = values::port, env = "LABRPC_PORT")]
    port: Option<u16>,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    runtime::all_threads(async {
        let Args {
            service,
            seats,
            seed,
            faults,
            port,
        } = args;
        let config = lab::Config {
            service,
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
        match seats {
            1 => errln!("1 seat is open; Ctrl-C closes the room"),
            _ => errln!("{seats} seats are open; Ctrl-C closes the room"),
        }
        let (file, question) = match service {
            ServiceKind::Profile => ("room.txt", ""),
            ServiceKind::Fleet => ("fleet.txt", FLEET_QUESTION),
        };
        let survey = format!("labrpc survey --hosts {file}{question}");
        if io::stdout().is_terminal() {
            errln!("hint: with `> {file}` the list is saved for `{survey}`");
        } else {
            errln!("in another terminal: {survey}");
        }
        // A signal is the normal end of a room.
        signals.next().await;
        room.shutdown().await;
        Ok(Exit::Success)
    })?
}

/// Asks every machine of a fleet for what should be the same everywhere.
const FLEET_QUESTION: &str =
    " --method fleet.v1.MachineService/GetStatus --ignore host_name --ignore uptime";

/// The tables of faults as the help shows them.
fn fault_table() -> String {
    let mut table = String::new();
    for (heading, service) in [
        ("Faults, with the outcome that a survey reports:", None),
        ("With --service profile only:", Some(ServiceKind::Profile)),
        ("With --service fleet only:", Some(ServiceKind::Fleet)),
    ] {
        // Writing to a string does not fail.
        let _ = write!(table, "\n\n{heading}");
        let faults = std::iter::once(&HEALTHY).chain(FAULTS);
        for fault in faults.filter(|fault| fault.service() == service) {
            let (name, outcome, description) = (fault.name, fault.outcome(), fault.description);
            let _ = write!(table, "\n  {name:26}  {outcome:17}  {description}");
        }
    }
    table.trim_start().to_owned()
}

//! `labrpc check`: examines one server.

use std::io::{self, Write as _};

use clap::Args as ClapArgs;
use labrpc::check::{self, Check};

use crate::cli::{
    exit::{Exit, Failure},
    output::ignore_broken_pipe,
    runtime,
    target_args::HostArg,
};

/// Examine one server by a fixed list of checks, each with what to do about a failure.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc check 192.168.1.7
  labrpc check lab07.example:2048 --cacert ca.pem")]
pub(crate) struct Args {
    #[command(flatten)]
    host: HostArg,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let (endpoint, config) = args.host.open()?;
    let mut written = Ok(());
    let checks = runtime::all_threads(check::run(&endpoint, &config, |check| {
        // Line by line, since some checks take seconds.
        if written.is_ok() {
            written = write(check);
        }
    }))?;
    ignore_broken_pipe(written)?;
    if checks.iter().any(|check| check.result.is_fail()) {
        Ok(Exit::ChecksFailed)
    } else {
        Ok(Exit::Success)
    }
}

fn write(check: &Check) -> io::Result<()> {
    let mut out = anstream::stdout();
    writeln!(out, "{check}")?;
    out.flush()
}

//! `labrpc check`: one server examined.

use std::io::{self, Write as _};

use clap::Args as ClapArgs;
use labrpc::{
    check::{self, Check},
    survey,
};

use crate::cli::{
    Exit, Failure,
    asking::{Security, Times, single},
};

/// Examine one server by a fixed list of checks, each with what to do about a failure.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc check 192.168.1.7
  labrpc check lab07.example:2048 --cacert ca.pem")]
pub(crate) struct Args {
    /// HOST, HOST:PORT, [v6]:PORT or unix:PATH. Without a port, 1024 is asked.
    host: String,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    security: Security,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let endpoint = single(&args.host)?;
    let config = survey::Config {
        connect_timeout: args.times.connect_timeout,
        max_time: args.times.max_time,
        tls: args.security.tls()?,
        ..survey::Config::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("runtime", &error))?;
    let mut written = Ok(());
    let checks = runtime.block_on(check::run(&endpoint, &config, |check| {
        // Line by line: somebody is watching, and one of them takes seconds.
        if written.is_ok() {
            written = write(check);
        }
    }));
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::io("standard output", &error));
        }
        _ => {}
    }
    if checks.iter().any(|check| check.verdict.is_fail()) {
        Ok(Exit::TooFew)
    } else {
        Ok(Exit::Success)
    }
}

fn write(check: &Check) -> io::Result<()> {
    let mut out = anstream::stdout();
    writeln!(out, "{check}")?;
    out.flush()
}

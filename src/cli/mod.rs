//! What can be typed, and what it means.
//!
//! Each command has a file with the arguments as clap reads them and a `run` that turns them into the
//! configuration of the library below. Nothing but `main` imports this module.

mod asking;
mod board;
mod certs;
mod check;
mod duration;
mod exit;
mod get;
mod init;
mod lab;
mod output;
mod page;
mod profile;
mod progress;
mod rank;
mod ranking;
mod runtime;
mod serve;
mod signals;
mod survey;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser, Subcommand, error::ErrorKind};

pub(crate) use self::exit::{Exit, Failure};

/// Ask many machines one question over gRPC, at once, and rank the answers.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    before_help = "\
Examples:
  labrpc survey --demo                    a simulated room, surveyed over real connections
  labrpc serve --id 1001 --height 178 --weight 60 --size XXL
  labrpc survey --hosts hosts.txt         ask everybody, show the two most alike
  grpcurl -plaintext HOST:1024 lab.Profile/GetProfile",
    after_help = exit::HELP
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Box<serve::Args>),
    Survey(Box<survey::Args>),
    Rank(Box<rank::Args>),
    Board(Box<board::Args>),
    Get(Box<get::Args>),
    Check(Box<check::Args>),
    Lab(Box<lab::Args>),
    Init(init::Args),
    Certs(certs::Args),
    Completions(page::Completions),
    Man(page::Man),
}

/// Reads the command line. What is not a command has been answered on the terminal already.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, Exit> {
    let arguments: Vec<OsString> = arguments.collect();
    Cli::try_parse_from(&arguments)
        .map(|cli| cli.command)
        .map_err(|error| {
            // A closed pipe is no reason to complain about a help text.
            let _ = error.print();
            if error.use_stderr()
                && let Some(flag) = single_dash(&arguments)
            {
                anstream::eprintln!("\nhint: long flags have two dashes: -{flag}");
            }
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Success,
                _ => Exit::Usage,
            }
        })
}

/// The first long flag that was typed with a single dash, as grpcurl's users do: `-plaintext`.
fn single_dash(arguments: &[OsString]) -> Option<&str> {
    let cli = Cli::command();
    let longs: Vec<&str> = cli
        .get_subcommands()
        .flat_map(|command| command.get_arguments().filter_map(clap::Arg::get_long))
        .collect();
    arguments
        .iter()
        .skip(1)
        .filter_map(|argument| argument.to_str())
        .find(|argument| {
            let name = argument.split('=').next().unwrap_or_default();
            name.strip_prefix('-')
                .is_some_and(|name| name.len() > 1 && longs.contains(&name))
        })
}

pub(crate) fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::run(*args),
        Command::Survey(args) => survey::run(*args),
        Command::Rank(args) => rank::run(*args),
        Command::Board(args) => board::run(*args),
        Command::Get(args) => get::run(*args),
        Command::Check(args) => check::run(*args),
        Command::Lab(args) => lab::run(*args),
        Command::Init(args) => init::run(&args),
        Command::Certs(args) => certs::run(args),
        Command::Completions(args) => page::completions(&args),
        Command::Man(args) => page::man(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_variable() {
        for command in Cli::command().get_subcommands() {
            for flag in command
                .get_arguments()
                .filter(|argument| !argument.is_positional())
            {
                let id = flag.get_id().as_str();
                if ["help", "version"].contains(&id) {
                    continue;
                }
                // Two commands may mean different things by one word.
                let (flag_name, command_name) =
                    (id.to_uppercase(), command.get_name().to_uppercase());
                let expected = [
                    format!("LABRPC_{flag_name}"),
                    format!("LABRPC_{command_name}_{flag_name}"),
                ];
                let variable = flag
                    .get_env()
                    .map(|name| name.to_string_lossy().into_owned());
                assert!(
                    variable.is_some_and(|name| expected.contains(&name)),
                    "{} --{id}",
                    command.get_name()
                );
            }
        }
    }
}

//! What can be typed, and what it means.
//!
//! Each command has a file with the arguments as clap reads them and a `run` that turns them into the
//! configuration of the library below. Nothing but `main` imports this module.

/// Writes a line to standard error. That nobody reads it is no reason to stop, and so no panic.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(anstream::stderr(), $($text)*);
    }};
}

mod asking;
mod board;
mod certs;
mod check;
mod duration;
mod exit;
mod get;
mod init;
mod lab;
mod log;
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

use clap::{
    Arg, ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    builder::{BoolishValueParser, OsStr, Resettable},
    error::ErrorKind,
    parser::ValueSource,
};

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
    let mut definition = definition(&arguments);
    let single_dash = single_dash(&definition, &arguments);
    let parsed = read(&mut definition, &arguments);
    match (parsed, single_dash) {
        (Ok(cli), None) => Ok(cli.command),
        // `-output FILE` reads as `-o utput` and an endpoint more.
        (Ok(_), Some(flag)) => {
            let failure = Failure::usage(format_args!("-{flag} has one dash"));
            Err(failure
                .hint(format_args!("long flags have two: --{flag}"))
                .report())
        }
        (Err(error), single_dash) => {
            // A closed pipe is no reason to complain about a help text.
            let _ = error.print();
            if error.use_stderr()
                && let Some(flag) = single_dash
            {
                say!("\nhint: long flags have two dashes: --{flag}");
            }
            Err(match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Success,
                _ => Exit::Usage,
            })
        }
    }
}

fn read(definition: &mut clap::Command, arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = definition.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// What can be typed, with the variables that stand in for what was not.
///
/// A flag goes before a variable. To clap a variable that conflicts with a flag is as wrong as another flag; so
/// those are left out that speak against what was typed.
fn definition(arguments: &[OsString]) -> clap::Command {
    let command = Cli::command().mut_subcommands(|command| {
        command.mut_args(|arg| match arg.get_action() {
            // `LABRPC_TWINS=1` and `=yes` as well as `=true`.
            ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
            _ => arg,
        })
    });
    let is_ours = |(name, _): (OsString, _)| name.to_string_lossy().starts_with("LABRPC_");
    if !std::env::vars_os().any(is_ours) {
        return command;
    }
    let matches = command
        .clone()
        .mut_subcommands(|command| command.mut_args(without_variable))
        .ignore_errors(true)
        .try_get_matches_from(arguments);
    let Some((name, matches)) = matches.as_ref().ok().and_then(|all| all.subcommand()) else {
        return command;
    };
    let typed = |arg: &Arg| {
        let id = arg.get_id().as_str();
        // Neither of the two is an argument that can be looked up.
        !["help", "version"].contains(&id)
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    };
    command.mut_subcommand(name, |command| {
        let mut overruled = Vec::new();
        for arg in command.get_arguments() {
            for other in command.get_arg_conflicts_with(arg) {
                match (typed(arg), typed(other)) {
                    (true, false) => overruled.push(other.get_id().clone()),
                    (false, true) => overruled.push(arg.get_id().clone()),
                    _ => {}
                }
            }
        }
        command.mut_args(|arg| {
            if overruled.contains(arg.get_id()) {
                without_variable(arg)
            } else {
                arg
            }
        })
    })
}

fn without_variable(arg: Arg) -> Arg {
    arg.env(Resettable::<OsStr>::Reset)
}

/// The first long flag that was typed with a single dash, as grpcurl's users do: `-plaintext`.
fn single_dash<'a>(definition: &clap::Command, arguments: &'a [OsString]) -> Option<&'a str> {
    let longs: Vec<&str> = definition
        .get_subcommands()
        .flat_map(|command| command.get_arguments().filter_map(clap::Arg::get_long))
        .collect();
    arguments
        .iter()
        .skip(1)
        .take_while(|argument| *argument != "--")
        .filter_map(|argument| argument.to_str())
        .filter_map(|argument| argument.strip_prefix('-'))
        .find(|flag| {
            let name = flag.split('=').next().unwrap_or_default();
            name.len() > 1 && longs.contains(&name)
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
    fn every_example_can_be_typed() {
        let mut examples = 0;
        let cli = Cli::command();
        for command in cli.get_subcommands().chain([&cli]) {
            let help = command.get_before_help().map(ToString::to_string);
            for line in help.unwrap_or_default().lines() {
                // Neither what is piped into it, nor where its output goes, nor what it is about.
                let Some(at) = line.find("labrpc ").filter(|_| line.starts_with("  ")) else {
                    continue;
                };
                let typed = line[at..].split("  ").next().unwrap_or_default();
                let words = typed
                    .split(' ')
                    .take_while(|word| ![">", "|"].contains(word));
                let arguments: Vec<OsString> = words.map(OsString::from).collect();
                let mut definition = definition(&arguments);
                let parsed = read(&mut definition, &arguments);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                assert_eq!(single_dash(&definition, &arguments), None);
                examples += 1;
            }
        }
        assert!(examples > 30, "{examples}");
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

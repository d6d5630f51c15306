//! The command line: what can be typed, and what runs for it.
//!
//! Each command has a file with its arguments as clap reads them and a `run` that turns them into a configuration
//! of the library. The files `*_args.rs` hold arguments that several commands share. Only `main` imports this
//! module.

/// Writes a line to standard error, unless only errors are to be printed. A closed standard error does not stop a command, and so does not panic either.
macro_rules! errln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        if !$crate::cli::console::is_quiet() {
            let _ = writeln!(anstream::stderr(), $($text)*);
        }
    }};
}

mod board;
mod certs;
mod check;
mod compare_args;
mod console;
mod diff;
mod exit;
mod feed;
mod flag_scope;
mod generate;
mod get;
mod headers;
mod init;
mod lab;
mod live_run;
mod log;
mod man_page;
mod merge;
mod output;
mod part_args;
mod profile_args;
mod progress;
mod question_args;
mod rank;
mod ranking_args;
mod report_args;
mod runtime;
mod serve;
mod signals;
mod success_args;
mod survey;
mod target_args;
mod tips;
mod values;
mod watch;

use std::ffi::OsString;

use clap::{
    Arg, ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    builder::{BoolishValueParser, OsStr, Resettable},
    error::ErrorKind,
};

use self::{
    console::ConsoleArgs,
    exit::{Exit, Failure},
    question_args::QuestionArgs,
};

/// Ask many machines one question over gRPC, at once, and rank the answers.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    before_help = "\
Examples:
  labrpc survey --demo                    a simulated room, surveyed over real connections
  labrpc serve --id 1001 --height 178 --weight 60 --size XXL
  labrpc survey --hosts hosts.txt         ask all, show the two most alike
  grpcurl -plaintext HOST:1024 lab.Profile/GetProfile",
    after_help = exit::HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    console: ConsoleArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Args>),
    Survey(Box<survey::Args>),
    Rank(Box<rank::Args>),
    Merge(Box<merge::Args>),
    Diff(Box<diff::Args>),
    Board(Box<board::Args>),
    Get(Box<get::Args>),
    Check(Box<check::Args>),
    Lab(Box<lab::Args>),
    Init(init::Args),
    Certs(certs::Args),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

impl Command {
    /// What the endpoints are asked, of a command that asks many.
    fn question(&self) -> Option<&QuestionArgs> {
        match self {
            Self::Survey(args) => Some(&args.question),
            Self::Board(args) => Some(&args.question),
            _ => None,
        }
    }
}

/// Runs a command line and returns its exit status.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Exit {
    let command = match parse(&arguments.collect::<Vec<_>>()) {
        Ok(command) => command,
        Err(exit) => return exit,
    };
    dispatch(command).unwrap_or_else(Failure::report)
}

/// Reads the command line. Help and errors are printed here.
fn parse(arguments: &[OsString]) -> Result<Command, Exit> {
    let definition = definition(arguments);
    if let Some(failure) = tips::single_dash(&definition, arguments) {
        return Err(failure.report());
    }
    match read(definition.clone(), arguments) {
        Ok((Cli { command, console }, matches)) => {
            console.apply();
            let (name, matches) = matches.subcommand().unzip();
            let typed = name
                .and_then(|name| definition.find_subcommand(name))
                .zip(matches);
            match command.question().zip(typed) {
                Some((question, (definition, matches))) => {
                    let checked = flag_scope::check(definition, matches, question.asked());
                    checked.map_or_else(|failure| Err(failure.report()), |()| Ok(command))
                }
                None => Ok(command),
            }
        }
        Err(error) => {
            let error = tips::add(error, &definition, arguments);
            // A closed pipe is not a reason to complain about a help text.
            let _ = error.print();
            Err(match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Success,
                _ => Exit::Usage,
            })
        }
    }
}

fn read(
    definition: clap::Command,
    arguments: &[OsString],
) -> Result<(Cli, ArgMatches), clap::Error> {
    let matches = definition.try_get_matches_from(arguments)?;
    Ok((Cli::from_arg_matches(&matches)?, matches))
}

/// The definition of the command line for these arguments.
///
/// Flags override variables. To clap, a variable that conflicts with a typed flag is an error, so such variables are
/// removed from the definition. So are those that are set to nothing, and those of a question that is not asked.
fn definition(arguments: &[OsString]) -> clap::Command {
    let is_typed = |arg: &Arg| {
        let flag = arg.get_long().map(|long| format!("--{long}"));
        flag.is_some_and(|flag| tips::is_typed(&flag, arguments))
    };
    let variable = |arg: &Arg| arg.get_env().and_then(std::env::var_os);
    let adapted = |arg: Arg| match arg.get_action() {
        _ if variable(&arg).is_some_and(|value| value.is_empty()) => {
            arg.env(Resettable::<OsStr>::Reset)
        }
        // `LABRPC_STRICT=1` and `=yes` as well as `=true`.
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        _ => arg,
    };
    let cli = Cli::command().color(console::clap_color(arguments));
    cli.mut_args(adapted).mut_subcommands(|command| {
        let mut overridden = Vec::new();
        let has_method = ["method", "health"].iter().any(|id| {
            let mut args = command.get_arguments().filter(|arg| arg.get_id() == id);
            args.any(|arg| is_typed(arg) || variable(arg).is_some_and(|value| !value.is_empty()))
        });
        for arg in command.get_arguments() {
            if !has_method && flag_scope::needs_method(arg) {
                overridden.push(arg.get_id().clone());
            }
            for other in command.get_arg_conflicts_with(arg) {
                // clap lists a conflict with one of the two. The variable of a typed flag is not read anyway.
                if is_typed(arg) || is_typed(other) {
                    overridden.extend([arg.get_id().clone(), other.get_id().clone()]);
                }
            }
        }
        command.mut_args(|arg| match overridden.contains(arg.get_id()) {
            true => adapted(arg.env(Resettable::<OsStr>::Reset)),
            false => adapted(arg),
        })
    })
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::run(*args),
        Command::Survey(args) => survey::run(*args),
        Command::Rank(args) => rank::run(*args),
        Command::Merge(args) => merge::run(*args),
        Command::Diff(args) => diff::run(*args),
        Command::Board(args) => board::run(*args),
        Command::Get(args) => get::run(*args),
        Command::Check(args) => check::run(*args),
        Command::Lab(args) => lab::run(*args),
        Command::Init(args) => init::run(&args),
        Command::Certs(args) => certs::run(args),
        Command::Completions(args) => {
            generate::completions(&args, generate::with_hints(Cli::command()))
        }
        Command::Man(args) => generate::man(&args, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn examples_of_the_help_parse() {
        let mut examples = 0;
        let cli = Cli::command();
        for command in cli.get_subcommands().chain([&cli]) {
            let help = command.get_before_help().map(ToString::to_string);
            for line in help.unwrap_or_default().lines() {
                // Without what is piped into it, where its output goes, and the remark behind it.
                let Some(at) = line.find("labrpc ").filter(|_| line.starts_with("  ")) else {
                    continue;
                };
                let typed = line[at..].split("  ").next().unwrap_or_default();
                let words = typed
                    .split(' ')
                    .take_while(|word| ![">", ">>", "|"].contains(word));
                let arguments: Vec<OsString> = words.map(OsString::from).collect();
                let definition = definition(&arguments);
                assert!(tips::single_dash(&definition, &arguments).is_none());
                let parsed = read(definition, &arguments);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                examples += 1;
            }
        }
        assert!(examples > 30, "{examples}");
    }

    /// Flags that ask for one action or one ranking, and headers, which have secrets, are not settings and have no variable.
    #[test]
    fn variables_are_named_after_their_flags() {
        let actions = [
            "demo",
            "dir",
            "feature",
            "header",
            "health",
            "id",
            "incomplete",
            "list",
            "only_failed",
            "outliers",
            "per_person",
            "twins",
        ];
        for command in Cli::command().get_subcommands() {
            for flag in command.get_arguments().filter(|flag| !flag.is_positional()) {
                let id = flag.get_id().as_str();
                let (flag_name, command_name) =
                    (id.to_uppercase(), command.get_name().to_uppercase());
                // Two commands may mean different things by one word.
                let expected = [
                    format!("LABRPC_{flag_name}"),
                    format!("LABRPC_{command_name}_{flag_name}"),
                ];
                match flag.get_env().map(|name| name.to_string_lossy()) {
                    Some(name) => assert!(expected.contains(&name.into_owned())),
                    None => assert!(actions.contains(&id), "{command_name} --{id}"),
                }
            }
        }
    }
}

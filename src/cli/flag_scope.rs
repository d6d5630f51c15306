//! Which flags have an effect for what is asked: profiles are ranked, and other answers compared.

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

use crate::cli::exit::Failure;

/// The headings of the flags, which decide what they are for.
pub(crate) const QUESTION: &str = "Question";
pub(crate) const COMPARISON: &str = "Comparison (with --method or --health)";
pub(crate) const RANKING: &str = "Ranking";

/// What the endpoints are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Asked {
    /// Their profiles, the question of the computer room, which has reports of its own.
    Profile,
    /// Their health.
    Health,
    /// Any other method.
    Method,
}

/// Whether a flag has an effect only where a method is asked for.
pub(crate) fn needs_method(arg: &Arg) -> bool {
    let chooses_method = ["method", "health"].contains(&arg.get_id().as_str());
    matches!(arg.get_help_heading(), Some(QUESTION | COMPARISON)) && !chooses_method
}

/// Rejects the first typed flag that has no effect. Variables are settings of many commands, and without an effect they
/// are ignored.
pub(crate) fn check(command: &Command, matches: &ArgMatches, asked: Asked) -> Result<(), Failure> {
    let is_typed = |arg: &Arg| {
        let source = matches.value_source(arg.get_id().as_str());
        source == Some(ValueSource::CommandLine)
    };
    let misplaced = command.get_arguments().find_map(|arg| {
        let (problem, way_out) = without_effect(arg, asked, matches)?;
        is_typed(arg).then_some((arg.get_long()?, problem, way_out))
    });
    match misplaced {
        None => Ok(()),
        Some((flag, problem, way_out)) => {
            Err(Failure::usage(format_args!("--{flag} {problem}")).hint(way_out))
        }
    }
}

/// Why a flag has no effect, and what to do instead.
fn without_effect(
    arg: &Arg,
    asked: Asked,
    matches: &ArgMatches,
) -> Option<(&'static str, &'static str)> {
    let id = arg.get_id().as_str();
    match asked {
        Asked::Profile if needs_method(arg) => Some((
            "is for the answers of a method, and profiles are ranked",
            "add --method package.Service/Method, or --health",
        )),
        Asked::Health if ["ignore", "only"].contains(&id) => Some((
            "has no effect with --health, which compares the status alone",
            "leave it out",
        )),
        Asked::Method | Asked::Health
            if arg.get_help_heading() == Some(RANKING)
                && !(asked == Asked::Method && matches.contains_id("feature")) =>
        {
            Some((
                "ranks profiles, and other answers are compared",
                "leave it out, or leave out --method and --health",
            ))
        }
        Asked::Method if id == "import_path" && !matches.contains_id("proto") => Some((
            "is where the imports of --proto are looked for",
            "add --proto FILE",
        )),
        _ => None,
    }
}

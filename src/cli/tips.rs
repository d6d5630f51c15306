//! Tips for flags that other tools have, and for values that come from variables.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, Command,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use crate::cli::exit::Failure;

/// Flags of curl, grpcurl, ghz and others, and the flags here that do the same.
const OTHER_FLAGS: [(&str, &str); 9] = [
    ("--timeout", "--max-time"),
    ("--json", "--format json"),
    ("--csv", "--format csv"),
    ("--html", "--format html"),
    ("--verbose", "--log debug"),
    ("--no-color", "--color never"),
    ("--no-progress", "--quiet"),
    ("--silent", "--quiet"),
    ("--interval", "--every"),
];

/// The first long flag that was typed with a single dash, as grpcurl's users do: `-plaintext`. `-hosts FILE` would be
/// `-h` with a value to clap, and `-output FILE` be `-o utput`.
pub(crate) fn single_dash(definition: &Command, arguments: &[OsString]) -> Option<Failure> {
    let commands = definition.get_subcommands().chain([definition]);
    let mut longs: Vec<&str> = commands
        .flat_map(|command| command.get_arguments().filter_map(Arg::get_long))
        .collect();
    longs.extend(["help", "version"]);
    let flag = arguments
        .iter()
        .skip(1)
        .take_while(|argument| *argument != "--")
        .filter_map(|argument| argument.to_str()?.strip_prefix('-'))
        .find(|flag| {
            let name = flag.split('=').next().unwrap_or_default();
            name.len() > 1 && longs.contains(&name)
        })?;
    let failure = Failure::usage(format_args!("-{flag} has one dash"));
    Some(failure.hint(format_args!("long flags have two dashes: --{flag}")))
}

/// Whether a long flag was typed, with a value or without.
pub(crate) fn is_typed(flag: &str, arguments: &[OsString]) -> bool {
    let mut words = arguments.iter().filter_map(|word| word.to_str());
    words.any(|word| word.split('=').next() == Some(flag))
}

/// Adds to an error what it needs to be understood: the flag that was probably meant, or the variable whose value it
/// is about.
pub(crate) fn add(mut error: Error, definition: &Command, arguments: &[OsString]) -> Error {
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let flag = arg
        .split([' ', '=', '['])
        .next()
        .unwrap_or_default()
        .to_owned();
    let command = arguments
        .iter()
        .skip(1)
        .find_map(|word| definition.find_subcommand(word));
    let command = command.unwrap_or(definition);
    let find = |flag: &str| {
        let name = flag.trim_start_matches('-').split(' ').next();
        let mut args = command.get_arguments().chain(definition.get_arguments());
        args.find(|arg| arg.get_long() == name)
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let known = OTHER_FLAGS.iter().find(|(other, _)| *other == flag);
            if let Some((_, ours)) = known.filter(|(_, ours)| find(ours).is_some()) {
                let tip = ContextValue::String((*ours).to_owned());
                error.insert(ContextKind::SuggestedArg, tip);
            } else if flag == "--port" {
                // The nearest name is `--format`, which has no port.
                error.remove(ContextKind::SuggestedArg);
                let tip = match find("--listen").is_some() {
                    true => "a port is part of the address: --listen PORT",
                    false => "a port is part of the endpoint: HOST:PORT",
                };
                let tip = ContextValue::StyledStrs(vec![tip.into()]);
                error.insert(ContextKind::Suggested, tip);
            }
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let is_set = |variable: &&OsStr| std::env::var_os(variable).is_some();
            let variable = find(&flag).and_then(Arg::get_env).filter(is_set);
            if let Some(variable) = variable.filter(|_| !is_typed(&flag, arguments)) {
                let tip = format!("the value is that of the variable {}", variable.display());
                let tip = ContextValue::StyledStrs(vec![tip.into()]);
                error.insert(ContextKind::Suggested, tip);
            }
        }
        _ => {}
    }
    error
}

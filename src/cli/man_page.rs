//! The man pages. clap_mangen writes the sections about arguments; those about examples, variables and exit
//! statuses, which it does not know or mixes, are written here.

use std::fmt::Write as _;

use clap::{Arg, Command};
use clap_mangen::Man;

use crate::cli::exit;

/// A page in section 1.
pub(crate) struct ManPage {
    /// The command's name with hyphens: `labrpc-certs-issue`.
    pub(crate) name: String,
    /// The page in roff.
    pub(crate) text: String,
}

/// The pages of a command and of all commands below it.
pub(crate) fn all(cli: Command) -> Vec<ManPage> {
    // Gives the subcommands their full names. Their pages do not list the command `help`.
    let mut cli = cli.disable_help_subcommand(true);
    cli.build();
    let mut pages = Vec::new();
    add(&cli, &mut pages);
    pages
}

fn add(command: &Command, pages: &mut Vec<ManPage>) {
    pages.push(ManPage {
        name: name(command).to_owned(),
        text: page(command),
    });
    for subcommand in command.get_subcommands() {
        add(subcommand, pages);
    }
}

fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

fn page(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    let man = Man::new(command.clone().override_usage(usage))
        .source(concat!("labrpc ", env!("CARGO_PKG_VERSION")))
        .manual("labrpc Manual");
    let mut text = Vec::new();
    let has_subcommands = command.has_subcommands();
    // Writing to memory does not fail.
    let _ = man
        .render_title(&mut text)
        .and_then(|()| man.render_name_section(&mut text))
        .and_then(|()| man.render_synopsis_section(&mut text))
        .and_then(|()| man.render_description_section(&mut text))
        .and_then(|()| match has_subcommands {
            true => man.render_subcommands_section(&mut text),
            false => Ok(()),
        })
        .and_then(|()| man.render_options_section(&mut text));
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if let Some(after) = command.get_after_long_help().map(ToString::to_string)
        && after != exit::HELP
    {
        literal("NOTES", after.lines(), &mut text);
    }
    let examples = command.get_before_help().map(ToString::to_string);
    if let Some(examples) = examples {
        let lines = examples.lines().skip(1).map(|line| line.trim_start());
        literal("EXAMPLES", lines, &mut text);
    }
    environment(command, &mut text);
    let statuses = exit::HELP.lines().skip(1);
    literal("EXIT STATUS", statuses, &mut text);
    text
}

/// A section whose lines stay as they are.
fn literal<'a>(heading: &str, lines: impl Iterator<Item = &'a str>, text: &mut String) {
    let _ = writeln!(text, ".SH {heading}\n.nf");
    for line in lines {
        let _ = writeln!(text, "{}", escaped(line));
    }
    text.push_str(".fi\n");
}

/// The variables that stand for flags.
fn environment(command: &Command, text: &mut String) {
    let variable = |arg: &Arg| {
        Some((
            arg.get_env()?.to_str()?.to_owned(),
            arg.get_long()?.to_owned(),
        ))
    };
    let variables: Vec<_> = command.get_arguments().filter_map(variable).collect();
    let _ = writeln!(text, ".SH ENVIRONMENT");
    for (name, flag) in variables {
        let _ = writeln!(
            text,
            ".TP\n\\fB{}\\fR\nThe value of \\fB{}\\fR, where the flag is not given.",
            escaped(&name),
            escaped(&format!("--{flag}"))
        );
    }
    let _ = writeln!(
        text,
        ".TP\n\\fBNO_COLOR\\fR\nIf it is set, nothing is coloured."
    );
}

/// Text in which roff finds nothing to interpret.
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq");
    match text.starts_with('.') {
        true => format!("\\&{text}"),
        false => text,
    }
}

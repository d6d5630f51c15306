//! `labrpc completions` and `labrpc man`: generated from the same definitions as the help texts.

use std::io::{self, Write as _};

use crate::cli::{
    exit::{Exit, Failure},
    output::ignore_broken_pipe,
};

/// Print the completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(before_help = "\
Examples:
  labrpc completions bash > ~/.local/share/bash-completion/completions/labrpc
  labrpc completions fish > ~/.config/fish/completions/labrpc.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell that will read the script.
    shell: clap_complete::Shell,
}

/// Print the man page of labrpc or of one of its commands.
#[derive(Debug, clap::Args)]
#[command(before_help = "\
Examples:
  labrpc man > labrpc.1
  labrpc man survey | man -l -")]
pub(crate) struct ManArgs {
    /// The command to describe; without it, labrpc as a whole.
    command: Option<String>,
}

pub(crate) fn completions(args: &CompletionsArgs, mut cli: clap::Command) -> Result<Exit, Failure> {
    // Rendered to memory: the generator panics when its writer fails, and a closed pipe is not a failure.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "labrpc", &mut script);
    print(&script)
}

pub(crate) fn man(args: &ManArgs, mut cli: clap::Command) -> Result<Exit, Failure> {
    // Gives the subcommands their full names.
    cli.build();
    let command = match &args.command {
        None => cli,
        Some(name) => cli.find_subcommand(name).cloned().ok_or_else(|| {
            let names: Vec<_> = cli.get_subcommands().map(clap::Command::get_name).collect();
            Failure::usage(format_args!(
                "there is no command \"{}\"",
                name.escape_debug()
            ))
            .hint(format_args!("one of {}", names.join(", ")))
        })?,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::io("man page", &error))?;
    print(&page)
}

fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    ignore_broken_pipe(io::stdout().lock().write_all(bytes))?;
    Ok(Exit::Success)
}

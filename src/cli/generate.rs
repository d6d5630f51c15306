//! `labrpc completions` and `labrpc man`: generated from the same definitions as the help texts.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use clap::ValueHint;

use crate::cli::{
    exit::{Exit, Failure},
    man_page,
    output::{cannot_write, ignore_broken_pipe},
};

/// Print the completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(before_help = "\
Examples:
  labrpc completions bash > ~/.local/share/bash-completion/completions/labrpc
  labrpc completions fish > ~/.config/fish/completions/labrpc.fish
  labrpc completions zsh > ~/.zfunc/_labrpc       with fpath+=~/.zfunc before compinit in ~/.zshrc
  labrpc completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// The shell that will read the script.
    shell: clap_complete::Shell,
}

/// Print the man page of labrpc or of one of its commands, or write all of them.
#[derive(Debug, clap::Args)]
#[command(before_help = "\
Examples:
  labrpc man survey | man -l -
  labrpc man certs issue | man -l -
  labrpc man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The command to describe; without it, labrpc as a whole.
    command: Vec<String>,
    /// Write all pages into this folder, which is created if missing.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs, mut cli: clap::Command) -> Result<Exit, Failure> {
    // Rendered to memory: the generator panics when its writer fails, and a closed pipe is not a failure.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "labrpc", &mut script);
    print(&script)
}

pub(crate) fn man(args: &ManArgs, cli: clap::Command) -> Result<Exit, Failure> {
    let pages = man_page::all(cli);
    let Some(dir) = &args.dir else {
        let mut words = vec!["labrpc"];
        words.extend(args.command.iter().map(|word| &**word));
        let name = words.join("-");
        let page = pages.iter().find(|page| page.name == name);
        let page = page.ok_or_else(|| {
            let names = pages
                .iter()
                .filter_map(|page| page.name.strip_prefix("labrpc-"));
            Failure::usage(format_args!(
                "there is no command \"{}\"",
                args.command.join(" ").escape_debug()
            ))
            .hint(format_args!(
                "one of {}",
                names.collect::<Vec<_>>().join(", ")
            ))
        })?;
        return print(page.text.as_bytes());
    };
    fs::create_dir_all(dir).map_err(|error| cannot_write(dir, &error))?;
    for page in pages {
        let path = dir.join(format!("{}.1", page.name));
        fs::write(&path, page.text).map_err(|error| cannot_write(&path, &error))?;
    }
    Ok(Exit::Success)
}

/// Adds to each value that is not the path of a file that shells must not complete it as one, and to `man` the names
/// of the commands.
pub(crate) fn with_hints(cli: clap::Command) -> clap::Command {
    fn hint(command: clap::Command) -> clap::Command {
        let command = command.mut_args(|arg| {
            let is_open = arg.get_possible_values().is_empty();
            match arg.get_value_hint() {
                ValueHint::Unknown if is_open && arg.get_action().takes_values() => {
                    arg.value_hint(ValueHint::Other)
                }
                _ => arg,
            }
        });
        command.mut_subcommands(hint)
    }
    let names: Vec<_> = cli
        .get_subcommands()
        .map(clap::Command::get_name)
        .map(str::to_owned)
        .collect();
    hint(cli).mut_subcommand("man", |man| {
        man.mut_arg("command", |arg| arg.value_parser(names.clone()))
    })
}

fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    ignore_broken_pipe(io::stdout().lock().write_all(bytes))?;
    Ok(Exit::Success)
}

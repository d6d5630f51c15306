//! The `labrpc` command: runs what was typed and exits with its status.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os()).into()
}

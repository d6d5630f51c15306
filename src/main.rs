//! The `labrpc` command: parse, choose, exit status.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(exit) => return exit.into(),
    };
    match cli::run(command) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.report().into(),
    }
}

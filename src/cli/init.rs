//! `labrpc init`: writes a profile file from answers on the terminal.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, Write as _},
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use labrpc::profile::{Draft, Error, FIELDS, Field, in_words, names};

use crate::cli::{
    exit::{Exit, Failure},
    output::cannot_write,
    profile_args,
};

/// Ask for the values of a profile and write them to profile.toml, where `labrpc serve` finds them.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc init
  labrpc init --profile ~/.config/labrpc/profile.toml")]
pub(crate) struct Args {
    /// The file to write; an existing one is not overwritten.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "profile.toml",
        env = "LABRPC_PROFILE"
    )]
    profile: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let path = &args.profile;
    let exists = || {
        Failure::usage(format_args!("{} already exists", path.display()))
            .hint("edit it, or remove it first; nothing is overwritten")
    };
    // Reported before the questions rather than after them.
    if path.exists() {
        return Err(exists());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    }
    let mut answers = io::stdin().lock();
    let id = ask(&mut answers, "Student id", str::parse)?;
    let mut values = Vec::new();
    for field in &FIELDS {
        let question = question(field);
        values.push(ask(&mut answers, &question, |text| field.parse(text))?);
    }
    let profile = Draft::new(Some(id), &values).finish();
    let profile = profile.map_err(Failure::internal)?;
    let text = toml::to_string(&profile).map_err(Failure::internal)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Height and weight are private.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => cannot_write(path, &error),
    })?;
    let same = |found: PathBuf| {
        let real = |path: &Path| path.canonicalize().ok();
        real(&found) == real(path)
    };
    if profile_args::default_profile_path().is_some_and(same) {
        errln!("wrote {}; `labrpc serve` finds it there", path.display());
    } else {
        errln!(
            "wrote {0}; start with `labrpc serve --profile {0}`",
            path.display()
        );
    }
    Ok(Exit::Success)
}

/// `Height in cm`, `Size (XXS XS …)`
fn question(field: &Field) -> String {
    let (first, rest) = field.name.split_at(1);
    let name = first.to_uppercase() + rest;
    match field.unit {
        Some(unit) => format!("{name} in {unit}"),
        None => format!("{name} ({})", field.limits()),
    }
}

/// Asks until the answer is valid.
fn ask<T>(
    answers: &mut impl BufRead,
    question: &str,
    parse: impl Fn(&str) -> Result<T, Error>,
) -> Result<T, Failure> {
    loop {
        let _ = write!(anstream::stderr(), "{question}: ");
        let mut line = String::new();
        let read = answers
            .read_line(&mut line)
            .map_err(|error| Failure::io("answer", &error))?;
        if read == 0 {
            errln!("");
            let fields: Vec<_> = names().collect();
            return Err(Failure::usage(format_args!(
                "input ended before all {} values were given",
                in_words(fields.len())
            ))
            .hint(format_args!("give one line each: {}", fields.join(", "))));
        }
        match parse(line.trim()) {
            Ok(value) => return Ok(value),
            Err(error) => errln!("  {error}"),
        }
    }
}

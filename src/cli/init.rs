//! `labrpc init`: writes a profile file from answers on the terminal.

use std::{
    fmt::Display,
    fs::{self, OpenOptions},
    io::{self, BufRead, Write as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args as ClapArgs;
use labrpc::profile::{Error, Height, Id, Profile, Size, Weight};

use crate::cli::{
    exit::{Exit, Failure},
    profile_args,
};

/// Ask for the four values and write them to profile.toml, where `labrpc serve` finds them.
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
        fs::create_dir_all(folder).map_err(|error| Failure::io(folder.display(), &error))?;
    }
    let mut answers = io::stdin().lock();
    let profile = Profile {
        id: ask::<Id>(&mut answers, "Student id")?,
        height: ask::<Height>(&mut answers, "Height in cm")?,
        weight: ask::<Weight>(&mut answers, "Weight in kg")?,
        size: ask::<Size>(&mut answers, "Size (XXS XS S M L XL XXL XXXL)")?,
    };
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
        _ => Failure::io(path.display(), &error),
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

/// Asks until the answer is valid.
fn ask<T: FromStr<Err = Error> + Display>(
    answers: &mut impl BufRead,
    question: &str,
) -> Result<T, Failure> {
    loop {
        let _ = write!(anstream::stderr(), "{question}: ");
        let mut line = String::new();
        let read = answers
            .read_line(&mut line)
            .map_err(|error| Failure::io("answer", &error))?;
        if read == 0 {
            errln!("");
            return Err(
                Failure::usage("input ended before all four values were given")
                    .hint("give one line each: id, height, weight, size"),
            );
        }
        match line.trim().parse() {
            Ok(value) => return Ok(value),
            Err(error) => errln!("  {error}"),
        }
    }
}

//! The profile that `serve` serves: from flags, variables, a file, or the sample of the original exercise.

use std::{env, path::PathBuf, sync::Arc};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use labrpc::{
    profile::{Build, Draft, FIELDS, Field, Id, Profile, Value},
    serve::{profile_source::ProfileSource, reload},
};

use crate::cli::{exit::Failure, log::Log, values::Named};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Profile")]
pub(crate) struct ProfileArgs {
    /// Serve this student id: 1 to 32 characters of 0-9 A-Z a-z _ -.
    #[arg(long, value_name = "ID", env = "LABRPC_ID", hide_env_values = true)]
    id: Option<Id>,
    #[command(flatten)]
    values: ValueArgs,
    /// Read the profile from this TOML file, and again when it changes [default: profile.toml here, or in the user's
    /// configuration folder].
    #[arg(long, value_name = "FILE", env = "LABRPC_PROFILE")]
    profile: Option<PathBuf>,
}

/// A flag for each field of the table.
#[derive(Clone, Debug)]
struct ValueArgs(Vec<Value>);

impl FromArgMatches for ValueArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |field: &Field| matches.get_one(field.name).copied();
        Ok(Self(FIELDS.iter().filter_map(value).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ValueArgs {
    fn augment_args(command: Command) -> Command {
        command.args(FIELDS.iter().map(value_flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn value_flag(field: &'static Field) -> Arg {
    let (description, limits) = (field.description, field.limits());
    let separator = if field.unit.is_some() { "," } else { ":" };
    let parse = |text: &str| field.parse(text).map_err(|error| error.to_string());
    Arg::new(field.name)
        .long(field.name)
        .value_name(value_name(field))
        .env(format!("LABRPC_{}", field.name.to_uppercase()))
        .hide_env_values(true)
        .allow_negative_numbers(field.unit.is_some())
        .value_parser(Named::parsed_by(field.names, parse))
        .hide_possible_values(true)
        .help(format!("Serve this {description}{separator} {limits}"))
}

/// What stands for a value: `CM`, `SIZE`.
fn value_name(field: &Field) -> String {
    field.unit.unwrap_or(field.name).to_uppercase()
}

/// The profile of the original exercise, for servers that are started without one.
fn sample() -> Result<Profile, Failure> {
    Ok(Profile {
        id: "1527406014".parse().map_err(Failure::internal)?,
        build: Build::nearest(Field::typical),
    })
}

impl ProfileArgs {
    /// Resolves the profile, and warns when it falls back to the sample. Must be called within a runtime.
    pub(crate) fn open(self, log: &Log) -> Result<Arc<dyn ProfileSource>, Failure> {
        let Self {
            id,
            values: ValueArgs(values),
            profile,
        } = self;
        let given = Draft::new(id, &values);
        let missing = given.missing();
        if missing.is_empty() {
            let profile = given.finish().map_err(Failure::usage)?;
            log.line(format_args!("serving the profile of {}", profile.id));
            return Ok(Arc::new(profile));
        }
        if let Some(path) = profile.or_else(default_profile_path) {
            let file = path.display().to_string();
            let profile = reload::profile(path, given, reload::POLL_INTERVAL)?;
            let id = profile.borrow().id;
            log.line(format_args!("serving the profile of {id} from {file}"));
            return Ok(Arc::new(profile));
        }
        if given != Draft::default() {
            let flags: Vec<_> = missing.iter().map(|field| format!("--{field}")).collect();
            return Err(Failure::usage(format_args!(
                "the profile has no {}",
                missing.join(", no ")
            ))
            .hint(format_args!(
                "add {}, or write profile.toml with `labrpc init`",
                flags.join(" ")
            )));
        }
        let profile = sample()?;
        let flags = FIELDS.iter().map(|field| {
            let (name, value) = (field.name, value_name(field));
            format!(" --{name} {value}")
        });
        log.line(format_args!(
            "warning: no profile was given; serving the sample ({profile})\n\
             hint: labrpc serve --id ID{}, or labrpc init",
            flags.collect::<String>()
        ));
        Ok(Arc::new(profile))
    }
}

/// The profile file that exists: here, or in the user's configuration folder.
pub(crate) fn default_profile_path() -> Option<PathBuf> {
    [
        Some(PathBuf::new()),
        config_folder().map(|folder| folder.join("labrpc")),
    ]
    .into_iter()
    .flatten()
    .map(|folder| folder.join("profile.toml"))
    .find(|path| path.is_file())
}

/// The folder after the XDG base directory specification, or the system's own.
fn config_folder() -> Option<PathBuf> {
    let folder = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    folder("XDG_CONFIG_HOME")
        .or_else(|| folder("APPDATA"))
        .or_else(|| env::home_dir().map(|home| home.join(".config")))
}

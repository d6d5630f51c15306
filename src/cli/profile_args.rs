//! The profile that `serve` serves: from flags, variables, a file, or the sample of the original exercise.

use std::{env, path::PathBuf, sync::Arc};

use clap::Args;
use labrpc::{
    profile::{Draft, Height, Id, Profile, Size, Weight},
    serve::{profile_source::ProfileSource, reload},
};

use crate::cli::{exit::Failure, log::Log, values::Named};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Profile")]
pub(crate) struct ProfileArgs {
    /// Serve this student id: 1 to 32 characters of 0-9 A-Z a-z _ -.
    #[arg(long, value_name = "ID", env = "LABRPC_ID", hide_env_values = true)]
    id: Option<Id>,
    /// Serve this height in centimetres, 50 to 272.
    #[arg(
        long,
        value_name = "CM",
        env = "LABRPC_HEIGHT",
        hide_env_values = true,
        allow_negative_numbers = true
    )]
    height: Option<Height>,
    /// Serve this weight in kilograms, 10 to 650.
    #[arg(
        long,
        value_name = "KG",
        env = "LABRPC_WEIGHT",
        hide_env_values = true,
        allow_negative_numbers = true
    )]
    weight: Option<Weight>,
    /// Serve this clothing size: XXS XS S M L XL XXL XXXL.
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = Named::<Size>::new(Size::ALL.map(Size::name)),
        hide_possible_values = true,
        env = "LABRPC_SIZE",
        hide_env_values = true
    )]
    size: Option<Size>,
    /// Read id, height, weight and size from this TOML file, and again when it changes [default: profile.toml here, or
    /// in the user's configuration folder].
    #[arg(long, value_name = "FILE", env = "LABRPC_PROFILE")]
    profile: Option<PathBuf>,
}

/// The profile of the original exercise, for servers that are started without one.
const SAMPLE: &str = r#"{"id":"1527406014","height":178,"weight":60,"size":"XXL"}"#;

impl ProfileArgs {
    /// Resolves the profile, and warns when it falls back to the sample. Must be called within a runtime.
    pub(crate) fn open(self, log: &Log) -> Result<Arc<dyn ProfileSource>, Failure> {
        let Self {
            id,
            height,
            weight,
            size,
            profile,
        } = self;
        let given = Draft {
            id,
            height,
            weight,
            size,
        };
        let missing = given.missing();
        if missing.is_empty() {
            let profile = Profile::try_from(given).map_err(Failure::usage)?;
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
        let profile: Profile = serde_json::from_str(SAMPLE).map_err(Failure::internal)?;
        log.line(format_args!(
            "warning: no profile was given; serving the sample ({profile})\n\
             hint: labrpc serve --id ID --height CM --weight KG --size SIZE, or labrpc init"
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

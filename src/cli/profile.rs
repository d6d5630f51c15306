//! Whose profile `serve` serves: flags, variables, a file, or the sample of the original exercise.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use clap::Args;
use labrpc::{
    profile::{Height, Id, Profile, Size, Weight},
    untrusted::Untrusted,
};
use serde::Deserialize;

use crate::cli::Failure;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Profile")]
pub(crate) struct Source {
    /// The owner's student id: 1 to 32 characters of 0-9 A-Z a-z _ -.
    #[arg(long, value_name = "ID", env = "LABRPC_ID", hide_env_values = true)]
    id: Option<Id>,
    /// Height in centimetres, 50 to 272.
    #[arg(
        long,
        value_name = "CM",
        env = "LABRPC_HEIGHT",
        hide_env_values = true,
        allow_negative_numbers = true
    )]
    height: Option<Height>,
    /// Weight in kilograms, 10 to 650.
    #[arg(
        long,
        value_name = "KG",
        env = "LABRPC_WEIGHT",
        hide_env_values = true,
        allow_negative_numbers = true
    )]
    weight: Option<Weight>,
    /// Clothing size: XXS XS S M L XL XXL XXXL.
    #[arg(long, value_name = "SIZE", env = "LABRPC_SIZE", hide_env_values = true)]
    size: Option<Size>,
    /// A TOML file with id, height, weight and size; it is read again when it changes [default: profile.toml
    /// here, or in the user's configuration folder].
    #[arg(long, value_name = "FILE", env = "LABRPC_PROFILE")]
    profile: Option<PathBuf>,
}

/// What was chosen.
#[derive(Clone, Debug)]
pub(crate) enum Chosen {
    /// Everything was said on the command line.
    Said(Profile),
    /// A file, and what the command line says instead of it.
    File(File),
    /// Nothing was said and there is no file.
    Sample(Profile),
}

/// A profile file under the fields that were given by flag or variable.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    said: Fields,
}

/// The fields of a profile as a file or the command line gives them: some may be absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    id: Option<Id>,
    height: Option<Height>,
    weight: Option<Weight>,
    size: Option<Size>,
}

/// The profile of the original exercise, for somebody who has not said who they are.
const SAMPLE: &str = r#"{"id":"1527406014","height":178,"weight":60,"size":"XXL"}"#;

impl Source {
    /// Decides what is served; a file is only found here, not read.
    pub(crate) fn choose(&self) -> Result<Chosen, Failure> {
        let Self {
            id,
            height,
            weight,
            size,
            profile,
        } = self.clone();
        let said = Fields {
            id,
            height,
            weight,
            size,
        };
        if let (Some(path), said) = (profile.or_else(found), &said)
            && said.complete(&Fields::default()).is_err()
        {
            return Ok(Chosen::File(File {
                path,
                said: said.clone(),
            }));
        }
        match said.complete(&Fields::default()) {
            Ok(profile) => Ok(Chosen::Said(profile)),
            Err(missing) if missing.len() < 4 => {
                let flags: Vec<_> = missing.iter().map(|field| format!("--{field}")).collect();
                Err(
                    Failure::usage(format_args!("the profile has no {}", missing.join(", no ")))
                        .hint(format_args!(
                            "add {}, or write all four to profile.toml",
                            flags.join(" ")
                        )),
                )
            }
            Err(_) => serde_json::from_str(SAMPLE)
                .map(Chosen::Sample)
                .map_err(Failure::internal),
        }
    }
}

impl File {
    /// Reads the file. The command line's fields stand before the file's.
    ///
    /// # Errors
    /// What is wrong with the file, as a text that names it.
    pub(crate) fn read(&self) -> Result<Profile, String> {
        let path = self.path.display();
        let text = fs::read_to_string(&self.path).map_err(|error| format!("{path}: {error}"))?;
        let file: Fields = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(0, |span| text[..span.start].matches('\n').count())
                + 1;
            format!("{path}:{line}: {}", Untrusted::new(error.message()))
        })?;
        self.said
            .complete(&file)
            .map_err(|missing| format!("{path}: it has no {}", missing.join(", no ")))
    }
}

impl Fields {
    /// These fields, with those of `below` where they are absent; or the names of those that both lack.
    fn complete(&self, below: &Self) -> Result<Profile, Vec<&'static str>> {
        let Self {
            id,
            height,
            weight,
            size,
        } = self;
        let id = id.or(below.id);
        let height = height.or(below.height);
        let weight = weight.or(below.weight);
        let size = size.or(below.size);
        match (id, height, weight, size) {
            (Some(id), Some(height), Some(weight), Some(size)) => Ok(Profile {
                id,
                height,
                weight,
                size,
            }),
            _ => Err([
                id.is_none().then_some("id"),
                height.is_none().then_some("height"),
                weight.is_none().then_some("weight"),
                size.is_none().then_some("size"),
            ]
            .into_iter()
            .flatten()
            .collect()),
        }
    }
}

/// The profile file that is there: here, or in the user's configuration folder.
fn found() -> Option<PathBuf> {
    let here = PathBuf::from("profile.toml");
    [
        Some(here),
        config_folder().map(|folder| folder.join("labrpc/profile.toml")),
    ]
    .into_iter()
    .flatten()
    .find(|path| path.is_file())
}

/// The folder after the XDG base directory specification, or the system's own.
pub(crate) fn config_folder() -> Option<PathBuf> {
    let folder = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    folder("XDG_CONFIG_HOME")
        .or_else(|| folder("APPDATA"))
        .or_else(|| env::home_dir().map(|home| home.join(Path::new(".config"))))
}

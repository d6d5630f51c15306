//! Why something is not a profile.

use std::fmt;

use crate::{
    profile::table::{Field, phrase},
    untrusted::Untrusted,
};

/// Why something is not a profile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A required field is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The value of a text has another type, such as a number without quotes.
    #[error("{field} must be text in quotes, such as \"{example}\"")]
    NotText {
        /// The field.
        field: &'static str,
        /// A valid value.
        example: &'static str,
    },
    /// The value of a number has another type, such as a number in quotes.
    #[error("{} must be a number without quotes, such as {}", .0.name, .0.example)]
    NotNumber(&'static Field),
    /// The id is empty, too long, or has a character outside `0-9 A-Z a-z _ -`.
    #[error("id \"{0}\" is not 1 to 32 characters of 0-9 A-Z a-z _ -")]
    Id(Untrusted),
    /// The text is not a decimal number.
    #[error(
        "{} \"{}\" is not a number of {}, such as {whole} or {whole}.5, with a point",
        .0.name, .1, .0.unit.unwrap_or_default(), whole = .0.sample()
    )]
    Number(&'static Field, Untrusted),
    /// The number is not a number, infinite or outside its range; or not the place of a name.
    #[error("{} {}", .0.name, out_of_range(.0, *.1))]
    Range(&'static Field, f64),
    /// The text is none of the names.
    #[error("{} \"{}\" is none of {}{}", .0.name, .1, .0.limits(), other_names(.0))]
    Name(&'static Field, Untrusted),
}

fn out_of_range(field: &Field, value: f64) -> String {
    let limits = field.limits();
    match (field.unit, field.names) {
        (Some(unit), _) => {
            let hint = (field.hint)(value).map(|hint| format!(" ({hint})"));
            let (value, hint) = (short(value), hint.unwrap_or_default());
            format!("{value} is not within {limits} {unit}{hint}")
        }
        (None, [first, .., last]) => {
            let count = field.names.len();
            format!("{value} is none of 1 ({first}) to {count} ({last})")
        }
        (None, _) => format!("{value} is none of {limits}"),
    }
}

fn other_names(field: &Field) -> String {
    let names: Vec<_> = field.other_names.iter().map(|(name, _)| *name).collect();
    match names[..] {
        [] => String::new(),
        _ => format!(" (or {})", names.join(" ")),
    }
}

impl Error {
    /// The name of the invalid field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Missing(field) | Self::NotText { field, .. } => field,
            Self::Id(_) => "id",
            Self::NotNumber(field)
            | Self::Number(field, _)
            | Self::Range(field, _)
            | Self::Name(field, _) => field.name,
        }
    }

    /// The message without the value, for logs.
    fn without_value(&self) -> String {
        match self {
            Self::Id(_) => "id must be 1 to 32 characters of 0-9 A-Z a-z _ -".to_owned(),
            Self::Number(field, _) | Self::Range(field, _) | Self::Name(field, _) => {
                let (name, limits) = (field.name, field.limits());
                match (self, field.unit) {
                    (Self::Number(..), Some(unit)) => format!("{name} must be a number of {unit}"),
                    (_, Some(unit)) => format!("{name} must be {limits} {unit}"),
                    (_, None) => format!("{name} must be one of {limits}"),
                }
            }
            Self::Missing(_) | Self::NotText { .. } | Self::NotNumber(_) => self.to_string(),
        }
    }
}

/// Everything that is wrong with a profile, in the order of its fields.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct FieldErrors {
    errors: Vec<Error>,
    /// Names of other values, where a field is absent.
    other_keys: Option<Untrusted>,
}

impl FieldErrors {
    pub(super) fn new(errors: Vec<Error>) -> Self {
        Self {
            errors,
            other_keys: None,
        }
    }

    /// Each error.
    pub fn iter(&self) -> impl Iterator<Item = &Error> {
        self.errors.iter()
    }

    /// Whether a field is absent.
    #[must_use]
    pub fn any_missing(&self) -> bool {
        self.errors
            .iter()
            .any(|error| matches!(error, Error::Missing(_)))
    }

    /// The messages without the values, for logs.
    pub(crate) fn without_values(&self) -> String {
        let messages: Vec<_> = self.errors.iter().map(Error::without_value).collect();
        messages.join("; ")
    }

    /// Names the keys that were sent where a field is absent.
    pub(super) fn set_other_keys(&mut self, keys: &str) {
        self.other_keys = Some(Untrusted::new(keys));
    }
}

/// The absent fields in one phrase, then the others: `id and size are missing; height 1.78 is not within …`.
impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.errors.iter().filter_map(|error| match error {
            Error::Missing(field) => Some(*field),
            _ => None,
        });
        let missing: Vec<_> = missing.collect();
        let verb = if missing.len() == 1 { "is" } else { "are" };
        let missing = (!missing.is_empty()).then(|| format!("{} {verb} missing", phrase(&missing)));
        let others = self
            .errors
            .iter()
            .filter(|error| !matches!(error, Error::Missing(_)));
        let keys = self.other_keys.as_ref();
        let parts: Vec<_> = missing
            .into_iter()
            .chain(others.map(Error::to_string))
            .chain(keys.map(|keys| format!("unknown keys: {keys}")))
            .collect();
        f.write_str(&parts.join("; "))
    }
}

/// A number in few characters: 1e308 written out has 309 digits, and 5e-324 has 326.
fn short(value: f64) -> String {
    if value == 0.0 || (1e-3..1e9).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

//! Why something is not a profile.

use std::{convert::Infallible, fmt};

use crate::untrusted::Untrusted;

/// Why something is not a profile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A required field is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The value has another type than text, such as a number without quotes.
    #[error("{field} must be text in quotes, such as \"{example}\"")]
    NotText {
        /// `id` or `size`.
        field: &'static str,
        /// A valid value.
        example: &'static str,
    },
    /// The value has another type than a number, such as a number in quotes.
    #[error("{field} must be a number without quotes, such as {example}")]
    NotNumber {
        /// `height` or `weight`.
        field: &'static str,
        /// A valid value.
        example: &'static str,
    },
    /// The id is empty, too long, or has a character outside `0-9 A-Z a-z _ -`.
    #[error("id \"{0}\" is not 1 to 32 characters of 0-9 A-Z a-z _ -")]
    Id(Untrusted),
    /// The text of a measure is not a decimal number.
    #[error("{field} \"{text}\" is not a number of {unit}, such as {example}")]
    Number {
        /// `height` or `weight`.
        field: &'static str,
        /// The unit of the field.
        unit: &'static str,
        /// The text.
        text: Untrusted,
        /// A valid value.
        example: &'static str,
    },
    /// A measure is not a number, infinite or outside its range.
    #[error(
        "{field} {} is not within {min} to {max} {unit}{}",
        short(*value),
        hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
    )]
    Range {
        /// `height` or `weight`.
        field: &'static str,
        /// The unit of the value and its range.
        unit: &'static str,
        /// The value.
        value: f64,
        /// The smallest allowed value.
        min: f64,
        /// The largest allowed value.
        max: f64,
        /// The probable mistake.
        hint: Option<&'static str>,
    },
    /// The text is not the name of a size.
    #[error("size \"{0}\" is none of XXS XS S M L XL XXL XXXL (or 2XS 2XL 3XL)")]
    Size(Untrusted),
    /// The number in protobuf is none of the eight sizes.
    #[error("size {0} is none of 1 (XXS) to 8 (XXXL)")]
    SizeNumber(i32),
}

impl Error {
    /// The name of the invalid field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Missing(field)
            | Self::NotText { field, .. }
            | Self::NotNumber { field, .. }
            | Self::Number { field, .. }
            | Self::Range { field, .. } => field,
            Self::Id(_) => "id",
            Self::Size(_) | Self::SizeNumber(_) => "size",
        }
    }

    /// The message without the value, for logs.
    fn without_value(&self) -> String {
        match self {
            Self::Id(_) => "id must be 1 to 32 characters of 0-9 A-Z a-z _ -".to_owned(),
            Self::Number { field, unit, .. } => format!("{field} must be a number of {unit}"),
            Self::Range {
                field,
                unit,
                min,
                max,
                ..
            } => format!("{field} must be {min} to {max} {unit}"),
            Self::Size(_) | Self::SizeNumber(_) => {
                "size must be one of XXS XS S M L XL XXL XXXL".to_owned()
            }
            Self::Missing(_) | Self::NotText { .. } | Self::NotNumber { .. } => self.to_string(),
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
        let missing = match missing.collect::<Vec<_>>().as_slice() {
            [] => None,
            [field] => Some(Error::Missing(field).to_string()),
            [first @ .., last] => Some(format!("{} and {last} are missing", first.join(", "))),
        };
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

impl From<Infallible> for Error {
    fn from(error: Infallible) -> Self {
        match error {}
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

//! Why something is not a profile.

use std::convert::Infallible;

use crate::untrusted::Untrusted;

/// Why something is not a profile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A required field is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The id is empty, too long, or has a character outside `0-9 A-Z a-z _ -`.
    #[error("id \"{0}\" is not 1 to 32 characters of 0-9 A-Z a-z _ -")]
    Id(Untrusted),
    /// The text of a measure is not a decimal number.
    #[error("{field} \"{text}\" is not a number of {unit}, such as 60 or 60.5")]
    Number {
        /// `height` or `weight`.
        field: &'static str,
        /// The unit of the field.
        unit: &'static str,
        /// The text.
        text: Untrusted,
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
            Self::Missing(field) | Self::Number { field, .. } | Self::Range { field, .. } => field,
            Self::Id(_) => "id",
            Self::Size(_) | Self::SizeNumber(_) => "size",
        }
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

//! Height and weight in ticks.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{profile::error::Error, untrusted::Untrusted};

/// Ticks in one centimetre or one kilogram.
pub const TICKS: u16 = 10;

/// The two measures differ in name, unit and range only.
macro_rules! measure {
    ($(#[$doc:meta])* $name:ident, $field:literal, $unit:literal, $min:literal..=$max:literal, $example:literal, $hint:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u16);

        impl $name {
            /// The smallest value, in ticks.
            pub const MIN: Self = Self($min);
            /// The largest value, in ticks.
            pub const MAX: Self = Self($max);

            /// The value in ticks, tenths of the unit.
            #[must_use]
            pub fn ticks(self) -> u16 {
                self.0
            }

            #[doc = concat!("A ", $field, " in tenths of its unit.")]
            ///
            /// # Errors
            /// [`Error::Range`] outside [`Self::MIN`] to [`Self::MAX`].
            #[inline]
            pub fn from_ticks(ticks: u16) -> Result<Self, Error> {
                match ticks {
                    $min..=$max => Ok(Self(ticks)),
                    _ => Self::try_from(f64::from(ticks) / f64::from(TICKS)),
                }
            }

            /// The value in whole units and their tenths.
            #[must_use]
            pub fn value(self) -> f64 {
                f64::from(self.0) / f64::from(TICKS)
            }
        }

        impl TryFrom<f64> for $name {
            type Error = Error;

            /// Rounds half away from zero to a tenth.
            ///
            /// # Errors
            /// [`Error::Range`] when the value is not a number, infinite or out of range.
            fn try_from(value: f64) -> Result<Self, Error> {
                // `f64::round` rounds half away from zero; NaN fails both comparisons.
                let ticks = (value * f64::from(TICKS)).round();
                if ticks >= f64::from($min) && ticks <= f64::from($max) {
                    Ok(Self(ticks as u16))
                } else {
                    let hint: fn(f64) -> Option<&'static str> = $hint;
                    Err(Error::Range {
                        field: $field,
                        unit: $unit,
                        value,
                        min: f64::from($min) / f64::from(TICKS),
                        max: f64::from($max) / f64::from(TICKS),
                        hint: hint(value),
                    })
                }
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// # Errors
            /// [`Error::Number`] when the text is not a decimal number, [`Error::Range`] as for a number.
            fn from_str(text: &str) -> Result<Self, Error> {
                let value: f64 = text
                    .trim()
                    .parse()
                    .map_err(|_| Error::Number { field: $field, unit: $unit, text: Untrusted::new(text), example: $example })?;
                Self::try_from(value)
            }
        }

        impl fmt::Display for $name {
            /// Whole numbers print without a decimal.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (whole, tenth) = (self.0 / TICKS, self.0 % TICKS);
                match tenth {
                    0 => f.pad(&whole.to_string()),
                    _ => f.pad(&format!("{whole}.{tenth}")),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.0 % TICKS {
                    0 => serializer.serialize_u16(self.0 / TICKS),
                    _ => serializer.serialize_f64(self.value()),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_from(f64::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

measure! {
    /// Body height in tenths of a centimetre, 50.0 to 272.0 cm (the tallest person on record).
    Height, "height", "cm", 500..=2720, "178 or 178.5, with a point", |value| match value {
        v if v > 0.0 && v < 3.0 => Some("is that in metres? send centimetres"),
        v if v > 272.0 && v <= 2720.0 => Some("is that in millimetres? send centimetres"),
        _ => None,
    }
}

measure! {
    /// Body weight in tenths of a kilogram, 10.0 to 650.0 kg (the heaviest person on record).
    Weight, "weight", "kg", 100..=6500, "60 or 60.5, with a point", |value| match value {
        // A jin is half a kilogram: up to twice the largest weight, the number is probably one of jin.
        v if v > 650.0 && v <= 1300.0 => Some("is that in jin (斤)? send kilograms, half of it"),
        v if v > 1300.0 && v <= 650_000.0 => Some("is that in grams? send kilograms"),
        _ => None,
    }
}

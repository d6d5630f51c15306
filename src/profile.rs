//! The domain type: one person's [`Profile`], parsed and therefore valid.
//!
//! Measures are kept as whole ticks, tenths of a centimetre and of a kilogram, so that every later comparison
//! is exact. Nothing is repaired: a value that is not understood is refused with the field, the value, the
//! range and, where the mistake is a familiar one, a hint.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{named::named, pb::GetProfileResponse, untrusted::Untrusted};

/// Ticks in one centimetre or one kilogram.
pub const TICKS: u16 = 10;

/// One person's profile. Whoever holds one holds a good one.
///
/// Its serde form is the room's JSON message, `{"id":"1527406014","height":178,"weight":60,"size":"XXL"}`.
///
/// ```
/// use labrpc::profile::Profile;
///
/// let text = r#"{"id":"1527406014","height":178,"weight":60.5,"size":"2xl"}"#;
/// let profile: Profile = serde_json::from_str(text)?;
/// assert_eq!(profile.height.ticks(), 1780);
/// assert_eq!(profile.to_string(), "1527406014: 178 cm, 60.5 kg, XXL");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// The student id.
    pub id: Id,
    /// Body height.
    pub height: Height,
    /// Body weight.
    pub weight: Weight,
    /// Clothing size.
    pub size: Size,
}

impl Profile {
    /// The JSON message of the classroom, on one line without its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("four fields under string keys always have a JSON form")
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            height,
            weight,
            size,
        } = self;
        write!(f, "{id}: {height} cm, {weight} kg, {size}")
    }
}

/// A student id: 1 to 32 characters of `0-9 A-Z a-z _ -`, kept in place without an allocation.
///
/// Ids are ordered by their bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    // Zero behind `len`, which sorts below every allowed character: the derived order is that of the text.
    bytes: [u8; Id::MAX_LEN],
    len: u8,
}

impl Id {
    /// The largest number of characters.
    pub const MAX_LEN: usize = 32;

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes were copied from a checked ASCII string; an empty text cannot occur.
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The id as the bytes that it is ordered by.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The eight bytes after the first `skip`, as a number in the same order; 0 if the longest id has fewer there.
    pub(crate) fn sort_prefix(&self, skip: usize) -> u64 {
        let rest = self.bytes.get(skip..).and_then(<[u8]>::first_chunk);
        rest.map_or(0, |prefix| u64::from_be_bytes(*prefix))
    }
}

impl FromStr for Id {
    type Err = Error;

    /// # Errors
    /// [`Error::Id`] when the text is empty, longer than 32 characters, or has a character outside the set.
    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.bytes().all(allowed) {
            return Err(Error::Id(Untrusted::new(text)));
        }
        let mut bytes = [0; Self::MAX_LEN];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        // At most 32, see above.
        Ok(Self {
            bytes,
            len: text.len() as u8,
        })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.as_str())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id as a string of 1 to 32 characters")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// The two measures differ in name, unit and range only.
macro_rules! measure {
    ($(#[$doc:meta])* $name:ident, $field:literal, $unit:literal, $min:literal..=$max:literal, $hint:expr) => {
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

            #[doc = concat!("A ", $field, " of so many tenths of a unit.")]
            ///
            /// # Errors
            /// [`Error::Range`] outside [`Self::MIN`] to [`Self::MAX`].
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
            /// [`Error::Number`] when the text is no decimal number, [`Error::Range`] as for a number.
            fn from_str(text: &str) -> Result<Self, Error> {
                let value: f64 = text
                    .trim()
                    .parse()
                    .map_err(|_| Error::Number { field: $field, unit: $unit, text: Untrusted::new(text) })?;
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
    Height, "height", "cm", 500..=2720, |value| match value {
        v if v > 0.0 && v < 3.0 => Some("is that in metres? send centimetres"),
        v if v > 272.0 && v <= 2720.0 => Some("is that in millimetres? send centimetres"),
        _ => None,
    }
}

measure! {
    /// Body weight in tenths of a kilogram, 10.0 to 650.0 kg (the heaviest person on record).
    Weight, "weight", "kg", 100..=6500, |value| match value {
        // Twice the kilograms of somebody who can exist: only a count of jin makes sense of it.
        v if v > 650.0 && v <= 1300.0 => Some("is that in jin (斤)? send kilograms, half of it"),
        v if v > 1300.0 && v <= 650_000.0 => Some("is that in grams? send kilograms"),
        _ => None,
    }
}

named! {
    /// A clothing size. Sizes are steps on one scale: XXL and L are two steps apart.
    #[expect(missing_docs, reason = "the names are the sizes")]
    pub enum Size {
        Xxs = 1 => "XXS",
        Xs = 2 => "XS",
        S = 3 => "S",
        M = 4 => "M",
        L = 5 => "L",
        Xl = 6 => "XL",
        Xxl = 7 => "XXL",
        Xxxl = 8 => "XXXL",
    }
}

impl Size {
    /// The step on the scale, 1 (XXS) to 8 (XXXL), which is also the number on the wire.
    #[must_use]
    pub fn step(self) -> u8 {
        self as u8
    }
}

impl FromStr for Size {
    type Err = Error;

    /// Reads the canonical names in either case, and 2XS, 2XL and 3XL.
    ///
    /// # Errors
    /// [`Error::Size`] for any other text.
    fn from_str(text: &str) -> Result<Self, Error> {
        const OTHER_NAMES: [(&str, Size); 3] =
            [("2XS", Size::Xxs), ("2XL", Size::Xxl), ("3XL", Size::Xxxl)];
        let names = Self::ALL.map(|size| (size.name(), size));
        names
            .into_iter()
            .chain(OTHER_NAMES)
            .find(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
            .map(|(_, size)| size)
            .ok_or_else(|| Error::Size(Untrusted::new(text)))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size, one of XXS XS S M L XL XXL XXXL")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl From<&Profile> for GetProfileResponse {
    fn from(profile: &Profile) -> Self {
        Self {
            id: profile.id.as_str().to_owned(),
            height_cm: Some(profile.height.value()),
            weight_kg: Some(profile.weight.value()),
            size: i32::from(profile.size.step()),
        }
    }
}

impl TryFrom<GetProfileResponse> for Profile {
    type Error = Error;

    /// # Errors
    /// Any [`Error`]: the sender is a stranger, and the wire lets NaN and unknown sizes through.
    fn try_from(response: GetProfileResponse) -> Result<Self, Error> {
        let GetProfileResponse {
            id,
            height_cm,
            weight_kg,
            size,
        } = response;
        Ok(Self {
            id: id.parse()?,
            height: height_cm.ok_or(Error::Missing("height"))?.try_into()?,
            weight: weight_kg.ok_or(Error::Missing("weight"))?.try_into()?,
            size: match size {
                0 => Err(Error::Missing("size"))?,
                number => Size::ALL
                    .into_iter()
                    .find(|size| i32::from(size.step()) == number)
                    .ok_or(Error::SizeNumber(number))?,
            },
        })
    }
}

/// Why something is no profile.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// A field that must be there is absent.
    Missing(&'static str),
    /// The id is empty, too long, or has a character outside `0-9 A-Z a-z _ -`.
    Id(Untrusted),
    /// The text of a measure is no decimal number.
    Number {
        /// `height` or `weight`.
        field: &'static str,
        /// The unit that the field is in.
        unit: &'static str,
        /// What stood there.
        text: Untrusted,
    },
    /// A measure is not a number, infinite or outside its range.
    Range {
        /// `height` or `weight`.
        field: &'static str,
        /// The unit of the value and its range.
        unit: &'static str,
        /// What was given.
        value: f64,
        /// The smallest allowed value.
        min: f64,
        /// The largest allowed value.
        max: f64,
        /// What the sender probably did.
        hint: Option<&'static str>,
    },
    /// The text names no size.
    Size(Untrusted),
    /// The number on the wire is none of the eight sizes.
    SizeNumber(i32),
}

impl Error {
    /// The name of the field at fault.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Missing(field) | Self::Number { field, .. } | Self::Range { field, .. } => field,
            Self::Id(_) => "id",
            Self::Size(_) | Self::SizeNumber(_) => "size",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "{field} is missing"),
            Self::Id(text) => {
                write!(
                    f,
                    "id \"{text}\" is not 1 to 32 characters of 0-9 A-Z a-z _ -"
                )
            }
            Self::Number { field, unit, text } => {
                write!(
                    f,
                    "{field} \"{text}\" is not a number of {unit}, such as 60 or 60.5"
                )
            }
            Self::Range {
                field,
                unit,
                value,
                min,
                max,
                hint,
            } => {
                // 1e308 written out would be a line of 309 digits, and 5e-324 one of 326.
                let value = if *value == 0.0 || (1e-3..1e9).contains(&value.abs()) {
                    value.to_string()
                } else {
                    format!("{value:e}")
                };
                write!(f, "{field} {value} is not within {min} to {max} {unit}")?;
                hint.map_or(Ok(()), |hint| write!(f, " ({hint})"))
            }
            Self::Size(text) => {
                write!(
                    f,
                    "size \"{text}\" is none of XXS XS S M L XL XXL XXXL (or 2XS 2XL 3XL)"
                )
            }
            Self::SizeNumber(number) => {
                write!(f, "size {number} is none of 1 (XXS) to 8 (XXXL)")
            }
        }
    }
}

impl std::error::Error for Error {}

//! How much each field counts in a distance.

use std::{array, fmt, str::FromStr};

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{profile::FIELDS, untrusted::Untrusted};

/// How much each field counts, 0 to 1,000,000 in exact thousandths; 1 each by default.
///
/// Gower and the weighted mean multiply a field's term by its weight, the other metrics its squared difference.
///
/// ```
/// use labrpc::similarity::Weights;
///
/// let weights: Weights = "weight=2,size=0.5".parse()?;
/// assert_eq!(serde_json::to_string(&weights)?, r#"{"height":1.0,"weight":2.0,"size":0.5}"#);
/// assert_eq!(weights.to_string(), "height=1,weight=2,size=0.5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Each field and its weight in thousandths, in the order of the axes.
    fields: Vec<(String, u32)>,
}

impl Weights {
    /// The largest weight. Keys of the body distance, in ten-thousandths, stay below 2⁵³ and so exact in an `f64`.
    pub const MAX: u32 = 1_000_000;

    /// A weight of 1 for each of these fields.
    #[must_use]
    pub fn equal<'a>(fields: impl IntoIterator<Item = &'a str>) -> Self {
        let fields = fields.into_iter().map(|field| (field.to_owned(), 1000));
        Self {
            fields: fields.collect(),
        }
    }

    /// Parses `field=number` separated by commas; a field that is left out has weight 1.
    ///
    /// # Errors
    /// [`WeightsError`] for a field that is not one of `fields` or is repeated, a number that is not 0 to 1,000,000
    /// with at most three decimals, and when every weight is 0.
    pub fn parse<'a>(
        text: &str,
        fields: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, WeightsError> {
        let mut weights = Self::equal(fields);
        let mut given = vec![false; weights.fields.len()];
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            // A name may contain `=`, a number does not.
            let (key, value) = part
                .rsplit_once('=')
                .ok_or_else(|| WeightsError::NoEquals(Untrusted::new(part.trim())))?;
            let known = weights.fields.iter().map(|(field, _)| field.as_str());
            let Some(axis) = known.clone().position(|field| field == key.trim()) else {
                return Err(WeightsError::Field {
                    field: Untrusted::new(key.trim()),
                    fields: known.collect::<Vec<_>>().join(", "),
                });
            };
            let (field, weight) = &mut weights.fields[axis];
            *weight = parse_thousandths(value.trim()).ok_or_else(|| WeightsError::Value {
                field: field.clone(),
                value: Untrusted::new(value.trim()),
            })?;
            if std::mem::replace(&mut given[axis], true) {
                return Err(WeightsError::Twice(field.clone()));
            }
        }
        match weights.fields.iter().all(|(_, weight)| *weight == 0) {
            true => Err(WeightsError::AllZero),
            false => Ok(weights),
        }
    }

    /// The weights in thousandths, in the order of the axes.
    pub(crate) fn thousandths<const N: usize>(&self) -> [u32; N] {
        array::from_fn(|axis| self.fields.get(axis).map_or(1000, |(_, weight)| *weight))
    }

    /// Each field and its weight.
    pub fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        let fields = self.fields.iter();
        fields.map(|(field, weight)| (field.as_str(), f64::from(*weight) / 1000.0))
    }
}

impl Default for Weights {
    /// Weights of 1 for the fields of a profile.
    fn default() -> Self {
        Self {
            fields: FIELDS
                .iter()
                .map(|field| (field.name.to_owned(), 1000 * field.weight))
                .collect(),
        }
    }
}

impl FromStr for Weights {
    type Err = WeightsError;

    /// Parses weights of a profile's fields.
    ///
    /// # Errors
    /// As [`Weights::parse`].
    fn from_str(text: &str) -> Result<Self, WeightsError> {
        Self::parse(text, FIELDS.iter().map(|field| field.name))
    }
}

/// Parses `12`, `0.5` or `.5` exactly: a float in between would round.
fn parse_thousandths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + decimals.len() == 0
        || decimals.len() > 3
        || !digits(whole)
        || !digits(decimals)
    {
        return None;
    }
    format!("{whole}{decimals:0<3}")
        .parse()
        .ok()
        .filter(|weight| *weight <= Weights::MAX * 1000)
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self
            .values()
            .map(|(field, weight)| format!("{field}={weight}"));
        f.write_str(&fields.collect::<Vec<_>>().join(","))
    }
}

impl Serialize for Weights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.fields.len()))?;
        for (field, weight) in &self.fields {
            object.serialize_entry(field, &(f64::from(*weight) / 1000.0))?;
        }
        object.end()
    }
}

/// Why a text could not be parsed as weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightsError {
    /// A part is not of the form `field=number`.
    NoEquals(Untrusted),
    /// There is no such field.
    Field {
        /// The name.
        field: Untrusted,
        /// The names of those that there are.
        fields: String,
    },
    /// The value is not a number in range, or is finer than a thousandth.
    Value {
        /// The field whose weight it is.
        field: String,
        /// The text of the value.
        value: Untrusted,
    },
    /// A field is given twice.
    Twice(String),
    /// Every weight is 0, so all distances would be 0.
    AllZero,
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEquals(part) => {
                write!(f, "weight \"{part}\" is not of the form height=2")
            }
            Self::Field { field, fields } => {
                write!(f, "weight of \"{field}\": the fields are {fields}")
            }
            Self::Value { field, value } => write!(
                f,
                "weight of {field} \"{value}\" is not a number from 0 to {} with at most three decimals, such as 0.5",
                Weights::MAX
            ),
            Self::Twice(field) => write!(f, "the weight of {field} is given twice; give it once"),
            Self::AllZero => {
                f.write_str("every weight is 0; give at least one field a weight above 0")
            }
        }
    }
}

impl std::error::Error for WeightsError {}

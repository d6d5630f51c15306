//! How much each field counts in a distance.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::untrusted::Untrusted;

/// The fields that a distance is made of, in the order of a point's axes.
pub const FIELDS: [&str; 3] = ["height", "weight", "size"];

/// How much each field counts, 0 to 1,000,000 in exact thousandths; 1 each by default.
///
/// Gower multiplies a field's term by its weight, the other metrics its squared difference.
///
/// ```
/// use labrpc::similarity::Weights;
///
/// let weights: Weights = "weight=2,size=0.5".parse()?;
/// assert_eq!(serde_json::to_string(&weights)?, r#"{"height":1.0,"weight":2.0,"size":0.5}"#);
/// assert_eq!(weights.to_string(), "height=1,weight=2,size=0.5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    thousandths: [u32; 3],
}

impl Weights {
    /// The largest weight. Keys of the body distance, in ten-thousandths, stay below 2⁵³ and so exact in an `f64`.
    pub const MAX: u32 = 1_000_000;

    /// The weights of height, weight and size, in thousandths.
    #[must_use]
    pub fn thousandths(&self) -> [u32; 3] {
        self.thousandths
    }

    /// The weights of height, weight and size.
    #[must_use]
    pub fn values(&self) -> [f64; 3] {
        self.thousandths.map(|weight| f64::from(weight) / 1000.0)
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            thousandths: [1000; 3],
        }
    }
}

impl FromStr for Weights {
    type Err = WeightsError;

    /// Parses `field=number` separated by commas; a field that is left out has weight 1.
    ///
    /// # Errors
    /// [`WeightsError`] for an unknown or repeated field, a number that is not 0 to 1,000,000 with at most three
    /// decimals, and when every weight is 0.
    fn from_str(text: &str) -> Result<Self, WeightsError> {
        let mut thousandths = [None; 3];
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| WeightsError::NoEquals(Untrusted::new(part.trim())))?;
            let axis = FIELDS
                .iter()
                .position(|field| *field == key.trim())
                .ok_or_else(|| WeightsError::Field(Untrusted::new(key.trim())))?;
            let weight = parse_thousandths(value.trim()).ok_or_else(|| WeightsError::Value {
                field: FIELDS[axis],
                value: Untrusted::new(value.trim()),
            })?;
            if thousandths[axis].replace(weight).is_some() {
                return Err(WeightsError::Twice(FIELDS[axis]));
            }
        }
        let thousandths = thousandths.map(|weight| weight.unwrap_or(1000));
        if thousandths == [0; 3] {
            return Err(WeightsError::AllZero);
        }
        Ok(Self { thousandths })
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
        let [height, weight, size] = self.values();
        write!(f, "height={height},weight={weight},size={size}")
    }
}

impl Serialize for Weights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Weights", FIELDS.len())?;
        for (field, weight) in FIELDS.into_iter().zip(self.thousandths) {
            object.serialize_field(field, &(f64::from(weight) / 1000.0))?;
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
    Field(Untrusted),
    /// The value is not a number in range, or is finer than a thousandth.
    Value {
        /// The field whose weight it is.
        field: &'static str,
        /// The text of the value.
        value: Untrusted,
    },
    /// A field is given twice.
    Twice(&'static str),
    /// Every weight is 0, so all distances would be 0.
    AllZero,
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEquals(part) => {
                write!(f, "weight \"{part}\" is not of the form height=2")
            }
            Self::Field(key) => {
                write!(
                    f,
                    "weight of \"{key}\": the fields are height, weight, size"
                )
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

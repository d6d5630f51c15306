//! The fields of a profile beside its id: one table, from which everything that names them follows.
//!
//! A new field is a row here, a field of the message in `proto/profile.proto` and its conversion in `message`.

use std::borrow::Cow;

/// A value of any field: whole parts of its unit, or the place on its list, from 1.
pub type Ticks = u16;

/// One field: a number, or one of a list of names whose places are the numbers in protobuf.
#[derive(Debug)]
pub struct Field {
    /// Its name in JSON, TOML, CSV, flags and messages.
    pub name: &'static str,
    /// Its name and unit in words, for help.
    pub description: &'static str,
    /// A valid value. Its whole part is that of the built-in sample.
    pub example: &'static str,
    /// The unit of a number.
    pub unit: Option<&'static str>,
    /// Ticks in one unit; finer numbers are rounded, half away from zero.
    pub per_unit: Ticks,
    /// The smallest and the largest value.
    pub range: [Ticks; 2],
    /// The probable mistake behind a number that is out of range.
    pub hint: fn(f64) -> Option<&'static str>,
    /// The names in the order of their places; none of a number.
    pub names: &'static [&'static str],
    /// Other names that are read, and their places.
    pub other_names: &'static [(&'static str, Ticks)],
    /// Whether two values differ by how far they are apart, or just by being two.
    pub is_ordered: bool,
    /// The difference at which it adds all that it can to the body distance.
    pub reference: Ticks,
    /// How much it counts in a distance by default.
    pub weight: u32,
}

/// How many fields there are.
pub const FIELD_COUNT: usize = FIELDS.len();

/// Every field, in the order of all lists and messages.
pub static FIELDS: [Field; 3] = [
    Field {
        name: "height",
        description: "height in centimetres",
        example: "178",
        unit: Some("cm"),
        per_unit: 10,
        // The tallest person on record.
        range: [500, 2720],
        hint: |value| match value {
            v if v > 0.0 && v < 3.0 => Some("is that in metres? send centimetres"),
            v if v > 272.0 && v <= 2720.0 => Some("is that in millimetres? send centimetres"),
            _ => None,
        },
        reference: 600,
        ..FIELD
    },
    Field {
        name: "weight",
        description: "weight in kilograms",
        example: "60.5",
        unit: Some("kg"),
        per_unit: 10,
        // The heaviest person on record.
        range: [100, 6500],
        hint: |value| match value {
            // A jin is half a kilogram: up to twice the largest weight, the number is probably one of jin.
            v if v > 650.0 && v <= 1300.0 => {
                Some("is that in jin (斤)? send kilograms, half of it")
            }
            v if v > 1300.0 && v <= 650_000.0 => Some("is that in grams? send kilograms"),
            _ => None,
        },
        reference: 840,
        ..FIELD
    },
    Field {
        name: "size",
        description: "clothing size",
        example: "XXL",
        range: [1, 8],
        names: &["XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL"],
        other_names: &[("2XS", 1), ("2XL", 7), ("3XL", 8)],
        reference: 7,
        ..FIELD
    },
];

/// What a row need not state.
const FIELD: Field = Field {
    name: "",
    description: "",
    example: "",
    unit: None,
    per_unit: 1,
    range: [0, 0],
    hint: |_| None,
    names: &[],
    other_names: &[],
    is_ordered: true,
    reference: 0,
    weight: 1,
};

/// Fields are told apart by their names.
impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Field {}

impl Field {
    /// Its name and unit: `height in cm`.
    #[must_use]
    pub fn with_unit(&self) -> String {
        match self.unit {
            Some(unit) => format!("{} in {unit}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// The values as `50 to 272`, or the names.
    #[must_use]
    pub fn limits(&self) -> String {
        let [min, max] = self.range.map(|ticks| self.number(ticks));
        match self.names {
            [] => format!("{min} to {max}"),
            names => names.join(" "),
        }
    }

    /// The example without decimals.
    #[must_use]
    pub fn sample(&self) -> &'static str {
        self.example.split('.').next().unwrap_or_default()
    }

    /// The difference at which it adds all that it can to the body distance, in units or places.
    #[must_use]
    pub fn span(&self) -> f64 {
        self.number(self.reference)
    }

    /// A number of units, or the place of a name.
    #[inline]
    pub(super) fn number(&self, ticks: Ticks) -> f64 {
        f64::from(ticks) / f64::from(self.per_unit)
    }

    /// The valid value that is nearest to a number of units or a place.
    pub(super) fn nearest(&self, number: f64) -> Ticks {
        let [min, max] = self.range.map(f64::from);
        // NaN, too, becomes the smallest value.
        let ticks = (number * f64::from(self.per_unit)).round();
        ticks.max(min).min(max) as Ticks
    }
}

/// The names of the id and of every field, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once("id").chain(FIELDS.iter().map(|field| field.name))
}

/// The columns of a profile as CSV.
#[must_use]
pub fn header() -> String {
    names().collect::<Vec<_>>().join(",")
}

/// A small count as a word.
#[must_use]
pub fn in_words(count: usize) -> &'static str {
    const WORDS: [&str; 10] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    WORDS.get(count).copied().unwrap_or("many")
}

/// Names as a phrase: `id, height and weight`.
pub fn phrase(names: &[&'static str]) -> Cow<'static, str> {
    match names {
        [] => "".into(),
        [name] => (*name).into(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")).into(),
    }
}

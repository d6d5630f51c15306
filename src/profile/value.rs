//! The values of one field, and of all fields of a person.

use std::{array, fmt};

use serde::{Serialize, Serializer};

use crate::profile::table::{FIELD_COUNT, FIELDS, Field, Ticks};

/// A valid value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    field: &'static Field,
    ticks: Ticks,
}

impl Value {
    pub(super) fn new(field: &'static Field, ticks: Ticks) -> Self {
        Self { field, ticks }
    }

    /// The field.
    #[must_use]
    pub fn field(self) -> &'static Field {
        self.field
    }

    /// The value in ticks.
    #[must_use]
    pub fn ticks(self) -> Ticks {
        self.ticks
    }

    /// The number of units, or the place of the name.
    #[must_use]
    pub fn number(self) -> f64 {
        self.field.number(self.ticks)
    }

    /// The name of a set's value; nothing of a number.
    fn name(self) -> Option<&'static str> {
        let names = self.field.names;
        names.get(usize::from(self.ticks).wrapping_sub(1)).copied()
    }

    /// The value with the unit of its field.
    #[must_use]
    pub fn with_unit(self) -> String {
        match self.field.unit {
            Some(unit) => format!("{self} {unit}"),
            None => self.to_string(),
        }
    }
}

/// A value as saved runs and CSV have it: a number has a decimal point, whole or not. A reader that infers the type of a
/// column from its first rows, and finds `170` there, would round `170.4`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal(Value);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:?}", self.0.number()),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.name() {
            Some(name) => serializer.serialize_str(name),
            None => serializer.serialize_f64(self.0.number()),
        }
    }
}

/// Without a unit; whole numbers print without a decimal.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.number().to_string()),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let per_unit = self.field.per_unit;
        match self.name() {
            Some(name) => serializer.serialize_str(name),
            None if self.ticks.is_multiple_of(per_unit) => {
                serializer.serialize_u16(self.ticks / per_unit)
            }
            None => serializer.serialize_f64(self.number()),
        }
    }
}

/// A person's values of all fields, each valid by construction. Ordered by the fields in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Build([Ticks; FIELD_COUNT]);

impl Build {
    /// Of ticks that were checked.
    #[inline]
    pub(super) fn new(ticks: [Ticks; FIELD_COUNT]) -> Self {
        Self(ticks)
    }

    /// The valid values that are nearest to numbers of units or, for the fields with names, places.
    #[must_use]
    pub fn nearest(mut number: impl FnMut(&'static Field) -> f64) -> Self {
        Self(array::from_fn(|index| {
            let field = &FIELDS[index];
            field.nearest(number(field))
        }))
    }

    /// The values in ticks, in the order of [`FIELDS`].
    #[must_use]
    #[inline]
    pub fn ticks(&self) -> [Ticks; FIELD_COUNT] {
        self.0
    }

    /// The names and values, in the order of [`FIELDS`], as saved runs and CSV have them.
    pub fn decimals(&self) -> impl Iterator<Item = (&'static str, Decimal)> {
        let values = self.values().into_iter();
        values.map(|value| (value.field.name, Decimal(value)))
    }

    /// The values, in the order of [`FIELDS`].
    #[must_use]
    pub fn values(&self) -> [Value; FIELD_COUNT] {
        array::from_fn(|index| Value::new(&FIELDS[index], self.0[index]))
    }
}

/// `178 cm, 60.5 kg, XXL`
impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.values().map(Value::with_unit).join(", "))
    }
}

impl Serialize for Build {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values().map(|value| (value.field.name, value)))
    }
}

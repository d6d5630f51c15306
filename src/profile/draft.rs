//! A profile: valid, or as far as a source has it.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IgnoredAny},
};

use crate::profile::{
    error::{Error, FieldErrors},
    id::Id,
    parse::Scalar,
    table::{FIELD_COUNT, FIELDS, Field, Ticks, names},
    text::Text,
    value::{Build, Value},
};

/// One person's profile, valid by construction.
///
/// Its serde form is the room's JSON message, `{"id":"1527406014","height":178,"weight":60,"size":"XXL"}`.
///
/// ```
/// use labrpc::profile::Profile;
///
/// let text = r#"{"id":"1527406014","height":178,"weight":60.5,"size":"2xl"}"#;
/// let profile: Profile = serde_json::from_str(text)?;
/// assert_eq!(profile.build.ticks()[0], 1780);
/// assert_eq!(profile.to_string(), "1527406014: 178 cm, 60.5 kg, XXL");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Profile {
    /// The student id.
    pub id: Id,
    /// The values of all other fields.
    #[serde(flatten)]
    pub build: Build,
}

impl Profile {
    /// The JSON message of the classroom, on one line without its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("fields under string keys always have a JSON form")
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, build } = self;
        write!(f, "{id}: {build}")
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let draft = Draft::deserialize(deserializer)?;
        draft.finish().map_err(de::Error::custom)
    }
}

/// The fields of a profile as far as a source has them, and what is wrong with the others.
///
/// Every source of profiles fills one of these in and finishes it, so that all of them report the same errors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    id: Option<Id>,
    ticks: [Option<Ticks>; FIELD_COUNT],
    /// In the order of the source.
    errors: Vec<Error>,
}

impl Draft {
    /// A draft with these values.
    #[must_use]
    pub fn new(id: Option<Id>, values: &[Value]) -> Self {
        let value = |field| values.iter().find(|value| value.field() == field);
        Self::read(id.map(Ok), |_, field| Some(Ok(value(field)?.ticks())))
    }

    /// The fields of a document, by name.
    pub(crate) fn of_scalars<'a>(scalar: impl Fn(&'static str) -> Option<Scalar<'a>>) -> Self {
        let id = scalar("id").map(|id| match id {
            Scalar::Text(text) => text.parse(),
            _ => Err(Error::NotText {
                field: "id",
                example: "1527406014",
            }),
        });
        Self::read(id, |_, field| {
            Some(field.ticks_of_scalar(&scalar(field.name)?))
        })
    }

    /// The cells of a row in the order of [`names`]; an empty one is absent.
    #[inline]
    pub(crate) fn of_cells([id, values @ ..]: &[&[u8]; 1 + FIELD_COUNT]) -> Self {
        let id = (!id.is_empty()).then(|| Id::from_bytes(id));
        Self::read(id, |index, field| {
            let text = values[index];
            (!text.is_empty()).then(|| field.ticks_of_bytes(text))
        })
    }

    /// The numbers of a message; an empty id is absent.
    #[inline]
    pub(super) fn of_numbers(id: &str, numbers: [Option<f64>; FIELD_COUNT]) -> Self {
        let id = (!id.is_empty()).then(|| id.parse());
        Self::read(id, |index, field| {
            Some(field.ticks_of_number(numbers[index]?))
        })
    }

    #[inline]
    fn read(
        id: Option<Result<Id, Error>>,
        ticks: impl Fn(usize, &'static Field) -> Option<Result<Ticks, Error>>,
    ) -> Self {
        let mut draft = Self::default();
        keep(id, &mut draft.id, &mut draft.errors);
        for (index, field) in FIELDS.iter().enumerate() {
            let read = ticks(index, field);
            keep(read, &mut draft.ticks[index], &mut draft.errors);
        }
        draft
    }

    /// These fields, and those of `defaults` where these are absent.
    #[must_use]
    pub fn or_else_from(mut self, defaults: Self) -> Self {
        self.id = self.id.or(defaults.id);
        for (ticks, default) in self.ticks.iter_mut().zip(defaults.ticks) {
            *ticks = ticks.or(default);
        }
        self.errors.extend(defaults.errors);
        self
    }

    /// The names of the absent fields.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let present = std::iter::once(self.id.is_some()).chain(self.ticks.map(|t| t.is_some()));
        let fields = names().zip(present);
        fields
            .filter(|(_, present)| !present)
            .map(|(name, _)| name)
            .collect()
    }

    /// The profile, if every field has a valid value.
    ///
    /// # Errors
    /// Every field that is absent or invalid.
    #[inline]
    pub fn finish(self) -> Result<Profile, FieldErrors> {
        let mut ticks = [0; FIELD_COUNT];
        let mut is_whole = true;
        for (ticks, read) in ticks.iter_mut().zip(self.ticks) {
            is_whole &= read.is_some();
            *ticks = read.unwrap_or_default();
        }
        match self.id {
            Some(id) if is_whole => Ok(Profile {
                id,
                build: Build::new(ticks),
            }),
            _ => Err(self.explain()),
        }
    }

    #[cold]
    fn explain(self) -> FieldErrors {
        let errors = self.missing().into_iter().map(|name| {
            let mut errors = self.errors.iter();
            let error = errors.find(|error| error.field() == name).cloned();
            error.unwrap_or(Error::Missing(name))
        });
        FieldErrors::new(errors.collect())
    }
}

impl<'de> Deserialize<'de> for Draft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DraftVisitor)
    }
}

struct DraftVisitor;

impl<'de> de::Visitor<'de> for DraftVisitor {
    type Value = Draft;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a profile as an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Draft, A::Error> {
        let mut draft = Draft::default();
        let mut seen = [false; 1 + FIELD_COUNT];
        while let Some(Text(key)) = map.next_key()? {
            let Some((place, name)) = names().enumerate().find(|(_, name)| *name == key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if std::mem::replace(&mut seen[place], true) {
                return Err(de::Error::duplicate_field(name));
            }
            let Some(index) = place.checked_sub(1) else {
                let id = map.next_value::<Option<Text<'_>>>()?;
                keep(
                    id.map(|Text(id)| id.parse()),
                    &mut draft.id,
                    &mut draft.errors,
                );
                continue;
            };
            let field = &FIELDS[index];
            let ticks = if field.names.is_empty() {
                let number = map.next_value::<Option<f64>>()?;
                number.map(|number| field.ticks_of_number(number))
            } else {
                let text = map.next_value::<Option<Text<'_>>>()?;
                text.map(|Text(text)| field.ticks_of_bytes(text.as_bytes()))
            };
            keep(ticks, &mut draft.ticks[index], &mut draft.errors);
        }
        Ok(draft)
    }
}

/// Keeps what was read of a field, or why it could not be.
#[inline]
fn keep<T>(read: Option<Result<T, Error>>, value: &mut Option<T>, errors: &mut Vec<Error>) {
    match read {
        Some(Ok(read)) => *value = Some(read),
        Some(Err(error)) => errors.push(error),
        None => {}
    }
}

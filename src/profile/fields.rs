//! A profile's four fields: all of them valid, or as far as they are known.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    pb::GetProfileResponse,
    profile::{
        error::{Error, FieldErrors},
        id::Id,
        measure::{Height, Weight},
        size::Size,
        text::Text,
    },
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

/// The fields of a profile as far as they are known, in the types in which a source has them.
///
/// Every source of profiles fills one of these in and converts it, so that all of them report the same errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(expecting = "a profile as an object")]
#[expect(missing_docs, reason = "the names are the fields")]
pub struct Draft<I = Id, H = Height, W = Weight, S = Size> {
    pub id: Option<I>,
    pub height: Option<H>,
    pub weight: Option<W>,
    pub size: Option<S>,
}

/// A profile as JSON has it, before its values are checked.
pub(crate) type JsonDraft<'a> = Draft<Text<'a>, f64, f64, Text<'a>>;

/// A profile whose fields a source has read, each for itself.
pub(crate) type ReadDraft =
    Draft<Result<Id, Error>, Result<Height, Error>, Result<Weight, Error>, Result<Size, Error>>;

impl From<Draft> for ReadDraft {
    fn from(draft: Draft) -> Self {
        Self {
            id: draft.id.map(Ok),
            height: draft.height.map(Ok),
            weight: draft.weight.map(Ok),
            size: draft.size.map(Ok),
        }
    }
}

// Derived, it would ask for defaults of the fields' types.
impl<I, H, W, S> Default for Draft<I, H, W, S> {
    fn default() -> Self {
        Self {
            id: None,
            height: None,
            weight: None,
            size: None,
        }
    }
}

impl<I, H, W, S> Draft<I, H, W, S> {
    /// The names of the fields.
    pub const NAMES: [&str; 4] = ["id", "height", "weight", "size"];

    /// These fields, and those of `defaults` where these are absent.
    #[must_use]
    pub fn or_else_from(self, defaults: Self) -> Self {
        Self {
            id: self.id.or(defaults.id),
            height: self.height.or(defaults.height),
            weight: self.weight.or(defaults.weight),
            size: self.size.or(defaults.size),
        }
    }

    /// The names of the absent fields.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let present = [
            self.id.is_some(),
            self.height.is_some(),
            self.weight.is_some(),
            self.size.is_some(),
        ];
        let fields = Self::NAMES.into_iter().zip(present);
        fields
            .filter(|(_, present)| !present)
            .map(|(name, _)| name)
            .collect()
    }
}

impl<I, H, W, S> TryFrom<Draft<I, H, W, S>> for Profile
where
    I: TryInto<Id>,
    H: TryInto<Height>,
    W: TryInto<Weight>,
    S: TryInto<Size>,
    Error: From<I::Error> + From<H::Error> + From<W::Error> + From<S::Error>,
{
    type Error = FieldErrors;

    /// # Errors
    /// Every field that is absent or invalid.
    #[inline]
    fn try_from(draft: Draft<I, H, W, S>) -> Result<Self, FieldErrors> {
        #[inline]
        fn field<F: TryInto<T>, T>(
            value: Option<F>,
            name: &'static str,
            errors: &mut Vec<Error>,
        ) -> Option<T>
        where
            Error: From<F::Error>,
        {
            let value = value.ok_or(Error::Missing(name));
            let value = value.and_then(|value| Ok(value.try_into()?));
            value.map_err(|error| errors.push(error)).ok()
        }
        let mut errors = Vec::new();
        let id = field(draft.id, "id", &mut errors);
        let height = field(draft.height, "height", &mut errors);
        let weight = field(draft.weight, "weight", &mut errors);
        let size = field(draft.size, "size", &mut errors);
        match (id, height, weight, size) {
            (Some(id), Some(height), Some(weight), Some(size)) => Ok(Self {
                id,
                height,
                weight,
                size,
            }),
            _ => Err(FieldErrors::new(errors)),
        }
    }
}

/// Makes a field from one that a source may have failed to read.
macro_rules! from_result {
    ($($field:ident)*) => {$(
        impl TryFrom<Result<$field, Error>> for $field {
            type Error = Error;

            fn try_from(read: Result<$field, Error>) -> Result<Self, Error> {
                read
            }
        }
    )*};
}

from_result!(Id Height Weight Size);

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
    type Error = FieldErrors;

    /// # Errors
    /// Every field that is absent or invalid: protobuf lets NaN and unknown sizes through.
    fn try_from(response: GetProfileResponse) -> Result<Self, FieldErrors> {
        let GetProfileResponse {
            id,
            height_cm,
            weight_kg,
            size,
        } = response;
        Self::try_from(Draft {
            // An empty id, or 0 as the size, stands for an absent one.
            id: (!id.is_empty()).then(|| Text(id.into())),
            height: height_cm,
            weight: weight_kg,
            size: (size != 0).then_some(size),
        })
    }
}

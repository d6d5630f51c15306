//! Who or what a report ranks: people by their profiles, or anything by some of its fields.

use serde_json::Value as Json;

use crate::{
    profile::{FIELDS, Profile},
    report::items::ItemTable,
    similarity::{self, Options, Ranking},
    untrusted::printable,
};

/// Who or what is ranked.
#[derive(Clone, Debug)]
pub enum Subjects {
    /// People.
    People(Vec<Profile>),
    /// Anything else.
    Items(ItemTable),
}

/// A value as reports for people show it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShownValue {
    /// Without a unit; `None` if it is missing.
    pub(crate) text: Option<String>,
    /// The unit of a number.
    pub(crate) unit: Option<&'static str>,
}

impl ShownValue {
    /// Without a unit.
    #[must_use]
    pub(crate) fn plain(&self) -> &str {
        self.text.as_deref().unwrap_or("none")
    }

    /// The value with its unit.
    #[must_use]
    pub(crate) fn with_unit(&self) -> String {
        match self.unit {
            Some(unit) => format!("{} {unit}", self.plain()),
            None => self.plain().to_owned(),
        }
    }
}

impl Subjects {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::People(people) => people.len(),
            Self::Items(items) => items.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of one.
    #[must_use]
    pub fn id(&self, index: usize) -> &str {
        match self {
            Self::People(people) => people[index].id.as_str(),
            Self::Items(items) => items.id(index),
        }
    }

    /// The people; none if it is anything else that is ranked.
    #[must_use]
    pub fn people(&self) -> &[Profile] {
        match self {
            Self::People(people) => people,
            Self::Items(_) => &[],
        }
    }

    /// What they are called.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::People(_) => "people",
            Self::Items(_) => "items",
        }
    }

    /// What one is called.
    pub(crate) fn singular(&self) -> &'static str {
        match self {
            Self::People(_) => "person",
            Self::Items(_) => "item",
        }
    }

    /// Their fields, each with its unit.
    pub(crate) fn columns(&self) -> Vec<(&str, Option<&'static str>)> {
        let units = FIELDS.iter().map(|field| field.unit);
        match self {
            Self::People(_) => self.fields().into_iter().zip(units).collect(),
            Self::Items(_) => self.fields().into_iter().map(|name| (name, None)).collect(),
        }
    }

    /// The names of their fields.
    pub(crate) fn fields(&self) -> Vec<&str> {
        match self {
            Self::People(_) => FIELDS.iter().map(|field| field.name).collect(),
            Self::Items(items) => items.fields.iter().map(|field| &*field.name).collect(),
        }
    }

    /// The values of one, in the order of the fields.
    pub(crate) fn values(&self, index: usize) -> Vec<ShownValue> {
        match self {
            Self::People(people) => {
                let values = people[index].build.values();
                let shown = values.map(|value| ShownValue {
                    text: Some(value.to_string()),
                    unit: value.field().unit,
                });
                shown.to_vec()
            }
            Self::Items(items) => {
                let texts = items.texts(index);
                let shown = texts.map(|text| ShownValue {
                    text: text.map(|text| printable(&text).into_owned()),
                    unit: None,
                });
                shown.collect()
            }
        }
    }

    /// The values of one as saved runs and CSV have them.
    pub(crate) fn json(&self, index: usize) -> Vec<Json> {
        match self {
            Self::People(people) => {
                let values = people[index].build.decimals();
                let json = values.map(|(_, value)| serde_json::to_value(value).unwrap_or_default());
                json.collect()
            }
            Self::Items(items) => items.json(index).collect(),
        }
    }

    /// The values of one in a line.
    pub(crate) fn build(&self, index: usize) -> String {
        match self {
            Self::People(people) => people[index].build.to_string(),
            Self::Items(_) => {
                let fields = self.fields().into_iter().zip(self.values(index));
                let texts = fields.map(|(name, value)| format!("{name} {}", value.plain()));
                texts.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Ranks them; `counts` has how many people each stands for, or is empty.
    pub(crate) fn rank(&self, counts: &[u64], options: &Options) -> Ranking {
        match self {
            Self::People(people) => similarity::rank_counted(people, counts, options),
            Self::Items(items) => items.rank(options),
        }
    }

    /// Whether two have the same values, whatever the weights of the fields.
    pub(crate) fn are_identical(&self, a: usize, b: usize) -> bool {
        match self {
            Self::People(people) => people[a].build == people[b].build,
            Self::Items(items) => items.are_identical(a, b),
        }
    }
}

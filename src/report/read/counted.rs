//! A row that stands for a number of people with one build, as `--twins --format csv` writes it.

use crate::{
    profile::{Draft, FIELD_COUNT, Profile},
    report::read::error::Reason,
    untrusted::Untrusted,
};

/// People with one build: those with the smallest ids, and others who are only counted.
pub(crate) struct Counted {
    /// In the order of their ids; at least one, and two if there are more.
    pub(crate) people: Vec<Profile>,
    /// The people whose ids are not known.
    pub(crate) others: u64,
}

impl Counted {
    /// Reads the cells of a row; those of the profile have no id.
    ///
    /// # Errors
    /// When the build or an id is invalid, or the ids are not the first of so many people.
    pub(crate) fn parse<'a>(
        count: &[u8],
        ids: &'a [u8],
        mut profile: [&'a [u8]; 1 + FIELD_COUNT],
    ) -> Result<Self, Reason> {
        let number = str::from_utf8(count)
            .ok()
            .and_then(|text| text.parse().ok());
        let count: u64 = number
            .filter(|count| (1..=u64::from(u32::MAX)).contains(count))
            .ok_or_else(|| Reason::Count(Untrusted::from_bytes(count)))?;
        let mut people: Vec<Profile> = Vec::with_capacity(2);
        for id in ids.split(|byte| *byte == b' ') {
            profile[0] = id;
            people.push(Draft::of_cells(&profile).finish().map_err(Reason::Field)?);
        }
        let named = people.len() as u64;
        if named > count || named < count.min(2) {
            return Err(Reason::CountOfIds { count, named });
        }
        if !people.is_sorted_by(|a, b| a.id < b.id) {
            return Err(Reason::OrderOfIds);
        }
        Ok(Self {
            people,
            others: count - named,
        })
    }
}

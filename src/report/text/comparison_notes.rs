//! Remarks on a comparison: how it was made, and what would make it clearer.

use crate::{
    compare::{Difference, Group, Section},
    report::{
        comparison::ComparedAnswers,
        failures::folded,
        format::quoted,
        text::{leaves::excerpt, note::Note},
        view::View,
    },
    untrusted::Untrusted,
};

/// Groups from which on a field in which all differ is pointed out, and that are looked at for it.
const MIN_INDIVIDUAL: usize = 5;

/// Such fields that are named.
const MAX_INDIVIDUAL: usize = 4;

/// What the reader has to know of how it was compared.
pub(super) fn notes(compared: &ComparedAnswers, view: &View<'_>) -> Vec<Note> {
    let options = &compared.options;
    let mut notes = Vec::new();
    if let Some(reference) = &options.reference
        && compared.reference.is_none()
    {
        let endpoint = folded([reference.clone()]);
        notes.push(Note {
            label: "reference",
            text: format!("{endpoint} did not answer; the largest group is the reference instead"),
        });
    }
    for (word, paths) in [("by", &options.only), ("without", &options.ignore)] {
        if !paths.is_empty() && view.shows_personal_data() {
            let paths: Vec<_> = paths.iter().map(excerpt).collect();
            notes.push(Note {
                label: "",
                text: format!("compared {word} {}", paths.join(", ")),
            });
        }
    }
    let individual = match view.shows_personal_data() && !options.health {
        true => individual_fields(compared),
        false => Vec::new(),
    };
    if !individual.is_empty() {
        let shown = &individual[..individual.len().min(MAX_INDIVIDUAL)];
        let arguments: Vec<_> = shown
            .iter()
            .map(|path| format!("--ignore {}", quoted(path)))
            .collect();
        notes.push(Note {
            label: "",
            text: format!(
                "{} differ between all groups looked at; {} compares the rest",
                shown.join(", "),
                arguments.join(" ")
            ),
        });
    }
    notes
}

/// The fields that have another value in each of the groups looked at, such as a host name, where groups are many. A path
/// that an excerpt would cut is left out: the reader could not type it.
fn individual_fields(compared: &ComparedAnswers) -> Vec<String> {
    let sections = compared.comparison.sections.iter();
    let members =
        |groups: &[Group]| -> usize { groups.iter().map(|group| group.members.len()).sum() };
    let mut divided = sections.filter(|Section { groups, .. }| {
        groups.len() >= MIN_INDIVIDUAL && 2 * groups.len() > members(groups)
    });
    let Some(section) = divided.next() else {
        return Vec::new();
    };
    let details = compared.details(section).skip(1).take(MIN_INDIVIDUAL);
    let groups: Vec<_> = details
        .map(|(_, details)| details.differences.listed)
        .collect();
    let is_individual = |candidate: &&Difference| {
        let mut seen = vec![&candidate.reference];
        groups.iter().all(|listed| {
            let same_path = |difference: &&Difference| difference.path == candidate.path;
            let value = listed.iter().find(same_path).map(|found| &found.value);
            value.is_some_and(|value| {
                let is_new = !seen.contains(&value);
                seen.push(value);
                is_new
            })
        })
    };
    let candidates = groups.iter().take(1).flatten();
    let paths = candidates
        .filter(is_individual)
        .map(|found| found.path.to_string());
    paths
        .filter(|path| path.chars().count() <= Untrusted::MAX_CHARS)
        .collect()
}

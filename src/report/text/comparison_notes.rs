//! Remarks on a comparison: how it was made, and what would make it clearer.

use crate::{
    compare::{Group, Section},
    path::PathPattern,
    report::{
        comparison::ComparedAnswers,
        failures::folded,
        text::{leaves::path_text, note::Note},
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
            let paths: Vec<_> = paths.iter().map(shortened).collect();
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
        notes.push(Note {
            label: "",
            text: format!(
                "{} differ in every group; --ignore {} compares the rest",
                shown.join(", "),
                shown.join(" --ignore ")
            ),
        });
    }
    notes
}

/// The fields by which all groups differ, such as a host name, where these are many.
fn individual_fields(compared: &ComparedAnswers) -> Vec<String> {
    let sections = compared.comparison.sections.iter();
    let members = |groups: &[Group]| {
        groups
            .iter()
            .map(|group| group.members.len())
            .sum::<usize>()
    };
    let mut divided = sections.filter(|Section { groups, .. }| {
        groups.len() >= MIN_INDIVIDUAL && 2 * groups.len() > members(groups)
    });
    let Some(section) = divided.next() else {
        return Vec::new();
    };
    let details = compared.details(section).skip(1).take(MIN_INDIVIDUAL);
    let paths = details.map(|(_, details)| {
        let listed = details.differences.listed.iter();
        listed
            .map(|difference| path_text(&difference.path))
            .collect()
    });
    let common = paths.reduce(|common: Vec<_>, paths| {
        let in_both = common.into_iter().filter(|path| paths.contains(path));
        in_both.collect()
    });
    common.unwrap_or_default()
}

fn shortened(path: &PathPattern) -> String {
    Untrusted::new(&path.to_string()).to_string()
}

//! The page of a comparison of answers.

use std::{cmp::Reverse, collections::BTreeMap};

use askama::Template;

use crate::report::{
    comparison::ComparedAnswers,
    format::plural,
    html::{
        mark::SeatMark,
        seats::{SeatLook, SeatMap, SeatWords},
        shared::SharedParts,
    },
    model::{Input, Report, Survey},
    text::{AnswersText, ComparisonText, ListLimits, excerpt},
    view::View,
};

/// Sections, and groups of each, that are listed; longer lists are better read by a program.
const MAX_SECTIONS: usize = 50;
const MAX_GROUPS: usize = 50;

const LIMITS: ListLimits = ListLimits {
    leaves: 12,
    differences: 50,
};

/// Entries of the legend.
const MAX_LEGEND: usize = 12;

#[derive(Template)]
#[template(path = "comparison.html")]
pub(super) struct ComparisonPage<'a> {
    common: SharedParts,
    seats: Option<SeatMap>,
    legend: Vec<LegendEntry>,
    /// How many endpoints are in groups that the legend does not have.
    unlisted: usize,
    sections: Vec<SectionRows>,
    more_sections: Option<String>,
    is_health: bool,
    method: &'a str,
    /// Which group the others are compared with.
    reference: String,
}

/// A mark of the map, what it means, and how many endpoints have it.
struct LegendEntry {
    mark: SeatMark,
    word: String,
    count: usize,
}

struct SectionRows {
    heading: Option<String>,
    groups: Vec<AnswersRow>,
    more: Option<String>,
}

struct AnswersRow {
    mark: SeatMark,
    text: AnswersText,
}

impl<'a> ComparisonPage<'a> {
    pub(super) fn new(
        report: &Report,
        text: &ComparisonText<'a>,
        common: SharedParts,
        view: &View<'_>,
    ) -> Self {
        let compared = text.compared;
        let looks = Looks::new(text);
        let (legend, unlisted) = looks.legend();
        let seats = match &report.input {
            Input::Survey(survey) => Some(looks.seats(survey, compared, view)),
            Input::Files { .. } => None,
        };
        let sections = text.sections().take(MAX_SECTIONS);
        let omitted = compared
            .comparison
            .sections
            .len()
            .saturating_sub(MAX_SECTIONS);
        Self {
            common,
            seats,
            legend,
            unlisted,
            sections: sections
                .map(|section| SectionRows {
                    groups: text
                        .groups(&section, LIMITS)
                        .take(MAX_GROUPS)
                        .map(|text| AnswersRow {
                            mark: SeatMark::of_group(text.number, text.is_good),
                            text,
                        })
                        .collect(),
                    more: section.omitted(MAX_GROUPS),
                    heading: section.heading,
                })
                .collect(),
            more_sections: (omitted > 0)
                .then(|| format!("and {}", plural(omitted, "more section"))),
            is_health: compared.options.health,
            method: &compared.method,
            reference: text.reference(),
        }
    }
}

/// The mark and the word of every group.
struct Looks {
    groups: Vec<(SeatMark, String, usize)>,
    /// For each endpoint with an answer, the index of its group.
    of_endpoint: Vec<Option<usize>>,
}

impl Looks {
    fn new(text: &ComparisonText<'_>) -> Self {
        // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
        let ComparedAnswers {
            method: _,
            options,
            hosts: _,
            comparison,
            reference: _,
            group_of,
            distinct: _,
        } = text.compared;
        let mut looks = Self {
            groups: Vec::new(),
            of_endpoint: vec![None; group_of.len()],
        };
        for section in &comparison.sections {
            for (number, group) in (1..).zip(&section.groups) {
                for member in &group.members {
                    looks.of_endpoint[*member] = Some(looks.groups.len());
                }
                let (word, is_good) = text.word(number, group);
                let word = match is_good || options.health {
                    true => word,
                    false => format!("group {number}"),
                };
                let mark = SeatMark::of_group(number, is_good);
                looks.groups.push((mark, word, group.members.len()));
            }
        }
        looks
    }

    /// The marks with their words, and how many endpoints have others.
    fn legend(&self) -> (Vec<LegendEntry>, usize) {
        let mut counts: BTreeMap<(SeatMark, &str), usize> = BTreeMap::new();
        for (mark, word, count) in &self.groups {
            *counts.entry((*mark, word)).or_default() += count;
        }
        let mut entries: Vec<_> = counts
            .into_iter()
            .map(|((mark, word), count)| LegendEntry {
                mark,
                word: word.to_owned(),
                count,
            })
            .collect();
        entries.sort_by_key(|entry| {
            (
                entry.mark != SeatMark::of_group(1, true),
                Reverse(entry.count),
            )
        });
        let omitted = entries.split_off(entries.len().min(MAX_LEGEND));
        (entries, omitted.iter().map(|entry| entry.count).sum())
    }

    fn seats(&self, survey: &Survey, compared: &ComparedAnswers, view: &View<'_>) -> SeatMap {
        let open = view.shows_personal_data();
        let look = |index: usize| match self.of_endpoint[index] {
            Some(group) => {
                let (mark, word, _) = &self.groups[group];
                let number = survey.answers[index].outcome.answer_number();
                let fields = compared.distinct.fields(number).unwrap_or_default();
                let fields: Vec<_> = fields.values().map(excerpt).collect();
                SeatLook {
                    mark: *mark,
                    word: word.clone(),
                    name: (open && !fields.is_empty()).then(|| fields.join(", ")),
                    values: Vec::new(),
                    letters: None,
                }
            }
            None => SeatLook::of_outcome(survey.answers[index].outcome.kind()),
        };
        let words = SeatWords {
            title: "The endpoints",
            seat: "endpoint",
            good: if compared.options.health {
                "SERVING"
            } else {
                "alike"
            },
            content: String::new(),
        };
        let mark = |index: usize| match self.of_endpoint[index] {
            Some(group) => self.groups[group].0,
            None => SeatLook::of_outcome(survey.answers[index].outcome.kind()).mark,
        };
        SeatMap::new(survey, view, words, mark, look)
    }
}

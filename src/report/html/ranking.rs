//! The page of a ranking.

use std::collections::HashMap;

use askama::Template;

use crate::{
    profile::{FIELDS, Field},
    report::{
        format::{grouped, number},
        html::{
            letters::{Letters, MAX_LETTERS},
            method::MethodText,
            plot::Plot,
            seats::{SeatLook, SeatMap, SeatWords},
            shared::SharedParts,
        },
        model::{Input, Report, Survey},
        ranked::RankedPeople,
        subjects::{ShownValue, Subjects},
        text::{FieldText, OUTLIERS, PER_PERSON, RankingText},
        view::View,
    },
    similarity::{Like, Metric, Ranking},
};

/// Rows of a table of people; longer ones are better read by a program.
const MAX_ROWS: usize = 1000;

/// Pairs that are named in the answer.
const MAX_NAMED: usize = 3;

/// Pairs explained; the rest is for a program to read.
const MAX_PAIRS: usize = 30;

/// Groups of identical people listed, and how many of each are named.
const MAX_GROUPS: usize = 100;
const MAX_NAMES: usize = 20;

#[derive(Template)]
#[template(path = "ranking.html")]
pub(super) struct RankingPage<'a> {
    common: SharedParts,
    text: RankingText<'a>,
    letters: Letters,
    seats: Option<SeatMap>,
    verdict: String,
    /// The heading of the list of pairs.
    heading: String,
    plot: Option<Plot>,
    /// The fields of the table of people, each with its unit.
    columns: Vec<(&'a str, Option<&'static str>)>,
    people: Vec<PersonRow>,
    /// How many people the table would have, were it not cut.
    all_people: usize,
    /// The longest distance among the pairs: all bars are drawn on one scale.
    longest: f64,
    open: bool,
    method: MethodText,
}

/// A row of the table of people.
struct PersonRow {
    id: String,
    values: Vec<ShownValue>,
    seat: Option<String>,
}

impl<'a> RankingPage<'a> {
    pub(super) fn new(
        report: &Report,
        text: RankingText<'a>,
        common: SharedParts,
        view: &View<'a>,
    ) -> Self {
        // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
        let RankedPeople {
            options,
            people,
            counts: _,
            method: _,
            seat_of,
            ranking:
                Ranking {
                    pairs,
                    smallest: _,
                    tied: _,
                    margin: _,
                    duplicates: _,
                    twins: _,
                    twin_groups: _,
                    per_person: _,
                    like,
                    outliers: _,
                    incomparable: _,
                },
        } = text.ranked;
        let answer = &text.answer;
        let open = view.shows_personal_data();
        let letters = letters(&text);
        let seats = match &report.input {
            Input::Survey(survey) => Some(seats(survey, text.ranked, &letters, view)),
            Input::Files { .. } => None,
        };
        Self {
            verdict: verdict(&text, view),
            heading: match like {
                Some(Like::Found { .. }) => answer.title.clone(),
                _ => "Closest pairs".to_owned(),
            },
            plot: open.then(|| Plot::new(text.ranked, &letters)).flatten(),
            columns: people.columns(),
            people: match open {
                true => rows(people, seat_of, &report.input, view),
                false => Vec::new(),
            },
            all_people: people.len(),
            open,
            longest: (answer.pairs.iter().take(MAX_PAIRS))
                .map(|pair| pair.distance)
                .fold(0.0, f64::max),
            method: MethodText::new(options, open.then(|| pairs.first()).flatten(), people),
            common,
            letters,
            seats,
            text,
        }
    }

    /// The width of the bar of a field, of 100.
    fn bar(&self, field: &FieldText) -> String {
        let share = field.amount / self.longest;
        format!("{:.1}", 100.0 * share.clamp(0.0, 1.0))
    }

    /// The distance that a full bar stands for, if there are bars.
    fn full_bar(&self) -> Option<String> {
        let has_bars = self.longest > 0.0 && self.open;
        has_bars.then(|| number(self.longest))
    }

    /// What the folded table of so many people is called.
    fn table_of(&self, people: usize) -> String {
        match people {
            1 => format!("A table of one {}", self.text.ranked.people.singular()),
            _ if people > MAX_ROWS => {
                let noun = self.text.ranked.people.noun();
                format!("A table of {MAX_ROWS} of {} {noun}", grouped(people as u64))
            }
            _ => format!("A table of {people} {}", self.text.ranked.people.noun()),
        }
    }
}

/// The result in one line. Before class a live page has nothing to complain of.
fn verdict(text: &RankingText<'_>, view: &View<'_>) -> String {
    let answer = &text.answer;
    let verdict = answer.verdict.text();
    match &text.groups {
        Some(groups) if answer.first_place.is_empty() => format!("{verdict}. {}", groups.remark),
        _ if view.live && text.ranked.people.len() < 2 => "Waiting for two answers.".to_owned(),
        _ => verdict.to_owned(),
    }
}

/// Letters for the pairs in the first place, or for the groups that are listed instead of them.
fn letters(text: &RankingText<'_>) -> Letters {
    let (answer, ranked) = (&text.answer, text.ranked);
    match &text.groups {
        Some(groups) if answer.first_place.is_empty() => Letters::of_groups(groups.listed),
        _ => Letters::of_pairs(ranked, answer.first_place.iter().copied()),
    }
}

/// The table of people, with the endpoint of each.
fn rows(people: &Subjects, seat_of: &[usize], input: &Input, view: &View<'_>) -> Vec<PersonRow> {
    let seat = |person: usize| match input {
        Input::Survey(survey) => Some(survey.hosts.get(*seat_of.get(person)?).to_string()),
        Input::Files { .. } => None,
    };
    let rows = (0..people.len().min(MAX_ROWS)).map(|index| PersonRow {
        id: view.name(people.id(index)),
        values: people.values(index),
        seat: seat(index),
    });
    rows.collect()
}

/// A field and its unit, which its values in a seat do not repeat.
fn caption(field: &Field) -> String {
    match field.unit {
        Some(unit) => format!("{} in {unit}", field.name),
        None => field.name.to_owned(),
    }
}

/// The room: who sits where, and who of them are most alike.
fn seats(survey: &Survey, ranked: &RankedPeople, letters: &Letters, view: &View<'_>) -> SeatMap {
    let open = view.shows_personal_data();
    let letters: HashMap<usize, &str> = (ranked.seat_of.iter().enumerate())
        .filter_map(|(person, seat)| Some((*seat, letters.of_person(person)?)))
        .collect();
    let outcome = |index: usize| &survey.answers[index].outcome;
    let words = SeatWords {
        title: "The room",
        seat: "seat",
        good: "ok",
        content: match open && ranked.method.is_none() {
            true => format!("; {}", FIELDS.each_ref().map(caption).join(", ")),
            false => String::new(),
        },
    };
    SeatMap::new(
        survey,
        view,
        words,
        |index| SeatLook::of_outcome(outcome(index).kind()).mark,
        |index| {
            let profile = outcome(index).profile().map(|(profile, _)| profile);
            let shown = profile.filter(|_| open);
            let item = ranked.seat_of.binary_search(&index).ok();
            SeatLook {
                name: profile
                    .map(|profile| profile.id.as_str())
                    .or_else(|| Some(ranked.people.id(item?)))
                    .map(|id| view.name(id)),
                values: shown.map_or_else(Vec::new, |profile| {
                    profile
                        .build
                        .values()
                        .map(|value| value.to_string())
                        .to_vec()
                }),
                letters: letters.get(&index).map(|letters| (*letters).to_owned()),
                ..SeatLook::of_outcome(outcome(index).kind())
            }
        },
    )
}

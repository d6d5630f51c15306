//! The page of a ranking.

use std::collections::HashSet;

use askama::Template;

use crate::{
    profile::{FIELDS, Profile, Value},
    report::{
        html::{
            method::MethodText,
            plot::{BOTTOM, HEIGHT, LEFT, Plot, RIGHT, TOP, WIDTH},
            seats::{SeatLook, SeatMap, SeatWords},
            shared::SharedParts,
        },
        model::{Input, RankedPeople, Report, Survey},
        text::{PER_PERSON, RankingText},
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
    seats: Option<SeatMap>,
    verdict: String,
    /// The heading of the list of pairs.
    heading: String,
    plot: Option<Plot>,
    people: &'a [Profile],
    method: MethodText,
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
            seat_of: _,
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
                },
        } = text.ranked;
        let answer = &text.answer;
        let open = view.shows_personal_data();
        let seats = match &report.input {
            Input::Survey(survey) => Some(seats(survey, text.ranked, view)),
            Input::Files { .. } => None,
        };
        Self {
            verdict: match &text.groups {
                Some(groups) if answer.first_place.is_empty() => {
                    format!("{}. {}", answer.verdict.text(), groups.remark)
                }
                _ => answer.verdict.text().to_owned(),
            },
            heading: match like {
                Some(Like::Found { .. }) => answer.title.clone(),
                _ => "Closest pairs".to_owned(),
            },
            plot: open.then(|| Plot::new(text.ranked)).flatten(),
            people: if open { people } else { &[] },
            method: MethodText::new(options, open.then(|| pairs.first()).flatten(), people),
            common,
            seats,
            text,
        }
    }
}

/// The room: who sits where, and who of them are most alike.
fn seats(survey: &Survey, ranked: &RankedPeople, view: &View<'_>) -> SeatMap {
    let closest = ranked.ranking.first_place();
    let alike: HashSet<usize> = closest
        .flat_map(|pair| [pair.a, pair.b].map(|person| ranked.seat_of[person]))
        .collect();
    let outcome = |index: usize| &survey.answers[index].outcome;
    let words = SeatWords {
        title: "The room",
        seat: "seat",
        good: "ok",
    };
    SeatMap::new(
        survey,
        words,
        |index| SeatLook::of_outcome(outcome(index).kind()).mark,
        |index| {
            let profile = outcome(index).profile().map(|(profile, _)| profile);
            let shown = profile.filter(|_| view.shows_personal_data());
            SeatLook {
                name: profile.map(|profile| view.name(&profile.id)),
                build: shown.map(|profile| profile.build.values().map(Value::with_unit).to_vec()),
                alike: alike.contains(&index),
                ..SeatLook::of_outcome(outcome(index).kind())
            }
        },
    )
}

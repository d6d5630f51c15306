//! The part of the page that changes when the report does.

use std::io;

use askama::Template;

use crate::{
    profile::Profile,
    report::{
        category::{Category, category},
        failures::Failure,
        html::{
            command::Run,
            method::Method,
            plot::{BOTTOM, HEIGHT, LEFT, Plot, RIGHT, TOP, WIDTH},
            seats::Seats,
        },
        model::{Input, Report},
        text::{Answer, GroupText, Groups, Note, PER_PERSON, PairText, Story},
        view::View,
    },
    similarity::{Like, Metric, Ranking},
    survey::outcome::OutcomeKind,
};

/// Rows of a table of people; longer ones are better read by a program.
const MAX_ROWS: usize = 1000;

/// Failures shown at once; further ones unfold.
const MAX_FAILURES: usize = 12;

/// Pairs that are named in the answer.
const MAX_NAMED: usize = 3;

/// Pairs explained; the rest is for a program to read.
const MAX_PAIRS: usize = 30;

/// Groups of identical people listed, and how many of each are named.
const MAX_GROUPS: usize = 100;
const MAX_NAMES: usize = 20;

/// The part of the page that changes when the report does.
///
/// # Errors
/// None in practice: text can always be written to memory.
pub fn main(report: &Report, view: &View<'_>) -> io::Result<String> {
    Main::new(report, view).render().map_err(io::Error::other)
}

#[derive(Template)]
#[template(path = "main.html")]
struct Main {
    headline: String,
    /// Whether the report is about endpoints.
    survey: bool,
    live: bool,
    notes: Vec<String>,
    tally: Vec<OutcomeCount>,
    answer: AnswerPart,
    seats: Option<Seats>,
    plot: Option<Plot>,
    groups: Option<GroupsPart>,
    failures: Vec<FailureRow>,
    folded_failures: Vec<FailureRow>,
    people: Option<Rows<Profile>>,
    nearest: Option<Rows<[String; 3]>>,
    method: Method,
    run: Run,
}

/// How many came to one category, and its share of a bar that is 100 wide.
struct OutcomeCount {
    category: Category,
    word: &'static str,
    count: u64,
    from: String,
    width: String,
}

struct FailureRow {
    category: Category,
    text: String,
    failure: Failure,
}

/// The first rows of a table.
struct Rows<T> {
    rows: Vec<T>,
    total: usize,
}

/// Who is alike.
struct AnswerPart {
    title: String,
    /// The most alike, to be read across a room.
    named: Vec<[String; 2]>,
    verdict: String,
    /// What the list below is about.
    heading: String,
    pairs: Vec<PairText>,
    /// Pairs that are not listed.
    more: u64,
}

struct GroupsPart {
    heading: String,
    groups: Vec<GroupText>,
    /// Groups that are not listed.
    more: usize,
}

impl Main {
    fn new(report: &Report, view: &View<'_>) -> Self {
        // Every field is named, so that a new one is not forgotten. The texts hold those that are not used here.
        let Report {
            started,
            arguments,
            options,
            input,
            people,
            seat_of: _,
            ranking,
        } = report;
        let Ranking {
            pairs,
            smallest: _,
            tied: _,
            margin: _,
            duplicates: _,
            twins: _,
            twin_groups: _,
            per_person: _,
            like,
        } = ranking;
        let story = Story::new(report, view);
        let answer = AnswerPart::new(&story, like.as_ref());
        let groups = story
            .groups
            .as_ref()
            .map(|groups| GroupsPart::new(&story, groups));
        let nearest = story.per_person.map(|nearest| Rows {
            rows: nearest
                .iter()
                .take(MAX_ROWS)
                .map(|nearest| story.nearest(nearest))
                .collect(),
            total: nearest.len(),
        });
        let Story {
            report: _,
            view: _,
            headline,
            complete: _,
            notes,
            failures,
            answer: _,
            groups: _,
            per_person: _,
        } = story;
        let mut failures = failed(failures, view);
        let folded_failures = failures.split_off(failures.len().min(MAX_FAILURES));
        let open = view.shows_personal_data();
        Self {
            headline,
            survey: matches!(input, Input::Survey(_)),
            live: view.live,
            notes: notes.iter().map(sentence).collect(),
            tally: tally(report),
            answer,
            seats: match input {
                Input::Survey(survey) => Some(Seats::new(report, survey, view)),
                Input::Files { .. } => None,
            },
            plot: open.then(|| Plot::new(report)).flatten(),
            groups,
            failures,
            folded_failures,
            people: (open && !people.is_empty()).then(|| Rows {
                rows: people.iter().take(MAX_ROWS).cloned().collect(),
                total: people.len(),
            }),
            nearest,
            method: Method::new(options, open.then(|| pairs.first()).flatten(), people),
            run: Run::new(*started, open.then_some(arguments)),
        }
    }
}

impl AnswerPart {
    fn new(story: &Story<'_>, like: Option<&Like>) -> Self {
        let Answer {
            title,
            build: _,
            verdict,
            first_place,
            pairs,
            omitted,
        } = &story.answer;
        let named = first_place.iter().take(MAX_NAMED);
        let shown = pairs.iter().take(MAX_PAIRS);
        Self {
            title: title.clone(),
            named: named.map(|pair| story.pair(pair).names).collect(),
            verdict: match &story.groups {
                Some(Groups { remark, .. }) if first_place.is_empty() => {
                    format!("{}. {remark}", verdict.text())
                }
                _ => verdict.text().to_owned(),
            },
            heading: match like {
                Some(Like::Found { .. }) => title.clone(),
                _ => "Closest pairs".to_owned(),
            },
            pairs: shown.map(|pair| story.pair(pair)).collect(),
            more: pairs.len().saturating_sub(MAX_PAIRS) as u64 + omitted,
        }
    }
}

impl GroupsPart {
    fn new(story: &Story<'_>, groups: &Groups<'_>) -> Self {
        let Groups {
            heading,
            remark: _,
            listed,
            total,
        } = groups;
        let shown = listed.iter().take(MAX_GROUPS);
        let groups: Vec<_> = shown.map(|group| story.group(group, MAX_NAMES)).collect();
        Self {
            heading: heading.clone(),
            more: total - groups.len(),
            groups,
        }
    }
}

/// A remark as a sentence.
fn sentence(note: &Note) -> String {
    let Note { label, text } = note;
    match label.split_at_checked(1) {
        Some((first, rest)) => format!("{}{rest}: {text}.", first.to_uppercase()),
        None => format!("{text}."),
    }
}

/// The categories of all endpoints or rows, in the order of the legend.
fn tally(report: &Report) -> Vec<OutcomeCount> {
    let outcomes = report.summary().outcomes;
    let mut counts: Vec<_> = outcomes
        .iter()
        .map(|(outcome, count)| match (&report.input, outcome) {
            (Input::Files { .. }, OutcomeKind::Invalid) => {
                ((Category::BadData, "no valid profile"), count)
            }
            _ => (category(outcome), count),
        })
        .collect();
    counts.sort_unstable();
    let total = counts.iter().map(|(_, count)| count).sum::<u64>().max(1) as f64;
    let mut from = 0.0;
    counts
        .into_iter()
        .map(|((category, word), count)| {
            let width = 100.0 * count as f64 / total;
            from += width;
            OutcomeCount {
                category,
                word,
                count,
                from: format!("{:.3}", from - width),
                width: format!("{width:.3}"),
            }
        })
        .collect()
}

fn failed(failures: Vec<Failure>, view: &View<'_>) -> Vec<FailureRow> {
    failures
        .into_iter()
        // Before the first round of a live page is over, an endpoint without an answer has not failed.
        .filter(|failure| !(view.live && failure.outcome == OutcomeKind::Cancelled))
        .map(|failure| {
            let (category, word) = category(failure.outcome);
            FailureRow {
                category,
                text: failure.text(word),
                failure,
            }
        })
        .collect()
}

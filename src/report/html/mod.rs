//! A report for a browser: one file that needs nothing else, no network and no script.
//!
//! The page is made of two templates, `page.html` around `main.html`, because a live page replaces the inner one
//! alone. What is drawn is bounded whatever the report's size, and the page says what was left out. Plots are
//! SVG of our own rather than a plotting crate's: those write colours and sizes into every element, while here
//! a mark is a shape and a class, so that light, dark, print and forced colours are the style sheet's business
//! and a screen reader gets a title, a description and a table.

mod pairs;
mod plot;
mod seats;

use std::{
    io::{self, Write},
    time::Duration,
};

use askama::Template;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    profile::{Id, Profile, Size},
    report::{
        failures::{Reason, failures},
        format::number,
        html::{
            pairs::{ClosestPairs, Twins},
            plot::Plot,
            seats::{Category, Seats, category},
        },
        model::{Input, Report, Summary, Survey},
    },
    similarity::{FIELDS, MAX_TERM, Metric, Weights},
    survey::outcome::{Outcome, OutcomeKind},
    untrusted::Untrusted,
};

/// Rows of a table of people; a report of more is better read by a program.
const MAX_ROWS: usize = 1000;

/// Failures shown at once; further ones unfold.
const MAX_FAILURES: usize = 12;

/// Words of the command line that are shown; a thousand hosts may have been given one by one.
const MAX_ARGUMENTS: usize = 60;

/// Writes `report` to `out` as a page that never changes.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let main = main(report, &View::default())?;
    page(report, &main, None).write_into(out)
}

/// The page around a [`main`] part.
#[must_use]
pub fn page<'a>(report: &Report, main: &'a str, live: Option<Live<'a>>) -> impl Template + use<'a> {
    Page {
        title: headline(report, &report.summary()),
        version: env!("CARGO_PKG_VERSION"),
        style: STYLE,
        policy: policy(live.as_ref()),
        main,
        live,
    }
}

/// The part of the page that changes when the report does.
///
/// # Errors
/// None in practice: text can always be written to memory.
pub fn main(report: &Report, view: &View<'_>) -> io::Result<String> {
    Main::new(report, view).render().map_err(io::Error::other)
}

/// What is shown of the people.
#[derive(Clone, Copy, Default)]
pub struct View<'a> {
    /// Names to show instead of the ids. With them the page holds nothing that was measured and nothing that a
    /// peer or the command line said, since that may be an id or a height as well.
    pub pseudonyms: Option<&'a dyn Fn(&Id) -> String>,
    /// Whether the page is one of a series, whose first may have come before anybody was asked.
    pub live: bool,
}

impl View<'_> {
    fn name(&self, id: &Id) -> String {
        match self.pseudonyms {
            Some(pseudonym) => pseudonym(id),
            None => id.to_string(),
        }
    }

    fn shows_personal_data(&self) -> bool {
        self.pseudonyms.is_none()
    }
}

/// What makes a page live.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    /// The script that replaces the main part.
    pub script: &'a str,
    /// How often a browser without scripts loads the page again.
    pub every: Duration,
}

impl Live<'_> {
    /// Whole seconds, as HTML wants them; at least one.
    fn seconds(&self) -> u64 {
        self.every.as_secs_f64().ceil().max(1.0) as u64
    }
}

const STYLE: &str = include_str!("../../../templates/page.css");

/// The Content-Security-Policy of a page: its own style, its own script if it has one, and nothing else.
#[must_use]
pub fn policy(live: Option<&Live<'_>>) -> String {
    let script = match live {
        Some(live) => format!(" script-src {}; connect-src 'self';", hash(live.script)),
        None => String::new(),
    };
    let style = hash(STYLE);
    format!(
        "default-src 'none'; style-src {style};{script} img-src data:; base-uri 'none'; form-action 'none'"
    )
}

/// The source expression for an inline element with this text (CSP level 3, 6.7.3.3).
fn hash(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    format!("'sha256-{}'", BASE64_STANDARD.encode(digest))
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: String,
    version: &'static str,
    style: &'static str,
    policy: String,
    main: &'a str,
    live: Option<Live<'a>>,
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
    closest: ClosestPairs,
    seats: Option<Seats>,
    plot: Option<Plot>,
    twins: Option<Twins>,
    failures: Vec<FailureRow>,
    folded_failures: Vec<FailureRow>,
    people: Option<People>,
    nearest: Option<Nearest>,
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
    endpoints: String,
    count: usize,
    what: String,
    hint: String,
}

/// Everybody, as rows.
struct People {
    rows: Vec<Profile>,
    total: usize,
}

/// Everybody's nearest, as rows.
struct Nearest {
    rows: Vec<[String; 3]>,
    total: usize,
}

/// How the distance is computed.
struct Method {
    metric: Metric,
    formula: String,
    full_term: u32,
    sizes: String,
    weights: Option<String>,
    /// The closest pair's distance by hand.
    example: Option<String>,
}

/// When and with what the report was made.
struct Run {
    started: String,
    version: &'static str,
    command: Option<String>,
}

impl Main {
    fn new(report: &Report, view: &View<'_>) -> Self {
        let summary = report.summary();
        let (mut failures, mut seats) = (Vec::new(), None);
        let survey = matches!(report.input, Input::Survey(_));
        if let Input::Survey(survey) = &report.input {
            failures = failed(survey, view);
            seats = Some(Seats::new(report, survey, view));
        }
        let folded_failures = failures.split_off(failures.len().min(MAX_FAILURES));
        Self {
            headline: headline(report, &summary),
            survey,
            live: view.live,
            notes: notes(report, &summary, view),
            tally: tally(report),
            closest: ClosestPairs::new(report, view),
            seats,
            plot: view
                .shows_personal_data()
                .then(|| Plot::new(report))
                .flatten(),
            twins: Twins::new(report, view),
            failures,
            folded_failures,
            people: (view.shows_personal_data() && !report.people.is_empty()).then(|| People {
                rows: report.people.iter().take(MAX_ROWS).cloned().collect(),
                total: report.people.len(),
            }),
            nearest: nearest(report, view),
            method: Method::new(report, view),
            run: Run::new(report, view),
        }
    }
}

fn headline(report: &Report, summary: &Summary) -> String {
    let (ok, asked) = (summary.ok(), summary.asked());
    match report.input {
        Input::Survey(_) => format!("{ok} of {asked} answered"),
        Input::Files { .. } if ok == asked => format!("{ok} people"),
        Input::Files { .. } => format!("{ok} people in {asked} rows"),
    }
}

/// What the headline leaves out.
fn notes(report: &Report, summary: &Summary, view: &View<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Input::Survey(_), unusable @ 1..) = (&report.input, summary.unusable()) {
        notes.push(format!(
            "{unusable} answered with data that cannot be used."
        ));
    }
    let ids = &summary.duplicate_ids;
    if !ids.is_empty() {
        let names: Vec<_> = ids.iter().take(20).map(|id| view.name(id)).collect();
        let more = if ids.len() > names.len() { ", …" } else { "" };
        notes.push(format!(
            "Duplicate id: {}{more}; claimed more than once, and not ranked.",
            names.join(", ")
        ));
    }
    notes
}

/// The states of all endpoints or rows, in the order of the legend.
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

fn failed(survey: &Survey, view: &View<'_>) -> Vec<FailureRow> {
    let shown = failures(survey).into_iter().filter(|failure| {
        // Before the first round of a live page is over, whoever has not answered is no failure.
        !(view.live && *failure.outcome == Outcome::Cancelled)
    });
    shown
        .map(|failure| {
            let (category, word) = category(failure.outcome.kind());
            let count = failure.count;
            match failure.reason {
                Some(Reason {
                    endpoints,
                    detail,
                    hint,
                }) => FailureRow {
                    category,
                    endpoints,
                    count,
                    what: match detail.filter(|_| view.shows_personal_data()) {
                        Some(detail) => format!("{word} ({detail})"),
                        None => word.to_owned(),
                    },
                    hint: hint.unwrap_or_default().into_owned(),
                },
                None => FailureRow {
                    category,
                    endpoints: format!("{count} more"),
                    count: 1,
                    what: format!("{word}, each for another reason"),
                    hint: String::new(),
                },
            }
        })
        .collect()
}

fn nearest(report: &Report, view: &View<'_>) -> Option<Nearest> {
    let everybody = report.ranking.per_person.as_ref()?;
    let name = |person: usize| view.name(&report.people[person].id);
    let rows = everybody.iter().take(MAX_ROWS).map(|nearest| {
        let distance = if view.shows_personal_data() {
            number(nearest.distance)
        } else {
            String::new()
        };
        [name(nearest.person), name(nearest.nearest), distance]
    });
    Some(Nearest {
        rows: rows.collect(),
        total: everybody.len(),
    })
}

impl Method {
    fn new(report: &Report, view: &View<'_>) -> Self {
        let weights = report.options.weights;
        let plain = weights == Weights::default();
        let metric = report.options.metric;
        let closest = report.ranking.pairs.first();
        let example = closest
            .filter(|_| view.shows_personal_data() && plain)
            .and_then(|pair| {
                let (a, b) = (&report.people[pair.a], &report.people[pair.b]);
                let sum = metric.explain(a, b)?;
                Some(format!("{} and {}: {sum}", a.id, b.id))
            });
        Self {
            metric,
            formula: metric.formula().unwrap_or_default(),
            full_term: MAX_TERM,
            sizes: Size::ALL.map(Size::name).join(", "),
            weights: (!plain).then(|| {
                let pairs = FIELDS.iter().zip(weights.values());
                let words: Vec<_> = pairs
                    .map(|(field, weight)| format!("{field} {}", number(weight)))
                    .collect();
                words.join(", ")
            }),
            example,
        }
    }
}

impl Run {
    fn new(report: &Report, view: &View<'_>) -> Self {
        let command = view.shows_personal_data().then(|| {
            let mut words = vec!["labrpc".to_owned()];
            let arguments = report.arguments.iter();
            words.extend(arguments.take(MAX_ARGUMENTS).map(|word| quoted(word)));
            match report.arguments.len().saturating_sub(MAX_ARGUMENTS) {
                0 => {}
                more => words.push(format!("… and {more} more")),
            }
            words.join(" ")
        });
        Self {
            started: humantime::format_rfc3339_seconds(report.started).to_string(),
            version: env!("CARGO_PKG_VERSION"),
            command,
        }
    }
}

/// A word of the command line as a shell would need it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+[]".contains(c);
    let shown = Untrusted::new(word).to_string();
    if !word.is_empty() && word.chars().all(plain) {
        shown
    } else {
        format!("'{}'", shown.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_line_are_quoted_and_sanitised() {
        assert_eq!(quoted("--hosts"), "--hosts");
        assert_eq!(quoted("192.168.1.[1-40]"), "192.168.1.[1-40]");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("a\x1b[2J"), r"'a\u{1b}[2J'");
    }

    #[test]
    fn the_policy_names_the_style_by_its_digest() {
        // Of an independent tool: printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(
            hash(""),
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
        );
        let policy = policy(None);
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy.contains("script-src"), "{policy}");
    }
}

//! A report as texts: every sentence, name and rule that the formats for people share.
//!
//! A format lays out a [`Story`] and adds only headings. Lists that grow with the number of people are not made into
//! texts at once: a format asks for the texts of each item that it shows.

use crate::{
    profile::Profile,
    report::{
        failures::{FailureGroup, failures},
        format::{build, number, plural, share},
        model::{Input, Report, Summary},
        view::View,
    },
    similarity::{Like, Nearest, Pair, Ranking, Terms, Twins},
};

/// Pairs of identical people up to which each is listed; beyond that they come in groups.
const MAX_IDENTICAL_PAIRS: u64 = 10;

/// Duplicate ids that are named.
const MAX_DUPLICATE_IDS: usize = 20;

/// The heading of the list of each person's nearest.
pub const PER_PERSON: &str = "Nearest neighbour of each person";

/// A report as texts.
pub struct Story<'a> {
    pub(super) report: &'a Report,
    pub(super) view: View<'a>,
    /// The result in one line.
    pub headline: String,
    /// Whether every endpoint or row has a valid profile with a unique id.
    pub complete: bool,
    /// What the headline leaves out.
    pub notes: Vec<Note>,
    /// What failed, folded.
    pub failures: Vec<FailureGroup>,
    /// Which people are most alike.
    pub answer: Comparison<'a>,
    /// Identical people, where they are listed as groups.
    pub groups: Option<Groups<'a>>,
    /// The nearest of each person, where that was asked for.
    pub per_person: Option<&'a [Nearest]>,
}

/// A remark below the headline.
pub struct Note {
    /// The subject; empty where the text contains it.
    pub label: &'static str,
    /// The remark.
    pub text: String,
}

/// Which people are most alike.
pub struct Comparison<'a> {
    /// The heading.
    pub title: String,
    /// The build of the person that others are compared with, if there is one.
    pub build: Option<String>,
    /// The result in one line.
    pub verdict: VerdictText,
    /// The pairs in the first place, unless groups are listed instead of them.
    pub first_place: Vec<&'a Pair>,
    /// The pairs to explain.
    pub pairs: Vec<&'a Pair>,
    /// Pairs in the first place that are too many for the list.
    pub omitted: u64,
}

/// The result of a comparison in one line, or why there is none.
pub enum VerdictText {
    /// How close the closest are.
    Found(String),
    /// There are fewer than two people.
    Alone,
    /// The person to compare with cannot be found.
    Mistaken(String),
}

impl VerdictText {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Found(text) | Self::Mistaken(text) => text,
            Self::Alone => "At least two people are needed for a comparison.",
        }
    }
}

/// The texts of one pair.
pub struct PairText {
    /// The place, from 1; pairs at equal distance share one.
    pub rank: usize,
    /// Their names, the smaller id first.
    pub names: [String; 2],
    /// The distance.
    pub distance: Option<String>,
    /// The similarity.
    pub similarity: String,
    /// What the distance is made of.
    pub fields: Vec<FieldText>,
}

/// What one field adds to a distance.
pub struct FieldText {
    /// The field's name.
    pub name: &'static str,
    /// The values of both people.
    pub values: String,
    /// The term.
    pub term: String,
    /// The term in per cent of the distance.
    pub share: Option<String>,
}

/// Groups of identical people.
pub struct Groups<'a> {
    /// How many there are.
    pub heading: String,
    /// The sentence in place of their pairs, where these are not listed.
    pub remark: String,
    /// Those that the ranking lists.
    pub listed: &'a [Twins],
    /// How many there are, listed or not.
    pub total: usize,
}

/// The texts of one group.
pub struct GroupText {
    /// How many people are in it.
    pub count: usize,
    /// What they share.
    pub build: Option<String>,
    /// The first of their names.
    pub names: String,
}

/// How many endpoints or rows there were, and how many of them have a valid profile.
pub(crate) fn headline(report: &Report, summary: &Summary) -> String {
    let (ok, asked) = (summary.ok(), summary.asked());
    match report.input {
        Input::Survey(_) => format!("{ok} of {asked} answered"),
        Input::Files { .. } if ok == asked => format!("{ok} people"),
        Input::Files { .. } => format!("{ok} people in {asked} rows"),
    }
}

impl<'a> Story<'a> {
    /// The texts of `report`; `view` decides what they may show.
    #[must_use]
    pub fn new(report: &'a Report, view: &View<'a>) -> Self {
        let summary = report.summary();
        let ranking = &report.ranking;
        let grouped = groups_identical(report);
        Self {
            headline: headline(report, &summary),
            complete: summary.ok() == summary.asked(),
            notes: notes(report, &summary, view),
            failures: match &report.input {
                Input::Survey(survey) => failures(survey, view),
                Input::Files { .. } => Vec::new(),
            },
            answer: match &ranking.like {
                Some(like) => nearest_to(report, view, like),
                None => closest(report, view, grouped),
            },
            groups: grouped.then(|| Groups::new(ranking)),
            per_person: ranking.per_person.as_deref(),
            report,
            view: *view,
        }
    }

    /// The texts of a pair.
    #[must_use]
    pub fn pair(&self, pair: &Pair) -> PairText {
        let Pair {
            rank,
            a,
            b,
            distance,
            similarity: _,
            terms,
        } = pair;
        let open = self.view.shows_personal_data();
        let (a, b) = (&self.report.people[*a], &self.report.people[*b]);
        PairText {
            rank: *rank,
            names: [a, b].map(|person| self.view.name(&person.id)),
            distance: open.then(|| number(*distance)),
            similarity: similarity(&self.view, pair),
            fields: match open {
                true => fields(self.report, [a, b], *distance, terms),
                false => Vec::new(),
            },
        }
    }

    /// How many pairs a list of at most `listed` leaves out.
    #[must_use]
    pub fn more_pairs(&self, listed: usize) -> u64 {
        self.answer.pairs.len().saturating_sub(listed) as u64 + self.answer.omitted
    }

    /// The texts of a group, with at most `names` of its names.
    #[must_use]
    pub fn group(&self, group: &Twins, names: usize) -> GroupText {
        let Twins {
            count,
            height,
            weight,
            size,
            people,
        } = group;
        let people = people.iter().take(names);
        let names: Vec<_> = people.map(|&person| self.name(person)).collect();
        let more = if names.len() < *count { ", …" } else { "" };
        GroupText {
            count: *count,
            build: (self.view.shows_personal_data()).then(|| build(*height, *weight, *size)),
            names: format!("{}{more}", names.join(", ")),
        }
    }

    /// A person, the nearest other one, and how far they are apart.
    #[must_use]
    pub fn nearest(&self, nearest: &Nearest) -> [String; 3] {
        let distance = match self.view.shows_personal_data() {
            true => number(nearest.distance),
            false => String::new(),
        };
        [
            self.name(nearest.person),
            self.name(nearest.nearest),
            distance,
        ]
    }

    fn name(&self, person: usize) -> String {
        self.view.name(&self.report.people[person].id)
    }
}

fn notes(report: &Report, summary: &Summary, view: &View<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    if let (Input::Survey(_), unusable @ 1..) = (&report.input, summary.unusable()) {
        notes.push(Note {
            label: "",
            text: format!("{unusable} answered with data that cannot be used"),
        });
    }
    let ids = &summary.duplicate_ids;
    if !ids.is_empty() {
        let shown = ids.iter().take(MAX_DUPLICATE_IDS);
        let names: Vec<_> = shown.map(|id| view.name(id)).collect();
        let more = if names.len() < ids.len() { ", …" } else { "" };
        let names = names.join(", ");
        notes.push(Note {
            label: "duplicate id",
            text: format!("{names}{more}; claimed more than once, and not ranked"),
        });
    }
    notes
}

/// Whether identical people are listed as groups, because a list of their pairs would be long and repeat itself.
fn groups_identical(report: &Report) -> bool {
    let ranking = &report.ranking;
    let large = ranking.twins.iter().any(|twins| twins.count > 2);
    let many = !ranking.twins.is_empty() && ranking.tied > MAX_IDENTICAL_PAIRS;
    report.options.twins || large || many
}

/// The answer to `--like`.
fn nearest_to<'a>(report: &'a Report, view: &View<'_>, like: &'a Like) -> Comparison<'a> {
    let mistaken = |verdict| Comparison {
        title: "Most alike".to_owned(),
        build: None,
        verdict: VerdictText::Mistaken(verdict),
        first_place: Vec::new(),
        pairs: Vec::new(),
        omitted: 0,
    };
    match like {
        Like::Unknown(id) => mistaken(format!(
            "There is no profile with the id {}.",
            view.name(id)
        )),
        Like::Duplicate(id) => mistaken(format!(
            "The id {} is claimed more than once, so it is not compared.",
            view.name(id)
        )),
        Like::Found { person, nearest } => {
            let person = &report.people[*person];
            Comparison {
                title: format!("Most like {}", view.name(&person.id)),
                build: view
                    .shows_personal_data()
                    .then(|| build(person.height, person.weight, person.size)),
                verdict: match nearest.first() {
                    Some(first) => VerdictText::Found(distance_text(view, first)),
                    None => VerdictText::Alone,
                },
                first_place: nearest.iter().take(1).collect(),
                pairs: nearest.iter().collect(),
                omitted: 0,
            }
        }
    }
}

/// The closest pairs of all.
fn closest<'a>(report: &'a Report, view: &View<'_>, grouped: bool) -> Comparison<'a> {
    let ranking = &report.ranking;
    let in_groups = grouped && report.closest_are_identical();
    Comparison {
        title: "Most alike".to_owned(),
        build: None,
        verdict: match ranking.pairs.first() {
            Some(first) => VerdictText::Found(verdict(ranking, first, view)),
            None => VerdictText::Alone,
        },
        first_place: match in_groups && ranking.tied > MAX_IDENTICAL_PAIRS {
            true => Vec::new(),
            false => ranking.first_place().collect(),
        },
        // Identical people are listed in their groups, and their pairs would repeat that.
        pairs: (ranking.pairs.iter())
            .filter(|pair| !(grouped && report.are_identical(pair)))
            .collect(),
        omitted: match in_groups {
            true => 0,
            false => report.omitted_ties(),
        },
    }
}

fn verdict(ranking: &Ranking, first: &Pair, view: &View<'_>) -> String {
    let pairs = match ranking.tied {
        1 => "one pair".to_owned(),
        tied => format!("{tied} pairs"),
    };
    let margin = match ranking.margin.filter(|_| view.shows_personal_data()) {
        Some(margin) => format!("; the next is {} further apart", number(margin)),
        None => String::new(),
    };
    format!("{pairs} at {}{margin}", distance_text(view, first))
}

fn distance_text(view: &View<'_>, pair: &Pair) -> String {
    match view.shows_personal_data() {
        true => format!("distance {}", number(pair.distance)),
        false => format!("similarity {}", similarity(view, pair)),
    }
}

/// The similarity; rounded so that hidden values cannot be calculated from it.
fn similarity(view: &View<'_>, pair: &Pair) -> String {
    match view.shows_personal_data() {
        true => format!("{:.3}", pair.similarity),
        false => format!("{:.0} %", 100.0 * pair.similarity),
    }
}

/// What each field contributes, so that the distance can be checked by hand.
fn fields(report: &Report, pair: [&Profile; 2], distance: f64, terms: &Terms) -> Vec<FieldText> {
    let field = |name, value: fn(&Profile) -> String, unit, term| {
        let [a, b] = pair.map(value);
        FieldText {
            name,
            values: match a == b {
                true => format!("both {a}{unit}"),
                false => format!("{a} and {b}{unit}"),
            },
            term: number(term),
            share: share(report.options.metric, distance, term).map(|share| format!("{share:.0}")),
        }
    };
    vec![
        field("height", |p| p.height.to_string(), " cm", terms.height),
        field("weight", |p| p.weight.to_string(), " kg", terms.weight),
        field("size", |p| p.size.to_string(), "", terms.size),
    ]
}

impl<'a> Groups<'a> {
    fn new(ranking: &'a Ranking) -> Self {
        let (total, listed) = (ranking.twin_groups, &ranking.twins);
        let largest = listed.first().map_or(0, |twins| twins.count);
        Self {
            heading: format!("Identical people: {}", plural(total, "group")),
            remark: format!("Identical people are listed as groups; the largest has {largest}."),
            listed,
            total,
        }
    }
}

//! Who is alike: the headline's pair, the list of pairs with what their distance is made of, and the twins.

use crate::{
    profile::Profile,
    report::{
        format::{number, plural, share},
        html::view::View,
        model::Report,
    },
    similarity::{Like, Pair, Ranking},
};

/// Pairs explained; the rest is for a program to read.
const MAX_PAIRS: usize = 30;

/// Groups of identical people listed.
const MAX_GROUPS: usize = 100;

/// Identical pairs that are still shown one by one.
const MAX_IDENTICAL: u64 = 12;

/// Pairs that the headline names.
const MAX_NAMED: usize = 3;

/// The answer to the question.
pub(super) struct ClosestPairs {
    /// What the answer is about.
    pub(super) title: String,
    /// What the list below is about.
    pub(super) heading: String,
    /// The most alike, to be read across a room.
    pub(super) named: Vec<[String; 2]>,
    /// How alike these are, and how many more there are.
    pub(super) verdict: String,
    pub(super) cards: Vec<Card>,
    /// Pairs that are not listed.
    pub(super) more: u64,
}

/// One pair, explained.
pub(super) struct Card {
    pub(super) rank: usize,
    pub(super) names: [String; 2],
    pub(super) distance: Option<String>,
    pub(super) similarity: String,
    pub(super) fields: Vec<Field>,
}

/// What one field adds to a distance.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) values: String,
    pub(super) term: String,
    /// Of a bar that is 100 wide.
    pub(super) share: Option<String>,
}

impl ClosestPairs {
    pub(super) fn new(report: &Report, view: &View<'_>) -> Self {
        let ranking = &report.ranking;
        let mut this = Self {
            title: "Most alike".to_owned(),
            heading: "Closest pairs".to_owned(),
            named: Vec::new(),
            verdict: "It takes two people to be alike.".to_owned(),
            cards: Vec::new(),
            more: 0,
        };
        if let Some(like) = &ranking.like {
            let pairs = match like {
                Like::Unknown(id) => {
                    this.verdict = format!("Nobody with the id {} has answered.", view.name(id));
                    &[][..]
                }
                Like::Duplicate(id) => {
                    this.verdict = format!(
                        "The id {} is claimed more than once, so nobody is compared with it.",
                        view.name(id)
                    );
                    &[]
                }
                Like::Found { person, nearest } => {
                    let name = view.name(&report.people[*person].id);
                    this.heading = format!("Most like {name}");
                    this.title.clone_from(&this.heading);
                    nearest
                }
            };
            this.cards = cards(report, view, pairs);
            this.more = (pairs.len() - this.cards.len()) as u64;
            if let Some(first) = pairs.first() {
                this.named.push(names(report, view, first));
                this.verdict = distance_text(view, first);
            }
            return this;
        }
        if report.closest_are_identical()
            && ranking.tied > MAX_IDENTICAL
            && Twins::has_large_group(ranking)
        {
            // Their pairs would fill the page and say nothing that the groups do not say.
            let largest = ranking.twins.first().map_or(0, |twins| twins.count);
            this.verdict = format!(
                "{} pairs at distance 0. Identical people are listed as groups; the largest has {largest}.",
                ranking.tied
            );
        } else if let Some(first) = ranking.pairs.first() {
            this.named = ranking
                .first_place()
                .take(MAX_NAMED)
                .map(|pair| names(report, view, pair))
                .collect();
            this.verdict = verdict(ranking, first, this.named.len(), view);
            this.cards = cards(report, view, &ranking.pairs);
            this.more = (ranking.pairs.len() - this.cards.len()) as u64 + report.omitted_ties();
        }
        this
    }
}

fn verdict(ranking: &Ranking, first: &Pair, named: usize, view: &View<'_>) -> String {
    let mut text = distance_text(view, first);
    match ranking.tied.saturating_sub(named as u64) {
        0 => {}
        1 => text += "; so is one more pair",
        more => text += &format!("; so are {more} more pairs"),
    }
    if let Some(margin) = ranking.margin.filter(|_| view.shows_personal_data()) {
        text += &format!("; the next is {} further apart", number(margin));
    }
    text
}

fn distance_text(view: &View<'_>, pair: &Pair) -> String {
    match view.shows_personal_data() {
        true => format!("distance {}", number(pair.distance)),
        false => format!("similarity {}", similarity(view, pair)),
    }
}

/// The similarity; with hidden measures too coarse to calculate back.
fn similarity(view: &View<'_>, pair: &Pair) -> String {
    match view.shows_personal_data() {
        true => format!("{:.3}", pair.similarity),
        false => format!("{:.0} %", 100.0 * pair.similarity),
    }
}

fn names(report: &Report, view: &View<'_>, pair: &Pair) -> [String; 2] {
    [pair.a, pair.b].map(|person| view.name(&report.people[person].id))
}

fn cards(report: &Report, view: &View<'_>, pairs: &[Pair]) -> Vec<Card> {
    let shown = pairs.iter().take(MAX_PAIRS);
    shown
        .map(|pair| Card {
            rank: pair.rank,
            names: names(report, view, pair),
            distance: view.shows_personal_data().then(|| number(pair.distance)),
            similarity: similarity(view, pair),
            fields: match view.shows_personal_data() {
                true => fields(report, pair),
                false => Vec::new(),
            },
        })
        .collect()
}

fn fields(report: &Report, pair: &Pair) -> Vec<Field> {
    let (a, b) = (&report.people[pair.a], &report.people[pair.b]);
    let field = |name, value: fn(&Profile) -> String, unit, term| {
        let (a, b) = (value(a), value(b));
        Field {
            name,
            values: match a == b {
                true => format!("both {a}{unit}"),
                false => format!("{a} and {b}{unit}"),
            },
            term: number(term),
            share: share(report.options.metric, pair.distance, term)
                .map(|share| format!("{share:.0}")),
        }
    };
    let terms = &pair.terms;
    vec![
        field("Height", |p| p.height.to_string(), " cm", terms.height),
        field("Weight", |p| p.weight.to_string(), " kg", terms.weight),
        field("Size", |p| p.size.to_string(), "", terms.size),
    ]
}

/// Groups of identical people.
pub(super) struct Twins {
    pub(super) groups: Vec<Group>,
    pub(super) heading: String,
    /// Groups that are not listed.
    pub(super) more: usize,
}

/// One group.
pub(super) struct Group {
    pub(super) count: usize,
    pub(super) build: Option<String>,
    pub(super) names: String,
}

impl Twins {
    /// Whether there is a group of more than a pair.
    fn has_large_group(ranking: &Ranking) -> bool {
        ranking.twins.iter().any(|twins| twins.count > 2)
    }

    /// The groups, where they say more than the list of pairs does.
    pub(super) fn new(report: &Report, view: &View<'_>) -> Option<Self> {
        let ranking = &report.ranking;
        let shown = ranking.twins.iter().take(MAX_GROUPS);
        let groups: Vec<_> = shown
            .map(|twins| {
                let people = twins.people.iter();
                let names: Vec<_> = people
                    .map(|&person| view.name(&report.people[person].id))
                    .collect();
                let more = if names.len() < twins.count {
                    ", …"
                } else {
                    ""
                };
                Group {
                    count: twins.count,
                    build: view.shows_personal_data().then(|| {
                        format!("{} cm, {} kg, {}", twins.height, twins.weight, twins.size)
                    }),
                    names: format!("{}{more}", names.join(", ")),
                }
            })
            .collect();
        (report.options.twins || Self::has_large_group(ranking)).then(|| Self {
            heading: format!("Identical people: {}", plural(ranking.twin_groups, "group")),
            more: ranking.twin_groups - groups.len(),
            groups,
        })
    }
}

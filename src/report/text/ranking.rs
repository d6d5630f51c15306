//! The texts of a ranking.

use crate::{
    report::{
        format::{number, plural, share},
        ranked::RankedPeople,
        subjects::ShownValue,
        view::View,
    },
    similarity::{Like, Nearest, Pair, Ranking, Terms, Twins},
};

/// Pairs of identical people up to which each is listed; beyond that they come in groups.
const MAX_IDENTICAL_PAIRS: u64 = 10;

/// Why fewer than two people are not ranked.
pub(crate) const ALONE: &str = "At least two people are needed for a comparison.";

/// Why a part is not ranked.
const PART: &str = "This is a part of a larger survey: labrpc merge ranks the people of all parts.";

/// The heading of the list of each person's nearest.
pub const PER_PERSON: &str = "Nearest neighbour of each person";

/// The heading of the list of those whose nearest is farthest.
pub const OUTLIERS: &str = "Least like any other";

/// A ranking as texts.
pub struct RankingText<'a> {
    pub(crate) ranked: &'a RankedPeople,
    view: View<'a>,
    /// Which people are most alike.
    pub answer: ClosestText<'a>,
    /// Identical people, where they are listed as groups.
    pub groups: Option<IdenticalGroups<'a>>,
    /// The nearest of each person, where that was asked for.
    pub per_person: Option<&'a [Nearest]>,
    /// Those that are unlike all others, each with its nearest.
    pub outliers: Vec<Pair>,
}

/// Which people are most alike.
pub struct ClosestText<'a> {
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
    /// The people are not ranked; why.
    NotRanked(&'static str),
    /// The person to compare with cannot be found.
    Mistaken(String),
}

impl VerdictText {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Found(text) | Self::Mistaken(text) => text,
            Self::NotRanked(text) => text,
        }
    }
}

/// The texts of one pair.
pub struct PairText {
    /// The place, from 1; pairs at equal distance share one.
    pub rank: u64,
    /// Their names, the smaller id first; of people nearest to one, that one first.
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
    pub name: String,
    /// The values of both people.
    pub values: String,
    /// The term.
    pub term: String,
    /// The same as a number.
    pub amount: f64,
    /// The term in per cent of the distance.
    pub share: Option<String>,
    /// Whether the values differ.
    pub differs: bool,
}

/// IdenticalGroups of identical people.
pub struct IdenticalGroups<'a> {
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
pub struct IdenticalText {
    /// How many people are in it.
    pub count: u64,
    /// What they share.
    pub build: Option<String>,
    /// The first of their names.
    pub names: String,
}

impl<'a> RankingText<'a> {
    pub(super) fn new(ranked: &'a RankedPeople, view: &View<'a>) -> Self {
        let ranking = &ranked.ranking;
        let grouped = groups_identical(ranked);
        Self {
            answer: match &ranking.like {
                Some(like) => nearest_to(ranked, view, like),
                None => closest(ranked, view, grouped),
            },
            groups: grouped.then(|| IdenticalGroups::new(ranked)),
            per_person: ranking.per_person.as_deref(),
            outliers: ranked.outliers().collect(),
            ranked,
            view: *view,
        }
    }

    /// The text of people who are not ranked because their survey is a part of a larger one.
    pub(super) fn unranked(mut self) -> Self {
        self.answer.verdict = VerdictText::NotRanked(PART);
        self
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
        // The person that others are compared with stays on one side.
        let (a, b) = match &self.ranked.ranking.like {
            Some(Like::Found { person, .. }) if person == b => (b, a),
            _ => (a, b),
        };
        PairText {
            rank: *rank,
            names: [a, b].map(|person| self.name(*person)),
            distance: open.then(|| number(*distance)),
            similarity: similarity(&self.view, pair),
            fields: match open {
                true => fields(self.ranked, [*a, *b], *distance, terms),
                false => Vec::new(),
            },
        }
    }

    /// The texts of one that is unlike all others, with the fields in which its nearest differs.
    #[must_use]
    pub fn outlier(&self, pair: &Pair) -> PairText {
        let mut text = self.pair(pair);
        text.fields.retain(|field| field.differs);
        text
    }

    /// How many pairs a list of at most `listed` leaves out.
    #[must_use]
    pub fn more_pairs(&self, listed: usize) -> u64 {
        self.answer.pairs.len().saturating_sub(listed) as u64 + self.answer.omitted
    }

    /// The texts of a group, with at most `names` of its names.
    #[must_use]
    pub fn group(&self, group: &Twins, names: usize) -> IdenticalText {
        let Twins { count, people } = group;
        let first = people[0];
        let people = people.iter().take(names);
        let names: Vec<_> = people.map(|&person| self.name(person)).collect();
        let more = if (names.len() as u64) < *count {
            ", …"
        } else {
            ""
        };
        IdenticalText {
            count: *count,
            build: (self.view.shows_personal_data()).then(|| self.ranked.people.build(first)),
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
        self.view.name(self.ranked.people.id(person))
    }
}

/// Whether identical people are listed as groups, because a list of their pairs would be long and repeat itself.
fn groups_identical(ranked: &RankedPeople) -> bool {
    let ranking = &ranked.ranking;
    let large = ranking.twins.iter().any(|twins| twins.count > 2);
    let many = !ranking.twins.is_empty() && ranking.tied > MAX_IDENTICAL_PAIRS;
    ranked.options.twins || large || many
}

/// The answer to `--like`.
fn nearest_to<'a>(ranked: &'a RankedPeople, view: &View<'_>, like: &'a Like) -> ClosestText<'a> {
    let mistaken = |verdict| ClosestText {
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
        Like::Found { person, nearest } => ClosestText {
            title: format!("Most like {}", view.name(ranked.people.id(*person))),
            build: view
                .shows_personal_data()
                .then(|| ranked.people.build(*person)),
            verdict: match nearest.first() {
                Some(first) => VerdictText::Found(distance_text(view, first)),
                None => VerdictText::NotRanked(ALONE),
            },
            first_place: nearest.iter().take(1).collect(),
            pairs: nearest.iter().collect(),
            omitted: 0,
        },
    }
}

/// The closest pairs of all.
fn closest<'a>(ranked: &'a RankedPeople, view: &View<'_>, grouped: bool) -> ClosestText<'a> {
    let ranking = &ranked.ranking;
    let in_groups = grouped && ranked.closest_are_identical();
    ClosestText {
        title: "Most alike".to_owned(),
        build: None,
        verdict: match ranking.pairs.first() {
            Some(first) => VerdictText::Found(verdict(ranking, first, view)),
            None => VerdictText::NotRanked(ALONE),
        },
        first_place: match in_groups && ranking.tied > MAX_IDENTICAL_PAIRS {
            true => Vec::new(),
            false => ranking.first_place().collect(),
        },
        // Identical people are listed in their groups, and their pairs would repeat that.
        pairs: (ranked.listed_pairs().iter())
            .filter(|pair| !(grouped && ranked.are_identical(pair)))
            .collect(),
        omitted: match in_groups || ranked.options.top == 0 {
            true => 0,
            false => ranked.omitted_ties(),
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

/// The similarity; rounded so that hidden values cannot be calculated from it. Only that of identical people is
/// written as 1.
fn similarity(view: &View<'_>, pair: &Pair) -> String {
    let is_whole = pair.distance == 0.0;
    match view.shows_personal_data() {
        true => (3..=9)
            .map(|digits| format!("{:.digits$}", pair.similarity))
            .find(|text| is_whole || !text.starts_with('1'))
            .unwrap_or_else(|| "1".to_owned()),
        false => match format!("{:.0} %", 100.0 * pair.similarity) {
            text if text == "100 %" && !is_whole => "over 99 %".to_owned(),
            text => text,
        },
    }
}

/// What each field contributes, so that the distance can be checked by hand.
fn fields(ranked: &RankedPeople, pair: [usize; 2], distance: f64, terms: &Terms) -> Vec<FieldText> {
    let [a, b] = pair.map(|one| ranked.people.values(one));
    let fields = ranked.people.fields().into_iter().zip(terms.iter());
    let text = |((name, term), (a, b)): ((&str, Option<f64>), (ShownValue, ShownValue))| {
        let amount = term.unwrap_or_default();
        let share = share(ranked.options.metric, distance, amount);
        FieldText {
            name: name.to_owned(),
            values: match a == b {
                true => format!("both {}", a.with_unit()),
                false => format!("{} and {}", a.plain(), b.with_unit()),
            },
            term: term.map_or_else(|| "-".to_owned(), number),
            amount,
            share: share.map(|share| format!("{share:.0}")),
            differs: a != b,
        }
    };
    fields.zip(a.into_iter().zip(b)).map(text).collect()
}

impl<'a> IdenticalGroups<'a> {
    fn new(ranked: &'a RankedPeople) -> Self {
        let ranking = &ranked.ranking;
        let (total, listed) = (ranking.twin_groups, &ranking.twins);
        let largest = listed.first().map_or(0, |twins| twins.count);
        let noun = ranked.people.noun();
        Self {
            heading: format!("Identical {noun}: {}", plural(total, "group")),
            remark: format!("Identical {noun} are listed as groups; the largest has {largest}."),
            listed,
            total,
        }
    }
}

//! Two fields as a scatter plot, a third as shapes, the most alike ringed and linked.
//!
//! Positions are per cent of the plot and everything else is pixels, so that marks and texts have the same size on a
//! phone and on a projector.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    profile::{FIELDS, Field, Profile, Value},
    report::{
        format::number,
        html::{
            labels::{PlacedBox, place},
            letters::Letters,
        },
        ranked::RankedPeople,
    },
};

/// Marks drawn; more would cover each other.
const MAX_MARKS: usize = 2000;

/// Marks up to which they are drawn at full size.
const MAX_LARGE: usize = 300;

/// The places of the fields that are drawn: as the axes, and as shapes.
const X: usize = 0;
const Y: usize = 1;
const SHAPE: usize = 2;

/// Ids named at a mark.
const MAX_IDS: usize = 5;

/// Counts up to which one is written into its mark.
const MAX_COUNT: u64 = 99;

/// Half the width of a mark in pixels: of one person, of several, and where marks are many.
const MARK: f64 = 10.0;
const LARGE_MARK: f64 = 14.0;
const SMALL_MARK: f64 = 5.0;

/// Pixels between a mark and its ring.
const RING_GAP: f64 = 5.0;

/// Half the width and height of a letter in pixels.
const LETTER: [f64; 2] = [8.0, 9.0];

pub(super) struct Plot {
    pub(super) marks: Vec<Mark>,
    /// Around the marks of the most alike.
    pub(super) rings: Vec<Ring>,
    /// Between the marks of a pair.
    pub(super) lines: Vec<[[String; 2]; 2]>,
    pub(super) labels: Vec<Label>,
    /// What is drawn along, upwards and as shapes.
    pub(super) fields: [&'static Field; 3],
    pub(super) x: Vec<Tick>,
    pub(super) y: Vec<Tick>,
    /// The values that have a shape, and how many people have each.
    pub(super) shapes: Vec<(Value, u64)>,
    pub(super) summary: String,
    /// Whether the marks are too many to be large, and to have their counts written into them.
    pub(super) crowded: bool,
    /// Occupied positions, where not all are drawn.
    pub(super) positions: Option<usize>,
}

/// The people with the same values.
pub(super) struct Mark {
    pub(super) at: [String; 2],
    pub(super) shape: Value,
    pub(super) title: String,
    /// Half its width in pixels.
    pub(super) half: f64,
    /// How many people, where that is written into the mark.
    pub(super) count: Option<u64>,
}

pub(super) struct Ring {
    pub(super) at: [String; 2],
    pub(super) radius: f64,
}

/// The letter of a pair, in pixels from a point.
pub(super) struct Label {
    pub(super) at: [String; 2],
    pub(super) offset: [String; 2],
    pub(super) letter: char,
}

pub(super) struct Tick {
    pub(super) at: String,
    pub(super) text: String,
}

impl Plot {
    /// A plot of the people, if there are any.
    pub(super) fn new(ranked: &RankedPeople, letters: &Letters) -> Option<Self> {
        let people = ranked.people.people();
        let numbers = |place: usize| people.iter().map(move |p| p.build.values()[place].number());
        let scales = Scales {
            x: Axis::new(numbers(X))?,
            y: Axis::new(numbers(Y))?,
        };
        let mut positions: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        let mut shapes: BTreeMap<_, (Value, u64)> = BTreeMap::new();
        for (index, person) in people.iter().enumerate() {
            positions.entry(person.build).or_default().push(index);
            let shape = person.build.values()[SHAPE];
            shapes.entry(shape.ticks()).or_insert((shape, 0)).1 += ranked.count(index);
        }
        let closest = letters.pairs.iter();
        let linked: HashSet<usize> = closest.flat_map(|(_, people)| *people).collect();
        let every = positions.len().div_ceil(MAX_MARKS).max(1);
        let mut drawn: Vec<_> = (positions.values().enumerate())
            .map(|(index, here)| (index, here, here.iter().any(|one| linked.contains(one))))
            .filter(|(index, _, is_linked)| index % every == 0 || *is_linked)
            .map(|(_, here, is_linked)| DrawnPosition {
                here,
                at: scales.point(&people[here[0]]),
                half: if here.len() > 1 { LARGE_MARK } else { MARK },
                is_linked,
            })
            .collect();
        let crowded = drawn.len() > MAX_LARGE;
        if crowded {
            drawn.iter_mut().for_each(|one| one.half = SMALL_MARK);
        }
        let ends = |pair: [usize; 2]| pair.map(|person| scales.point(&people[person]));
        Some(Self {
            rings: (drawn.iter().filter(|one| one.is_linked))
                .map(|one| Ring {
                    at: one.at.map(percent),
                    radius: one.radius(),
                })
                .collect(),
            lines: lines(letters, ends),
            labels: labels(
                letters,
                ends,
                drawn.iter().map(DrawnPosition::outline).collect(),
            ),
            marks: drawn.iter().map(|one| one.mark(ranked, crowded)).collect(),
            summary: scales.summary(ranked.all()),
            shapes: shapes.into_values().collect(),
            fields: [X, Y, SHAPE].map(|place| &FIELDS[place]),
            positions: (every > 1).then_some(positions.len()),
            crowded,
            x: scales.x.ticks(|share| share),
            y: scales.y.ticks(|share| 1.0 - share),
        })
    }
}

impl Plot {
    /// Whether a mark has a number in it.
    pub(super) fn has_counts(&self) -> bool {
        self.marks.iter().any(|mark| mark.count.is_some())
    }
}

/// The people with the same three values, before they are drawn.
struct DrawnPosition<'a> {
    here: &'a [usize],
    /// Shares of the plot's width and height.
    at: [f64; 2],
    /// Half the mark's width in pixels.
    half: f64,
    is_linked: bool,
}

impl DrawnPosition<'_> {
    /// The radius of its ring in pixels, or that of the mark where it has none.
    fn radius(&self) -> f64 {
        self.half + if self.is_linked { RING_GAP } else { 0.0 }
    }

    /// What labels must not cover.
    fn outline(&self) -> PlacedBox {
        PlacedBox {
            at: self.at,
            offset: [0.0; 2],
            half: [self.radius(); 2],
        }
    }

    fn mark(&self, ranked: &RankedPeople, crowded: bool) -> Mark {
        let Self { here, at, half, .. } = self;
        let people = ranked.people.people();
        let count = here.iter().map(|person| ranked.count(*person)).sum();
        Mark {
            at: at.map(percent),
            shape: people[here[0]].build.values()[SHAPE],
            title: title(people, here, count),
            half: *half,
            count: Some(count).filter(|n| !crowded && (2..=MAX_COUNT).contains(n)),
        }
    }
}

/// Positions of two people, as shares of the plot.
type Ends = [[f64; 2]; 2];

/// The lines of the pairs whose people are in different places.
fn lines(letters: &Letters, ends: impl Fn([usize; 2]) -> Ends) -> Vec<[[String; 2]; 2]> {
    let lines = letters.pairs.iter().map(|(_, people)| ends(*people));
    let lines: BTreeSet<_> = lines.map(|ends| ends.map(|at| at.map(percent))).collect();
    lines.into_iter().filter(|[from, to]| from != to).collect()
}

/// Each letter once, beside one of its people; left out where every place would cover a mark.
fn labels(
    letters: &Letters,
    ends: impl Fn([usize; 2]) -> Ends,
    mut obstacles: Vec<PlacedBox>,
) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    for (letter, people) in &letters.pairs {
        if labels.iter().any(|label| label.letter == *letter) {
            continue;
        }
        if let Some(label) = place(&ends(*people), LETTER, &obstacles) {
            obstacles.push(label);
            labels.push(Label {
                at: label.at.map(percent),
                offset: label.offset.map(|pixels| format!("{pixels:.1}")),
                letter: *letter,
            });
        }
    }
    labels
}

/// A share to a hundredth of a per cent, which is finer than a screen.
fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

fn title(people: &[Profile], here: &[usize], count: u64) -> String {
    let first = &people[here[0]];
    let ids: Vec<_> = here
        .iter()
        .take(MAX_IDS)
        .map(|&person| people[person].id.as_str())
        .collect();
    let more = match count - ids.len() as u64 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}: {}", ids.join(", "), first.build)
}

/// Where people are in the drawing.
struct Scales {
    x: Axis,
    y: Axis,
}

impl Scales {
    fn point(&self, person: &Profile) -> [f64; 2] {
        let values = person.build.values();
        [
            self.x.share(values[X].number()),
            1.0 - self.y.share(values[Y].number()),
        ]
    }

    fn summary(&self, people: u64) -> String {
        let people = match people {
            1 => "One person".to_owned(),
            _ => format!("{people} people"),
        };
        let range = |axis: &Axis, place: usize| {
            let (least, most) = (number(axis.least), number(axis.most));
            let unit = FIELDS[place].unit.unwrap_or_default();
            format!("{} ({least} to {most} {unit})", FIELDS[place].name)
        };
        let (x, y) = (range(&self.x, X), range(&self.y, Y));
        format!("{people} by {x} and {y}.")
    }
}

/// A linear scale.
struct Axis {
    least: f64,
    most: f64,
    /// The scale's ends, which are ticks.
    from: f64,
    to: f64,
    step: f64,
}

impl Axis {
    /// A scale for `values`, if there are any.
    fn new(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| {
            (least.min(v), most.max(v))
        });
        if least > most {
            return None;
        }
        // About eight ticks, at 1, 2 or 5 times a power of ten.
        let rough = ((most - least) / 8.0).max(0.5);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let mut from = (least / step).floor() * step;
        let mut to = (most / step).ceil() * step;
        // Keep marks off the axes.
        if least - from < step / 4.0 {
            from -= step;
        }
        if to - most < step / 4.0 {
            to += step;
        }
        Some(Self {
            least,
            most,
            from,
            to,
            step,
        })
    }

    /// 0 at the scale's start, 1 at its end.
    fn share(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from)
    }

    /// The ticks; `position` turns a share of the scale into one of the plot.
    fn ticks(&self, position: impl Fn(f64) -> f64) -> Vec<Tick> {
        let count = ((self.to - self.from) / self.step).round() as u32;
        (0..=count)
            .map(|index| self.from + f64::from(index) * self.step)
            .map(|value| Tick {
                at: percent(position(self.share(value))),
                text: number(value),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_around_all_values() {
        let texts = |values: &[f64]| {
            let axis = Axis::new(values.iter().copied()).unwrap();
            let ticks = axis.ticks(|share| share).into_iter();
            let ticks: Vec<_> = ticks.map(|tick| tick.text).collect();
            for value in values {
                assert!(axis.from < *value && *value < axis.to, "{value}: {ticks:?}");
            }
            ticks.join(" ")
        };
        assert_eq!(
            texts(&[150.0, 190.0]),
            "145 150 155 160 165 170 175 180 185 190 195"
        );
        assert_eq!(texts(&[178.0]), "177.5 178 178.5");
        assert_eq!(texts(&[50.0, 272.0]), "0 50 100 150 200 250 300");
        assert!(Axis::new([].into_iter()).is_none());
    }
}

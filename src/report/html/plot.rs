//! Two fields as a scatter plot, a third as shapes, the most alike linked.

use std::collections::{BTreeMap, HashSet};

use crate::{
    profile::{FIELDS, Field, Profile, Value},
    report::{format::number, model::RankedPeople},
    similarity::Pair,
};

/// Width and height of the drawing; the page scales it.
pub(super) const WIDTH: f64 = 960.0;
pub(super) const HEIGHT: f64 = 600.0;

/// Where the axes are.
pub(super) const LEFT: f64 = 74.0;
pub(super) const RIGHT: f64 = WIDTH - 24.0;
pub(super) const TOP: f64 = 20.0;
pub(super) const BOTTOM: f64 = HEIGHT - 66.0;

/// Marks drawn; more would cover each other.
const MAX_MARKS: usize = 2000;

/// Marks up to which they are drawn at full size.
const MAX_LARGE: usize = 300;

/// Pairs joined, and of how many their names are written.
const MAX_LINKS: usize = 50;
const MAX_LABELS: usize = 3;

/// The places of the fields that are drawn: as the axes, and as shapes.
const X: usize = 0;
const Y: usize = 1;
const SHAPE: usize = 2;

/// Ids named at a mark.
const MAX_IDS: usize = 5;

pub(super) struct Plot {
    pub(super) marks: Vec<Mark>,
    pub(super) links: Vec<Link>,
    /// What is drawn along, upwards and as shapes.
    pub(super) fields: [&'static Field; 3],
    pub(super) x: Vec<Tick>,
    pub(super) y: Vec<Tick>,
    /// The values that have a shape, and how many people have each.
    pub(super) shapes: Vec<(Value, usize)>,
    pub(super) summary: String,
    /// Whether the marks are too many to be large, and to have their counts written beside them.
    pub(super) crowded: bool,
    /// Occupied positions, where not all are drawn.
    pub(super) positions: Option<usize>,
}

/// The people with the same values.
pub(super) struct Mark {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) shape: Value,
    pub(super) title: String,
    pub(super) count: usize,
}

/// A pair that is most alike: a line, or, in the same position, a ring.
pub(super) struct Link {
    pub(super) from: [String; 2],
    pub(super) to: [String; 2],
    pub(super) ring: bool,
    pub(super) title: String,
    /// The position of the names, and how they are anchored there.
    pub(super) label: Option<([String; 2], &'static str)>,
}

pub(super) struct Tick {
    pub(super) at: String,
    pub(super) text: String,
}

impl Plot {
    /// A plot of the people, if there are any.
    pub(super) fn new(ranked: &RankedPeople) -> Option<Self> {
        let people = &ranked.people;
        let numbers = |place: usize| people.iter().map(move |p| p.build.values()[place].number());
        let scales = Scales {
            x: Axis::new(numbers(X), LEFT, RIGHT)?,
            y: Axis::new(numbers(Y), BOTTOM, TOP)?,
        };
        let mut positions: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        let mut shapes: BTreeMap<_, (Value, usize)> = BTreeMap::new();
        for (index, person) in people.iter().enumerate() {
            positions.entry(person.build).or_default().push(index);
            let shape = person.build.values()[SHAPE];
            shapes.entry(shape.ticks()).or_insert((shape, 0)).1 += 1;
        }
        let closest: Vec<_> = ranked.ranking.first_place().take(MAX_LINKS).collect();
        let linked: HashSet<usize> = closest.iter().flat_map(|pair| [pair.a, pair.b]).collect();
        let every = positions.len().div_ceil(MAX_MARKS).max(1);
        let drawn = positions.values().enumerate().filter(|(index, here)| {
            index % every == 0 || here.iter().any(|person| linked.contains(person))
        });
        let marks: Vec<_> = drawn
            .map(|(_, here)| Mark::new(people, here, &scales))
            .collect();
        let occupied = positions
            .values()
            .map(|here| scales.point(&people[here[0]]));
        Some(Self {
            links: links(people, &closest, &scales, &occupied.collect::<Vec<_>>()),
            summary: scales.summary(people.len()),
            shapes: shapes.into_values().collect(),
            fields: [X, Y, SHAPE].map(|place| &FIELDS[place]),
            positions: (every > 1).then_some(positions.len()),
            crowded: marks.len() > MAX_LARGE,
            marks,
            x: scales.x.ticks(),
            y: scales.y.ticks(),
        })
    }
}

impl Mark {
    fn new(people: &[Profile], here: &[usize], scales: &Scales) -> Self {
        let first = &people[here[0]];
        let [x, y] = scales.point(first).map(coordinate);
        Self {
            x,
            y,
            shape: first.build.values()[SHAPE],
            title: title(people, here),
            count: here.len(),
        }
    }
}

/// The links of the closest pairs, labelled beside the `occupied` points while they are few.
fn links(
    people: &[Profile],
    closest: &[&Pair],
    scales: &Scales,
    occupied: &[[f64; 2]],
) -> Vec<Link> {
    let mut rings = HashSet::new();
    let links = closest.iter().enumerate().filter_map(|(index, pair)| {
        let (a, b) = (&people[pair.a], &people[pair.b]);
        let points = [a, b].map(|person| scales.point(person));
        let [from, to] = points.map(|point| point.map(coordinate));
        let ring = from == to;
        // A group of three has three pairs and one ring.
        if ring && !rings.insert(from.clone()) {
            return None;
        }
        let title = format!("{} and {}", a.id, b.id);
        let labelled = index < MAX_LABELS && closest.len() <= 2 * MAX_LABELS;
        Some(Link {
            from,
            to,
            ring,
            label: labelled.then(|| label_position(&title, points[0], points[1], occupied)),
            title,
        })
    });
    links.collect()
}

/// A coordinate to a tenth, which is finer than a screen.
fn coordinate(value: f64) -> String {
    format!("{value:.1}")
}

fn title(people: &[Profile], here: &[usize]) -> String {
    let first = &people[here[0]];
    let ids: Vec<_> = here
        .iter()
        .take(MAX_IDS)
        .map(|&person| people[person].id.as_str())
        .collect();
    let more = match here.len() - ids.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}: {}", ids.join(", "), first.build)
}

/// The position of a text beside two points that covers the fewest marks, and its anchor.
fn label_position(
    text: &str,
    a: [f64; 2],
    b: [f64; 2],
    marks: &[[f64; 2]],
) -> ([String; 2], &'static str) {
    // Ids are mostly digits, half as wide as high.
    let (width, height) = (text.chars().count() as f64 * 10.0, 22.0);
    let middle = (a[0] + b[0]) / 2.0;
    let (left, right) = (a[0].min(b[0]), a[0].max(b[0]));
    let (top, bottom) = (a[1].min(b[1]), a[1].max(b[1]));
    let level = (top + bottom) / 2.0 + 6.0;
    let candidates = [
        (middle, top - 24.0, "middle"),
        (middle, bottom + 38.0, "middle"),
        (right + 34.0, level, "start"),
        (left - 26.0, level, "end"),
        (right + 20.0, top - 34.0, "start"),
        (right + 20.0, bottom + 44.0, "start"),
        (left - 20.0, top - 34.0, "end"),
        (left - 20.0, bottom + 44.0, "end"),
    ];
    let cost = |&(x, y, anchor): &(f64, f64, &str)| {
        let left = match anchor {
            "start" => x,
            "end" => x - width,
            _ => x - width / 2.0,
        };
        let covered = |mark: &&[f64; 2]| {
            (left - 12.0..left + width + 12.0).contains(&mark[0])
                && (y - height - 4.0..y + 12.0).contains(&mark[1])
        };
        let inside = left > LEFT && left + width < WIDTH && y - height > TOP && y < BOTTOM;
        marks.iter().filter(covered).count() + if inside { 0 } else { marks.len() + 1 }
    };
    let (x, y, anchor) = candidates
        .into_iter()
        .min_by_key(cost)
        .unwrap_or(candidates[0]);
    ([coordinate(x), coordinate(y)], anchor)
}

/// Where people are in the drawing.
struct Scales {
    x: Axis,
    y: Axis,
}

impl Scales {
    fn point(&self, person: &Profile) -> [f64; 2] {
        let values = person.build.values();
        [self.x.at(values[X].number()), self.y.at(values[Y].number())]
    }

    fn summary(&self, people: usize) -> String {
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

/// A linear scale between two positions in the drawing.
struct Axis {
    least: f64,
    most: f64,
    /// The scale's ends, which are ticks.
    from: f64,
    to: f64,
    step: f64,
    start: f64,
    end: f64,
}

impl Axis {
    /// A scale for `values`, if there are any, from `start` to `end`.
    fn new(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Option<Self> {
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
            start,
            end,
        })
    }

    /// 0 at the scale's start, 1 at its end.
    fn share(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from)
    }

    fn at(&self, value: f64) -> f64 {
        self.start + self.share(value) * (self.end - self.start)
    }

    fn ticks(&self) -> Vec<Tick> {
        let count = ((self.to - self.from) / self.step).round() as u32;
        (0..=count)
            .map(|index| self.from + f64::from(index) * self.step)
            .map(|value| Tick {
                at: coordinate(self.at(value)),
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
            let axis = Axis::new(values.iter().copied(), 0.0, 100.0).unwrap();
            let ticks: Vec<_> = axis.ticks().into_iter().map(|tick| tick.text).collect();
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
        assert!(Axis::new([].into_iter(), 0.0, 1.0).is_none());
    }
}

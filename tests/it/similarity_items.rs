//! The ranking of items by features, with missing values, and of people who are counted: against exact fractions, R,
//! and the rows themselves.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use labrpc::{
    profile::Profile,
    similarity::{
        Feature, Item, Like, Metric, Nearest, Options, Outlier, Pair, Ranking, Terms, Twins,
        Weights,
        internals::{Distance as _, Means},
        rank, rank_counted, rank_items,
    },
};

use crate::support::person;

/// Random inputs of each test, as far as there is time for them: a slow machine checks fewer.
const CASES: u64 = 50_000;
const TIME: Duration = Duration::from_secs(25);

/// Runs `check` with the seed of each case.
fn for_each_case(check: impl Fn(u64, &mut fastrand::Rng)) {
    let start = Instant::now();
    let cases = (0..CASES).take_while(|seed| *seed < 500 || start.elapsed() < TIME);
    cases.for_each(|seed| check(seed, &mut fastrand::Rng::with_seed(seed)));
}

#[derive(Clone, Debug)]
struct Thing {
    id: String,
    values: Vec<Option<f64>>,
}

impl Item for Thing {
    fn id(&self) -> &str {
        &self.id
    }

    fn value(&self, axis: usize) -> Option<f64> {
        self.values[axis]
    }
}

/// Things on a grid, and what to rank them by.
struct Case {
    things: Vec<Thing>,
    features: Vec<Feature>,
    /// The ranges in steps of the grid, 1 for a category.
    ranges: Vec<u128>,
    /// How large a step of each feature's grid is.
    steps: Vec<f64>,
    /// In halves.
    weights: Vec<u128>,
    options: Options,
}

/// Few different values, so that most distances tie, and values that may be missing.
fn random_case(random: &mut fastrand::Rng) -> Case {
    let axes = random.usize(1..=8);
    // With different weights and many sets of common fields, no unit that is exact as a float would be left.
    let is_weighted = axes <= 4 && random.bool();
    let mut weights: Vec<u128> = (0..axes)
        .map(|_| if is_weighted { random.u128(0..=4) } else { 2 })
        .collect();
    if weights.iter().all(|weight| *weight == 0) {
        weights[0] = 1;
    }
    let is_category: Vec<bool> = (0..axes).map(|_| random.u8(..4) == 0).collect();
    let mut ranges = Vec::new();
    let mut steps = Vec::new();
    let mut features = Vec::new();
    for category in &is_category {
        let range = [1, 2, 3, 5, 7, 8, 12, 60, 64, 84, 100][random.usize(..11)];
        let step = [1.0, 0.1, 0.25, 1000.0, 0.001][random.usize(..5)];
        ranges.push(if *category { 1 } else { range });
        steps.push(if *category { 1.0 } else { step });
        features.push(match category {
            true => Feature::Category,
            false => Feature::Number {
                low: 0.0,
                high: grid(range as u32, step),
            },
        });
    }
    let most = [3, 6, 10, 14, 20, 40][random.usize(..6)];
    let count = random.usize(..=most);
    let missing = [0, 0, 1, 2, 5][random.usize(..5)];
    let spread = [1, 2, 4, 12, 150][random.usize(..5)];
    let names = if random.u8(..4) == 0 {
        2 * count as u32 + 1
    } else {
        u32::MAX
    };
    let things = (0..count).map(|_| Thing {
        id: format!("machine-{}", random.u32(..names)),
        values: (0..axes)
            .map(|axis| {
                let value = grid(random.u32(..=spread), steps[axis]);
                (random.u8(..10) >= missing).then_some(value)
            })
            .collect(),
    });
    let things: Vec<Thing> = things.collect();
    let names: Vec<String> = (0..axes).map(|axis| format!("f{axis}")).collect();
    let halves = names
        .iter()
        .zip(&weights)
        .map(|(name, weight)| format!("{name}={}", *weight as f64 / 2.0));
    let text = halves.collect::<Vec<_>>().join(",");
    let options = Options {
        weights: Weights::parse(&text, names.iter().map(String::as_str)).unwrap(),
        top: [0, 1, 3, 10, 2000][random.usize(..5)],
        like: things
            .first()
            .map(|thing| thing.id.clone())
            .filter(|_| random.bool()),
        per_person: random.bool(),
        twins: random.bool(),
        outliers: random.usize(..4),
        ..Options::default()
    };
    Case {
        things,
        features,
        ranges,
        steps,
        weights,
        options,
    }
}

/// A multiple of a step, as the text of the decimal would be read.
fn grid(times: u32, step: f64) -> f64 {
    match step {
        0.25 | 1.0 | 1000.0 => f64::from(times) * step,
        _ => f64::from(times) / (1.0 / step).round(),
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn lcm(a: u128, b: u128) -> u128 {
    a / gcd(a, b) * b
}

/// A fraction as the float that is nearest to it.
fn float(numerator: u128, denominator: u128) -> f64 {
    let divisor = gcd(numerator, denominator);
    let [numerator, denominator] = [numerator, denominator].map(|x| x / divisor);
    assert!(numerator <= 1 << 53 && denominator <= 1 << 53);
    numerator as f64 / denominator as f64
}

/// All distances as whole numbers of one unit.
struct Fractions<'a> {
    case: &'a Case,
    unit: u128,
}

impl<'a> Fractions<'a> {
    fn new(case: &'a Case) -> Self {
        let sets = 1..1_u32 << case.weights.len();
        let sums = sets.map(|set| {
            let axes = (0..case.weights.len()).filter(|axis| set >> axis & 1 == 1);
            axes.map(|axis| case.weights[axis]).sum::<u128>()
        });
        let sums = sums.filter(|sum| *sum > 0).fold(1, lcm);
        Self {
            case,
            unit: case
                .ranges
                .iter()
                .copied()
                .fold(sums, |unit, range| unit * lcm(range, 1)),
        }
    }

    /// The steps that a value is on the grid.
    fn place(&self, thing: usize, axis: usize) -> Option<u128> {
        let value = self.case.things[thing].values[axis]?;
        Some((value / self.case.steps[axis]).round() as u128)
    }

    /// The terms of two things over the unit, with the sum of the weights that they are divided by.
    fn terms(&self, a: usize, b: usize) -> Option<Vec<Option<u128>>> {
        let axes = 0..self.case.weights.len();
        let both = |axis| self.place(a, axis).zip(self.place(b, axis));
        let sum: u128 = axes
            .clone()
            .filter(|axis| both(*axis).is_some())
            .map(|axis| self.case.weights[axis])
            .sum();
        let term = |axis: usize| {
            let (p, q) = both(axis)?;
            let (range, weight) = (self.case.ranges[axis], self.case.weights[axis]);
            Some(p.abs_diff(q).min(range) * (self.unit / sum / range) * weight)
        };
        (sum > 0).then(|| axes.map(term).collect())
    }

    fn distance(&self, a: usize, b: usize) -> Option<u128> {
        Some(self.terms(a, b)?.into_iter().flatten().sum())
    }

    fn explained(&self, a: usize, b: usize) -> Terms {
        let terms = self.terms(a, b).unwrap();
        let common = (0..terms.len())
            .filter(|axis| terms[*axis].is_some())
            .map(|axis| 1 << axis)
            .sum();
        let terms: Vec<f64> = terms
            .into_iter()
            .map(|term| float(term.unwrap_or(0), self.unit))
            .collect();
        match terms.len() {
            1 => Terms::new::<1>(terms.try_into().unwrap(), common),
            2 => Terms::new::<2>(terms.try_into().unwrap(), common),
            3 => Terms::new::<3>(terms.try_into().unwrap(), common),
            4 => Terms::new::<4>(terms.try_into().unwrap(), common),
            5 => Terms::new::<5>(terms.try_into().unwrap(), common),
            6 => Terms::new::<6>(terms.try_into().unwrap(), common),
            7 => Terms::new::<7>(terms.try_into().unwrap(), common),
            _ => Terms::new::<8>(terms.try_into().unwrap(), common),
        }
    }

    /// Pairs in the order of their distances, at most `count`.
    fn pairs(&self, mut pairs: Vec<(u128, usize, usize)>, count: usize) -> Vec<Pair> {
        pairs.sort_by_key(|pair| pair.0);
        let keys: Vec<u128> = pairs.iter().map(|pair| pair.0).collect();
        let listed = pairs.into_iter().take(count).map(|(key, a, b)| Pair {
            rank: 1 + keys.partition_point(|other| *other < key) as u64,
            a,
            b,
            distance: float(key, self.unit),
            similarity: 1.0 - float(key, self.unit),
            terms: self.explained(a, b),
        });
        listed.collect()
    }
}

/// What `rank_items` promises, by comparing all pairs as fractions.
fn brute_force(case: &Case) -> Ranking {
    let (things, options) = (&case.things, &case.options);
    let exact = Fractions::new(case);
    let mut ids: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, thing) in things.iter().enumerate() {
        ids.entry(&thing.id).or_default().push(index);
    }
    let order: Vec<usize> = ids
        .values()
        .filter(|same| same.len() == 1)
        .map(|same| same[0])
        .collect();
    let mut all = Vec::new();
    for (i, &a) in order.iter().enumerate() {
        let others = order[i + 1..].iter();
        all.extend(others.filter_map(|&b| Some((exact.distance(a, b)?, a, b))));
    }
    let smallest = all.iter().map(|pair| pair.0).min();
    let second = all
        .iter()
        .map(|pair| pair.0)
        .filter(|key| Some(*key) > smallest)
        .min();
    let tied = all.iter().filter(|pair| Some(pair.0) == smallest).count();
    let with = |thing: usize| {
        all.iter()
            .copied()
            .filter(move |pair| pair.1 == thing || pair.2 == thing)
    };
    let other = |pair: (u128, usize, usize), thing| if pair.1 == thing { pair.2 } else { pair.1 };
    let nearest = |thing: usize| {
        let found =
            with(thing).map(|pair| (pair.0, &things[other(pair, thing)].id, other(pair, thing)));
        found.min().map(|(key, _, other)| (key, thing, other))
    };
    let mut each: Vec<_> = order.iter().filter_map(|&thing| nearest(thing)).collect();
    let mut farthest = each.clone();
    farthest.sort_by_key(|found| u128::MAX - found.0);
    let outliers = farthest
        .iter()
        .take(options.outliers)
        .map(|&(key, person, nearest)| Outlier {
            rank: 1 + farthest.iter().filter(|other| other.0 > key).count(),
            person,
            nearest,
            distance: float(key, exact.unit),
            similarity: 1.0 - float(key, exact.unit),
            terms: exact.explained(person, nearest),
        });
    let outliers: Vec<Outlier> = outliers.collect();
    each.sort_by_key(|found| found.1);
    let twins = twins(case, &order);
    Ranking {
        smallest: smallest.map(|key| float(key, exact.unit)),
        tied: tied as u64,
        margin: second
            .zip(smallest)
            .map(|(second, smallest)| float(second - smallest, exact.unit)),
        pairs: exact.pairs(all.clone(), options.top.max(tied.min(Ranking::MAX_TIED))),
        twin_groups: twins.len(),
        twins: twins
            .into_iter()
            .take(if options.twins {
                usize::MAX
            } else {
                Ranking::MAX_TWIN_GROUPS
            })
            .collect(),
        per_person: options.per_person.then(|| {
            let nearest = each.iter().map(|&(key, person, nearest)| Nearest {
                person,
                nearest,
                distance: float(key, exact.unit),
            });
            nearest.collect()
        }),
        like: options.like.clone().map(|id| match ids[id.as_str()][..] {
            [person] => Like::Found {
                person,
                nearest: exact.pairs(with(person).collect(), options.top),
            },
            _ => Like::Duplicate(id),
        }),
        outliers,
        incomparable: match order.len() {
            0 | 1 => 0,
            count => (count - each.len()) as u64,
        },
        duplicates: ids.into_values().filter(|same| same.len() > 1).collect(),
    }
}

/// All groups of equal things, of which not every value is missing.
fn twins(case: &Case, order: &[usize]) -> Vec<Twins> {
    let mut groups: Vec<Twins> = Vec::new();
    for &thing in order {
        let values = &case.things[thing].values;
        if values.iter().all(Option::is_none) {
            continue;
        }
        match groups
            .iter_mut()
            .find(|twins| case.things[twins.people[0]].values == *values)
        {
            Some(twins) => {
                twins.count += 1;
                twins.people.push(thing);
            }
            None => groups.push(Twins {
                count: 1,
                people: vec![thing],
            }),
        }
    }
    groups.retain(|twins| twins.count > 1);
    groups.sort_by_key(|twins| u64::MAX - twins.count);
    for twins in &mut groups {
        twins.people.truncate(Twins::LISTED);
    }
    groups
}

#[test]
fn ranking_of_items_equals_brute_force_with_fractions_bit_for_bit() {
    for_each_case(|seed, random| {
        let case = random_case(random);
        let ranking = rank_items(&case.things, &case.features, &case.options);
        let Case {
            things,
            features,
            options,
            ..
        } = &case;
        assert_eq!(
            ranking,
            brute_force(&case),
            "seed {seed}, {features:?}, {options:?}, {things:#?}"
        );
    });
}

/// Values of many digits, ranges without common divisors and odd weights: no unit makes every sum exact, and the
/// searches must find what comparing all keys finds.
#[test]
fn ranking_by_long_numbers_equals_brute_force_over_keys() {
    for_each_case(|seed, random| {
        let count = random.usize(2..30);
        let few = random.bool();
        let things: Vec<Thing> = (0..count)
            .map(|index| Thing {
                id: format!("{index:02}"),
                values: (0..4)
                    .map(|_| match random.u8(..5) {
                        0 => None,
                        _ if few => Some(f64::from(random.u8(..3)) / 3.0),
                        _ => Some(random.f64() * 1e-3),
                    })
                    .collect(),
            })
            .collect();
        let highs = [1.0 / 3.0, 0.123_456_789_012_345_6, 7e-4, 2.0];
        let features = highs.map(|high| Feature::Number { low: 0.0, high });
        let weights = [0.997, 1.009, 31.337, 1.0];
        let text = weights
            .iter()
            .enumerate()
            .map(|(axis, weight)| format!("{axis}={weight}"));
        let text = text.collect::<Vec<_>>().join(",");
        let options = Options {
            weights: Weights::parse(&text, ["0", "1", "2", "3"]).unwrap(),
            top: 500,
            per_person: true,
            ..Options::default()
        };
        let set = |thing: &Thing| {
            (0..4)
                .filter(|&axis| thing.values[axis].is_some())
                .map(|axis| 1 << axis)
                .sum::<u8>()
        };
        let sets: Vec<u8> = things.iter().map(set).collect();
        let mut common: Vec<u8> = sets
            .iter()
            .flat_map(|a| sets.iter().map(move |b| a & b))
            .collect();
        common.sort_unstable();
        common.dedup();
        common.reverse();
        // An axis without long numbers has ticks: 7e-4 are seven of them.
        let mut ranges = highs;
        if things
            .iter()
            .all(|thing| thing.values[2].unwrap_or(0.0) == 0.0)
        {
            ranges[2] = 7.0;
        }
        let means = Means::new(
            ranges,
            weights.map(|weight: f64| (weight * 1000.0).round() as u32),
            common.into_iter(),
        );
        let mut all = Vec::new();
        for a in 0..count {
            for b in a + 1..count {
                let shared = sets[a] & sets[b];
                let delta = std::array::from_fn(|axis| {
                    let both = things[a].values[axis].zip(things[b].values[axis]);
                    both.map_or(0.0, |(p, q)| q - p)
                });
                if shared != 0 {
                    let mean = means.over(shared);
                    all.push((mean.key(delta), a, b, mean.distance(mean.key(delta))));
                }
            }
        }
        all.sort_by_key(|pair| (pair.0, pair.1, pair.2));
        let ranking = rank_items(&things, &features, &options);
        let found: Vec<_> = ranking.pairs.iter().map(|pair| (pair.a, pair.b)).collect();
        let expected: Vec<_> = all
            .iter()
            .take(found.len())
            .map(|pair| (pair.1, pair.2))
            .collect();
        assert_eq!(
            (found, all.len().min(500)),
            (expected, ranking.pairs.len()),
            "seed {seed}"
        );
        for nearest in ranking.per_person.unwrap() {
            let own = all
                .iter()
                .filter(|pair| pair.1 == nearest.person || pair.2 == nearest.person);
            let least = own
                .map(|pair| (pair.0, pair.1 + pair.2 - nearest.person))
                .min()
                .unwrap();
            assert_eq!(least.1, nearest.nearest, "seed {seed}");
        }
    });
}

/// Enough items for threads, with missing values.
#[test]
fn thread_count_does_not_change_the_ranking_of_items() {
    for seed in 0..3 {
        let mut random = fastrand::Rng::with_seed(seed);
        let things: Vec<Thing> = (0..6000)
            .map(|index| Thing {
                id: format!("{}", 100_000 - index),
                values: (0..4)
                    .map(|_| (random.u8(..8) > 0).then(|| f64::from(random.u16(..300))))
                    .collect(),
            })
            .collect();
        let features = [Feature::Number {
            low: 0.0,
            high: 300.0,
        }; 4];
        let by = |threads| {
            let options = Options {
                per_person: true,
                outliers: 10,
                threads: NonZeroUsize::new(threads).unwrap(),
                ..Options::default()
            };
            rank_items(&things, &features, &options)
        };
        let one = by(1);
        assert!(one.per_person.as_ref().unwrap().len() > 5900);
        for threads in [2, 3] {
            assert!(one == by(threads), "seed {seed}, {threads} threads");
        }
    }
}

/// An independent implementation over mixed types with missing values: R's `cluster::daisy`.
#[test]
fn distances_of_items_equal_those_computed_by_r() {
    let fixture = include_str!("../fixtures/mixed.txt");
    let (mut things, mut features, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    let mut pairs: BTreeMap<(usize, usize), Option<f64>> = BTreeMap::new();
    for line in fixture.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["feature", name, weight, "category"] => {
                features.push(Feature::Category);
                weights.push((name, weight));
            }
            ["feature", name, weight, low, high] => {
                let [low, high] = [low, high].map(|end| end.parse().unwrap());
                features.push(Feature::Number { low, high });
                weights.push((name, weight));
            }
            ["machine", ref values @ ..] => things.push(Thing {
                id: format!("{:02}", things.len()),
                values: values.iter().map(|value| value.parse().ok()).collect(),
            }),
            ["pair", a, b, distance] => {
                let [a, b] = [a, b].map(|place| place.parse::<usize>().unwrap() - 1);
                pairs.insert((a, b), distance.parse().ok());
            }
            _ => assert!(line.starts_with('#'), "{line}"),
        }
    }
    let text: Vec<_> = weights
        .iter()
        .map(|(name, weight)| format!("{name}={weight}"))
        .collect();
    let options = Options {
        weights: Weights::parse(&text.join(","), weights.iter().map(|(name, _)| *name)).unwrap(),
        top: pairs.len(),
        ..Options::default()
    };
    let ranking = rank_items(&things, &features, &options);
    // The pairs without a common field have no distance there, and are not ranked here.
    assert_eq!(
        (things.len(), pairs.len(), ranking.pairs.len()),
        (16, 120, pairs.values().flatten().count())
    );
    assert!(ranking.pairs.len() < pairs.len());
    for pair in &ranking.pairs {
        // R subtracts floats of ten digits before the point and three behind it, which leaves it eleven.
        let theirs = pairs[&(pair.a, pair.b)].unwrap();
        assert!(
            (pair.distance - theirs).abs() <= 1e-11,
            "{pair:?}, R: {theirs}"
        );
        let sum: f64 = pair.terms.iter().flatten().sum();
        assert!((sum - pair.distance).abs() <= 1e-12, "{pair:?}");
    }
}

/// The first two of each build, and how many people each stands for.
fn counted(people: &[Profile]) -> (Vec<usize>, Vec<u64>) {
    let mut builds: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, person) in people.iter().enumerate() {
        builds.entry(person.build).or_default().push(index);
    }
    let mut counted = Vec::new();
    for mut same in builds.into_values() {
        same.sort_by_key(|&index| people[index].id);
        counted.push((same[0], 1));
        if let Some(second) = same.get(1) {
            counted.push((*second, same.len() as u64 - 1));
        }
    }
    counted.into_iter().unzip()
}

#[test]
fn counted_people_rank_as_the_people_themselves() {
    for_each_case(|seed, random| {
        let count = random.usize(..40);
        let spread = [1, 2, 4][random.usize(..3)];
        let people: Vec<Profile> = (0..count)
            .map(|index| {
                let build = [1700, 600, 0]
                    .map(|low| low + random.u16(..spread) * if low == 0 { 1 } else { 10 });
                let [height, weight, size] = build;
                person(
                    &format!("{}{index}", random.u8(..10)),
                    height,
                    weight,
                    size.into(),
                )
            })
            .collect();
        let (known, counts) = counted(&people);
        let few: Vec<Profile> = known.iter().map(|&index| people[index].clone()).collect();
        let options = Options {
            metric: Metric::ALL[random.usize(..3)],
            weights: ["", "size=0", "height=2,weight=0"][random.usize(..3)]
                .parse()
                .unwrap(),
            top: [0, 1, 3, 10, 50][random.usize(..5)],
            per_person: true,
            twins: true,
            outliers: 3,
            ..Options::default()
        };
        let all = rank(&people, &options);
        let ranking = rank_counted(&few, &counts, &options);
        let context = format!("seed {seed}, {options:?}, {people:#?}");
        let summary = |ranking: &Ranking| {
            (
                ranking.smallest,
                ranking.tied,
                ranking.margin,
                ranking.twin_groups,
            )
        };
        assert_eq!(summary(&ranking), summary(&all), "{context}");
        for (ours, theirs) in ranking.twins.iter().zip(&all.twins) {
            let first: Vec<usize> = ours.people.iter().map(|&person| known[person]).collect();
            assert_eq!(
                (ours.count, &first[..]),
                (theirs.count, &theirs.people[..2]),
                "{context}"
            );
        }
        let nearest: BTreeMap<usize, Nearest> = all
            .per_person
            .iter()
            .flatten()
            .map(|nearest| (nearest.person, *nearest))
            .collect();
        for found in ranking.per_person.iter().flatten() {
            let found = Nearest {
                person: known[found.person],
                nearest: known[found.nearest],
                ..*found
            };
            assert_eq!(found, nearest[&found.person], "{context}");
        }
        assert_eq!(
            ranking.per_person.map(|each| each.len()),
            Some(if count > 1 { few.len() } else { 0 })
        );
        // The distances in the list are those of the rows, and its pairs those of people who are known.
        let places = |pairs: &[Pair]| {
            let mut places: Vec<_> = pairs
                .iter()
                .map(|pair| (pair.rank, pair.distance.to_bits()))
                .collect();
            places.dedup();
            places
        };
        assert_eq!(places(&ranking.pairs), places(&all.pairs), "{context}");
        let listed: Vec<_> = ranking
            .pairs
            .iter()
            .map(|pair| (known[pair.a], known[pair.b]))
            .collect();
        let mut expected = all
            .pairs
            .iter()
            .filter(|pair| known.contains(&pair.a) && known.contains(&pair.b));
        assert!(
            expected.all(|pair| listed.contains(&(pair.a, pair.b))),
            "{context}"
        );
    });
}

/// As many people as there are on Earth's largest register, and one more than can be counted.
#[test]
fn large_counts_are_exact() {
    let people = [person("1", 1700, 600, 3), person("2", 1700, 600, 3)];
    let ranking = rank_counted(&people, &[1, 1_299_999_999], &Options::default());
    assert_eq!(
        (ranking.tied, ranking.twins[0].count),
        (1_300_000_000 * 1_299_999_999 / 2, 1_300_000_000)
    );
    assert_eq!((ranking.pairs.len(), ranking.margin), (1, None));
}

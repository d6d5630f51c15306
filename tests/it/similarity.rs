//! The ranker against a brute-force search, against R, and by hand.

use std::{collections::BTreeMap, num::NonZeroUsize};

use labrpc::{
    profile::{FIELDS, Profile},
    similarity::{
        Like, Metric, Nearest, Options, Pair, Ranking, Terms, Twins, Weights,
        internals::{Distance, Euclidean, Gower, Mahalanobis, Tree, point, ranges},
        rank,
    },
};

use crate::support::person;

/// Random inputs for each of the two tests that use them.
const CASES: u64 = 50_000;

/// The weights of a profile's fields.
fn thousandths(weights: &Weights) -> [u32; 3] {
    let values: Vec<_> = weights
        .values()
        .map(|(_, weight)| (weight * 1000.0).round() as u32)
        .collect();
    values.try_into().unwrap()
}

/// What `rank` promises, by comparing all pairs, sorting and filtering.
fn brute_force(people: &[Profile], options: &Options) -> Ranking {
    let mut ids: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, person) in people.iter().enumerate() {
        ids.entry(person.id.as_str()).or_default().push(index);
    }
    let order: Vec<usize> = ids
        .values()
        .filter(|same| same.len() == 1)
        .map(|same| same[0])
        .collect();
    let points = || order.iter().map(|&index| (point(&people[index]), 1));
    let weights = thousandths(&options.weights);
    let metric: Box<dyn Distance<3, Value = i32>> = match options.metric {
        Metric::Gower => Box::new(Gower::new(ranges(), weights)),
        Metric::Euclidean => Box::new(Euclidean::new(points(), weights)),
        Metric::Mahalanobis => Box::new(Mahalanobis::new(points(), weights)),
    };
    let delta = |a: usize, b: usize| -> [i32; 3] {
        let (p, q) = (point(&people[a]), point(&people[b]));
        [0, 1, 2].map(|axis| {
            if weights[axis] == 0 {
                0
            } else {
                q[axis] - p[axis]
            }
        })
    };
    let distance = |a: usize, b: usize| metric.distance(metric.key(delta(a, b)));
    // The `count` closest of pairs (a, b) in the order of their ids, where a has the smaller id.
    let ranked = |mut pairs: Vec<(f64, usize, usize)>, count: usize| {
        // A stable sort: equal distances stay in the order of the ids.
        pairs.sort_by(|p, q| p.0.total_cmp(&q.0));
        let mut list: Vec<Pair> = Vec::new();
        for (place, (distance, a, b)) in pairs.into_iter().take(count).enumerate() {
            let tie = list.last().filter(|previous| previous.distance == distance);
            list.push(Pair {
                rank: tie.map_or(place as u64 + 1, |previous| previous.rank),
                a,
                b,
                distance,
                similarity: metric.similarity(distance),
                terms: Terms::new(metric.terms(delta(a, b)), 0b111),
            });
        }
        list
    };
    let pairs = || (0..order.len()).flat_map(|i| (i + 1..order.len()).map(move |j| (i, j)));
    let all: Vec<(f64, usize, usize)> = pairs()
        .map(|(i, j)| (distance(order[i], order[j]), order[i], order[j]))
        .collect();
    let smallest = all.iter().map(|pair| pair.0).min_by(f64::total_cmp);
    let tied = all.iter().filter(|pair| Some(pair.0) == smallest).count();
    let second = all
        .iter()
        .map(|pair| pair.0)
        .filter(|d| Some(*d) > smallest)
        .min_by(f64::total_cmp);
    let listed = options.top.max(tied.min(Ranking::MAX_TIED));

    let per_person = options
        .per_person
        .then(|| brute_force_nearest(people, &all));
    let mut twins = brute_force_twins(people, &order);
    let twin_groups = twins.len();
    if !options.twins {
        twins.truncate(Ranking::MAX_TWIN_GROUPS);
    }

    Ranking {
        smallest,
        tied: tied as u64,
        margin: second.zip(smallest).map(|(second, smallest)| {
            match options.metric {
                // The exact margin is a whole number of ten-thousandths; the difference of two floats is not.
                Metric::Gower => ((second - smallest) * 10_000.0).round() / 10_000.0,
                Metric::Euclidean | Metric::Mahalanobis => second - smallest,
            }
        }),
        like: options
            .like
            .clone()
            .map(|id| match ids.get(id.as_str()).map(Vec::as_slice) {
                None => Like::Unknown(id),
                Some([person]) => Like::Found {
                    person: *person,
                    nearest: ranked(
                        all.iter()
                            .copied()
                            .filter(|pair| pair.1 == *person || pair.2 == *person)
                            .collect(),
                        options.top,
                    ),
                },
                Some(_) => Like::Duplicate(id),
            }),
        pairs: ranked(all, listed),
        twins,
        twin_groups,
        per_person,
        outliers: Vec::new(),
        incomparable: 0,
        duplicates: ids.into_values().filter(|same| same.len() > 1).collect(),
    }
}

/// The nearest other person of everyone, from all pairs and their distances.
fn brute_force_nearest(people: &[Profile], all: &[(f64, usize, usize)]) -> Vec<Nearest> {
    let mut nearest: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
    for &(distance, a, b) in all {
        for (person, other) in [(a, b), (b, a)] {
            let best = nearest.entry(person).or_insert((distance, other));
            if (distance, people[other].id) < (best.0, people[best.1].id) {
                *best = (distance, other);
            }
        }
    }
    nearest
        .into_iter()
        .map(|(person, (distance, nearest))| Nearest {
            person,
            nearest,
            distance,
        })
        .collect()
}

/// All groups of identical people, from the indices in the order of ids.
fn brute_force_twins(people: &[Profile], order: &[usize]) -> Vec<Twins> {
    let mut identical: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for &index in order {
        let same = identical.entry(people[index].build).or_default();
        same.push(index);
    }
    let mut twins: Vec<Twins> = identical
        .into_values()
        .filter(|same| same.len() > 1)
        .map(|same| Twins {
            count: same.len() as u64,
            people: same.into_iter().take(Twins::LISTED).collect(),
        })
        .collect();
    twins.sort_by_key(|twins| (u64::MAX - twins.count, people[twins.people[0]].id));
    twins
}

/// People with many ties (few different values), sometimes with duplicate ids, and random options.
fn random_people(random: &mut fastrand::Rng) -> (Vec<Profile>, Options) {
    let most = [3, 6, 10, 14, 14, 20, 30, 50][random.usize(..8)];
    let count = random.usize(..=most);
    // From nearly all identical to nearly all different, sometimes far enough apart to reach the caps.
    let spread = |random: &mut fastrand::Rng, range: u16| [1, 2, 4, 12, range][random.usize(..5)];
    let (heights, weights) = (spread(random, 2000), spread(random, 3000));
    let sizes = random.usize(1..=8);
    let step = [1, 5, 10][random.usize(..3)];
    let names = if random.u8(..4) == 0 {
        2 * count as u32 + 1
    } else {
        u32::MAX
    };
    let people: Vec<Profile> = (0..count)
        .map(|_| {
            let height = 600 + (random.u16(..heights) * step).min(2000);
            // Sometimes one field determines another, so that the covariance is singular.
            let weight = if sizes == 3 {
                height
            } else {
                400 + (random.u16(..weights) * step).min(6000)
            };
            person(
                &format!("p{}", random.u32(..names)),
                height,
                weight,
                random.usize(..sizes),
            )
        })
        .collect();
    let weight =
        |random: &mut fastrand::Rng| [0, 1, 500, 1000, 1000, 1000, 2000][random.usize(..7)];
    let weights = [(); 3].map(|()| f64::from(weight(random)) / 1000.0);
    let weights = format!(
        "height={},weight={},size={}",
        weights[0], weights[1], weights[2]
    );
    let options = Options {
        metric: Metric::ALL[random.usize(..3)],
        weights: weights.parse().unwrap_or_default(),
        top: [0, 1, 3, 10, 5000][random.usize(..5)],
        like: match people.len() {
            0 => Some("unknown".to_owned()),
            len => Some(people[random.usize(..len)].id.to_string()).filter(|_| random.bool()),
        },
        per_person: random.bool(),
        twins: random.bool(),
        outliers: 0,
        threads: NonZeroUsize::MIN,
    };
    (people, options)
}

#[test]
fn ranking_equals_brute_force_bit_for_bit() {
    for seed in 0..CASES {
        let (people, options) = random_people(&mut fastrand::Rng::with_seed(seed));
        let expected = brute_force(&people, &options);
        let ranking = rank(&people, &options);
        assert_eq!(ranking, expected, "seed {seed}, {options:?}, {people:#?}");
    }
}

/// `rank` uses one thread for so few people, so this calls the searches directly.
#[test]
fn two_threads_return_the_same_result_as_one() {
    fn check(metric: impl Distance<3, Value = i32>, people: &[Profile], top: usize) {
        let tree = Tree::new(metric, (0..u32::MAX).zip(people.iter().map(point)));
        let [one, two] = [1, 2].map(|threads| {
            let threads = NonZeroUsize::new(threads).unwrap();
            let pairs = tree.closest_pairs(top, 20, threads);
            (pairs, tree.nearest_of_each(threads).collect::<Vec<_>>())
        });
        assert_eq!(one, two, "{people:#?}");
    }
    for seed in 0..CASES {
        let (people, options) = random_people(&mut fastrand::Rng::with_seed(seed));
        let (weights, top) = (thousandths(&options.weights), options.top);
        let points = people.iter().map(|person| (point(person), 1));
        match options.metric {
            Metric::Gower => check(Gower::new(ranges(), weights), &people, top),
            Metric::Euclidean => check(Euclidean::new(points, weights), &people, top),
            Metric::Mahalanobis => check(Mahalanobis::new(points, weights), &people, top),
        }
    }
}

/// Enough people for `rank` to use threads.
#[test]
fn thread_count_does_not_change_the_ranking() {
    let mut random = fastrand::Rng::with_seed(5);
    let people: Vec<Profile> = (0..12_000)
        .map(|i| {
            let (height, weight) = (1400 + random.u16(..700), 400 + random.u16(..900));
            person(
                &format!("{}", 100_000 - i),
                height,
                weight,
                random.usize(..8),
            )
        })
        .collect();
    for metric in Metric::ALL {
        let ranking = |threads| {
            let options = Options {
                per_person: true,
                threads: NonZeroUsize::new(threads).unwrap(),
                ..by(metric)
            };
            rank(&people, &options)
        };
        let one = ranking(1);
        assert_eq!(one.per_person.as_ref().unwrap().len(), people.len());
        for threads in [2, 3, 16] {
            assert!(one == ranking(threads), "{metric}, {threads} threads");
        }
    }
}

/// The default options with another metric.
fn by(metric: Metric) -> Options {
    Options {
        metric,
        ..Options::default()
    }
}

/// An independent implementation: R's `cluster::daisy`, `dist` and `mahalanobis`.
#[test]
fn distances_equal_those_computed_by_r() {
    let fixture = include_str!("../fixtures/distances.txt");
    let mut people = Vec::new();
    let mut pairs: BTreeMap<(usize, usize), [f64; 3]> = BTreeMap::new();
    for line in fixture.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["person", height, weight, size] => {
                let ticks = |index: usize, text| FIELDS[index].parse(text).unwrap().ticks();
                people.push(person(
                    &format!("{:02}", people.len()),
                    ticks(0, height),
                    ticks(1, weight),
                    size.parse::<usize>().unwrap() - 1,
                ));
            }
            ["pair", i, j, gower, euclidean, mahalanobis] => {
                let place = |i: &str| i.parse::<usize>().unwrap() - 1;
                let distances = [gower, euclidean, mahalanobis].map(|d| d.parse().unwrap());
                pairs.insert((place(i), place(j)), distances);
            }
            _ => assert!(line.starts_with('#'), "{line}"),
        }
    }
    assert_eq!((people.len(), pairs.len()), (16, 120));
    for (place, metric) in Metric::ALL.into_iter().enumerate() {
        let options = Options {
            top: pairs.len(),
            ..by(metric)
        };
        let ranking = rank(&people, &options);
        assert_eq!(ranking.pairs.len(), pairs.len());
        for pair in &ranking.pairs {
            let theirs = pairs[&(pair.a, pair.b)][place];
            // The documented scale: a coefficient of 1 is a distance of 1260, and a similarity of 0.
            let ours = match metric {
                Metric::Gower => {
                    assert!(
                        (1.0 - pair.similarity - theirs).abs() < 1e-12,
                        "{pair:?}, R: {theirs}"
                    );
                    pair.distance / 1260.0
                }
                _ => pair.distance,
            };
            assert!(
                (ours - theirs).abs() <= 1e-12 * theirs,
                "{metric}: {pair:?}, R: {theirs}"
            );
            let sum: f64 = pair.terms.iter().flatten().sum();
            assert!(
                (sum - pair.distance).abs() <= 1e-12 * pair.distance,
                "{metric}: {pair:?}"
            );
        }
    }
}

#[test]
fn body_distance_terms_caps_and_weights() {
    let people = [
        person("a", 1780, 600, 4),
        person("b", 1770, 611, 4),
        person("c", 1000, 6000, 0),
        person("d", 1000, 6000, 0),
    ];
    let ranking = rank(&people, &by(Metric::Gower));
    let [twins, close, ..] = &ranking.pairs[..] else {
        panic!("{ranking:?}")
    };
    assert_eq!(
        (twins.a, twins.b, twins.distance, twins.similarity),
        (2, 3, 0.0, 1.0)
    );
    assert_eq!((close.a, close.b, close.distance), (0, 1, 12.5));
    assert_eq!(close.terms, Terms::new([7.0, 5.5, 0.0], 0b111));
    assert_eq!(
        (ranking.smallest, ranking.tied, ranking.margin),
        (Some(0.0), 1, Some(12.5))
    );
    // 78 cm and 540 kg are beyond the caps; four steps of size are not.
    let far = &ranking.pairs[2];
    assert_eq!(far.terms, Terms::new([420.0, 420.0, 240.0], 0b111));
    assert_eq!(far.similarity, 1.0 - 1080.0 / 1260.0);
    let options = Options {
        weights: "height=0.5,weight=2,size=0".parse().unwrap(),
        ..by(Metric::Gower)
    };
    let weighted = &rank(&people, &options).pairs[1];
    assert_eq!(weighted.terms, Terms::new([3.5, 11.0, 0.0], 0b111));
    assert_eq!(weighted.similarity, 1.0 - 14.5 / (420.0 * 2.5));
}

/// As floats, 1.4 − 0.5 is not 0.9.
#[test]
fn margin_is_exact_for_body_distance() {
    let people = [
        person("a", 1700, 600, 3),
        person("b", 1700, 601, 3),
        person("c", 1702, 601, 3),
    ];
    let ranking = rank(&people, &by(Metric::Gower));
    assert_eq!((ranking.smallest, ranking.margin), (Some(0.5), Some(0.9)));
}

/// With two people all fields that differ are perfectly correlated, so only one of them contributes to the
/// Mahalanobis distance. It must not be one with weight 0.
#[test]
fn zero_weight_field_is_ignored_by_mahalanobis() {
    let people = [person("a", 1700, 600, 3), person("b", 1800, 900, 4)];
    let distance = |weights: &str| {
        let options = Options {
            weights: weights.parse().unwrap(),
            ..by(Metric::Mahalanobis)
        };
        rank(&people, &options).smallest.unwrap()
    };
    // Two values are √2 of their standard deviations apart.
    for weights in ["", "height=0", "height=0,weight=0", "weight=0"] {
        let distance = distance(weights);
        assert!(
            (distance - 2.0_f64.sqrt()).abs() < 1e-9,
            "{weights}: {distance}"
        );
    }
}

#[test]
fn weights_parse_exactly_or_fail_naming_the_field() {
    for (text, expected) in [
        (
            "height=1,weight=2,size=0.5",
            Ok("height=1,weight=2,size=0.5"),
        ),
        ("", Ok("height=1,weight=1,size=1")),
        (" size = .125 ", Ok("height=1,weight=1,size=0.125")),
        ("weight=1000000", Ok("height=1,weight=1000000,size=1")),
        (
            "height",
            Err("weight \"height\" is not of the form height=2"),
        ),
        (
            "shoe=1",
            Err("weight of \"shoe\": the fields are height, weight, size"),
        ),
        (
            "height=2,height=2",
            Err("the weight of height is given twice"),
        ),
        ("height=0,weight=0,size=0", Err("every weight is 0")),
        (
            "size=1000000.001",
            Err("weight of size \"1000000.001\" is not a number from 0 to 1000000"),
        ),
        (
            "size=0.0001",
            Err("weight of size \"0.0001\" is not a number"),
        ),
        ("size=-1", Err("weight of size \"-1\" is not a number")),
        ("size=NaN", Err("weight of size \"NaN\" is not a number")),
        ("size=1e3", Err("weight of size \"1e3\" is not a number")),
        ("size=", Err("weight of size \"\" is not a number")),
        ("size=.", Err("weight of size \".\" is not a number")),
        (
            "size=99999999999999999999",
            Err("weight of size \"99999999999999999999\" is not"),
        ),
    ] {
        match (text.parse::<Weights>(), expected) {
            (Ok(weights), Ok(expected)) => assert_eq!(weights.to_string(), expected, "{text}"),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().starts_with(expected), "{text}: {error}");
            }
            (got, _) => panic!("{text}: {got:?}, not {expected:?}"),
        }
    }
    assert_eq!("MAHALANOBIS".parse(), Ok(Metric::Mahalanobis));
    let error = "cosine".parse::<Metric>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "metric \"cosine\" is none of gower, euclidean, mahalanobis"
    );
}

#[test]
fn empty_single_and_identical_input() {
    for metric in Metric::ALL {
        let options = Options {
            per_person: true,
            like: Some("a".to_owned()),
            ..by(metric)
        };
        let empty = rank(&[], &options);
        assert_eq!((empty.smallest, empty.tied, empty.margin), (None, 0, None));
        assert_eq!(empty.like, Some(Like::Unknown("a".to_owned())));
        let alone = rank(&[person("a", 1780, 600, 4)], &options);
        assert_eq!((alone.pairs, alone.per_person), (vec![], Some(vec![])));
        assert_eq!(
            alone.like,
            Some(Like::Found {
                person: 0,
                nearest: vec![]
            })
        );
        // Two people have a singular covariance; a constant field has no deviation to divide by.
        let two = rank(
            &[person("a", 1780, 600, 4), person("b", 1790, 600, 4)],
            &options,
        );
        assert!(
            two.pairs[0].distance > 0.0 && two.pairs[0].distance.is_finite(),
            "{two:?}"
        );
        assert_eq!((two.tied, two.margin), (1, None));
        let same = rank(
            &[person("a", 1780, 600, 4), person("b", 1780, 600, 4)],
            &options,
        );
        assert_eq!((same.smallest, same.twins[0].count), (Some(0.0), 2));
    }
}

/// Ids that differ only in their last character, or in length, are distinct; only equal ids are duplicates.
#[test]
fn ids_with_long_common_prefix_are_ordered_and_deduplicated() {
    let [b, short, a, long] = [
        "2026-class-0001-b",
        "2026-class-0001",
        "2026-class-0001-a",
        "2026-class-00011",
    ];
    let ids = [b, short, a, b, long, "another"];
    let people: Vec<Profile> = ids.iter().map(|id| person(id, 1700, 650, 3)).collect();
    let options = Options {
        top: 3,
        ..by(Metric::Gower)
    };
    let ranking = rank(&people, &options);
    assert_eq!(ranking, brute_force(&people, &options));
    assert_eq!(ranking.duplicates, [[0, 3]]);
    let pairs: Vec<(usize, usize)> = ranking.pairs.iter().map(|pair| (pair.a, pair.b)).collect();
    assert_eq!(pairs, [(1, 2), (1, 4), (1, 5), (2, 4), (2, 5), (4, 5)]);
}

/// All pairs of a large group of identical people tie: too many to list.
#[test]
fn large_identical_group_is_counted_but_listing_is_capped() {
    const COUNT: u64 = 200_000;
    let people: Vec<Profile> = (0..COUNT)
        .map(|i| person(&format!("{i:06}"), 1700, 650, 3))
        .collect();
    let options = Options {
        per_person: true,
        ..by(Metric::Gower)
    };
    let ranking = rank(&people, &options);
    assert_eq!(ranking.tied, COUNT * (COUNT - 1) / 2);
    assert_eq!(ranking.pairs.len(), Ranking::MAX_TIED);
    assert!(
        ranking
            .pairs
            .iter()
            .all(|pair| pair.a == 0 && pair.rank == 1)
    );
    assert_eq!((ranking.twins.len(), ranking.twins[0].count), (1, COUNT));
    assert_eq!(
        ranking.twins[0].people,
        (0..Twins::LISTED).collect::<Vec<_>>()
    );
    let nearest = ranking.per_person.unwrap();
    assert!(nearest[0].nearest == 1 && nearest[1..].iter().all(|nearest| nearest.nearest == 0));
}

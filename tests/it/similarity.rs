//! The ranker against an oracle that compares everybody with everybody.

use std::{collections::BTreeMap, num::NonZeroUsize};

use labrpc::{
    profile::{Height, Profile, Size, Weight},
    similarity::{
        Like, Metric, Nearest, Options, Pair, Ranking, Terms, Twins,
        metric::{Gower, Measure, Point, Standardised, Whitened, point},
        rank,
    },
};

/// Random rooms that are ranked, each by one and by two threads.
const CASES: u64 = 50_000;

fn person(id: &str, height: u16, weight: u16, size: usize) -> Profile {
    Profile {
        id: id.parse().unwrap(),
        height: Height::from_ticks(height).unwrap(),
        weight: Weight::from_ticks(weight).unwrap(),
        size: Size::ALL[size],
    }
}

/// What `rank` promises, in the plainest words.
fn oracle(people: &[Profile], options: &Options) -> Ranking {
    let mut ids: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, person) in people.iter().enumerate() {
        ids.entry(person.id.as_str()).or_default().push(index);
    }
    let order: Vec<usize> = ids
        .values()
        .filter(|same| same.len() == 1)
        .map(|same| same[0])
        .collect();
    let points = || order.iter().map(|&index| point(&people[index]));
    let measure: Box<dyn Measure> = match options.metric {
        Metric::Gower => Box::new(Gower::new(&options.weights)),
        Metric::Euclidean => Box::new(Standardised::new(points(), &options.weights)),
        Metric::Mahalanobis => Box::new(Whitened::new(points(), &options.weights)),
    };
    let weights = options.weights.thousandths();
    let delta = |a: usize, b: usize| -> Point {
        let (p, q) = (point(&people[a]), point(&people[b]));
        [0, 1, 2].map(|axis| {
            if weights[axis] == 0 {
                0
            } else {
                q[axis] - p[axis]
            }
        })
    };
    let distance = |a: usize, b: usize| measure.distance(measure.key(delta(a, b)));
    // Of pairs from the smaller id to the larger, in the order of their ids, the first by distance.
    let ranked = |mut pairs: Vec<(f64, usize, usize)>, count: usize| {
        // Stable, so equal distances stay in the order of the ids.
        pairs.sort_by(|p, q| p.0.total_cmp(&q.0));
        let mut list: Vec<Pair> = Vec::new();
        for (place, (distance, a, b)) in pairs.into_iter().take(count).enumerate() {
            let [height, weight, size] = measure.terms(delta(a, b));
            let tie = list.last().filter(|previous| previous.distance == distance);
            list.push(Pair {
                rank: tie.map_or(place + 1, |previous| previous.rank),
                a,
                b,
                distance,
                similarity: measure.similarity(distance),
                terms: Terms {
                    height,
                    weight,
                    size,
                },
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
    let listed = options.top.max(tied.min(Ranking::MOST_TIED));

    let mut nearest: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
    if options.per_person {
        for &(distance, a, b) in &all {
            for (person, other) in [(a, b), (b, a)] {
                let best = nearest.entry(person).or_insert((distance, other));
                if (distance, people[other].id) < (best.0, people[best.1].id) {
                    *best = (distance, other);
                }
            }
        }
    }
    let per_person = nearest
        .into_iter()
        .map(|(person, (distance, nearest))| Nearest {
            person,
            nearest,
            distance,
        })
        .collect();

    let mut identical: BTreeMap<(u16, u16, u8), Vec<usize>> = BTreeMap::new();
    for &index in &order {
        let Profile {
            height,
            weight,
            size,
            ..
        } = &people[index];
        identical
            .entry((height.ticks(), weight.ticks(), size.step()))
            .or_default()
            .push(index);
    }
    let mut twins: Vec<Twins> = identical
        .into_values()
        .filter(|same| same.len() > 1)
        .map(|same| Twins {
            count: same.len(),
            height: people[same[0]].height,
            weight: people[same[0]].weight,
            size: people[same[0]].size,
            people: same.into_iter().take(Twins::LISTED).collect(),
        })
        .collect();
    twins.sort_by_key(|twins| (usize::MAX - twins.count, people[twins.people[0]].id));
    let twin_groups = twins.len();
    if !options.twins {
        twins.truncate(Ranking::LARGEST_TWINS);
    }

    Ranking {
        smallest,
        tied: tied as u64,
        margin: second
            .zip(smallest)
            .map(|(second, smallest)| second - smallest),
        like: options
            .like
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
        per_person: options.per_person.then_some(per_person),
        duplicates: ids.into_values().filter(|same| same.len() > 1).collect(),
    }
}

/// A room in which ties abound: few values, repeated ids now and then, any options.
fn room(random: &mut fastrand::Rng) -> (Vec<Profile>, Options) {
    let most = [3, 6, 10, 14, 14, 20, 30, 50][random.usize(..8)];
    let count = random.usize(..=most);
    // From nearly all identical to nearly all different; far enough apart now and then to reach the caps.
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
            // Now and then the fields determine each other, and the covariance is singular.
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
            0 => Some("nobody".parse().unwrap()),
            len => Some(people[random.usize(..len)].id).filter(|_| random.bool()),
        },
        per_person: random.bool(),
        twins: random.bool(),
        threads: NonZeroUsize::MIN,
    };
    (people, options)
}

#[test]
fn rank_equals_brute_force_to_the_last_bit() {
    for seed in 0..CASES {
        let (people, mut options) = room(&mut fastrand::Rng::with_seed(seed));
        let expected = oracle(&people, &options);
        for threads in [1, 2] {
            options.threads = NonZeroUsize::new(threads).unwrap();
            let ranking = rank(&people, &options);
            assert_eq!(ranking, expected, "seed {seed}, {options:?}, {people:#?}");
        }
    }
}

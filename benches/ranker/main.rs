//! Measures the ranker beside other programs: `cargo bench --bench ranker [-- ROW…]`, with the rows named in `main`.
//!
//! The baselines run in turn with labrpc, in the same run, on the same data, and must compute the same sums. They
//! run if they are installed: `LABRPC_BASELINES_PYTHON` names a Python with `benches/baselines/requirements.txt`
//! installed, `LABRPC_BASELINES_KIDDO` the program built in `benches/baselines/kiddo`; missing ones are reported.
//! Figures are medians of the processor time of one thread, but wall-clock time for whole processes and for forty
//! people.
#![expect(clippy::unwrap_used, reason = "a program, which may fail by panicking")]

mod axes;
mod baselines;
mod child;
mod data;
mod search;
mod timing;

use std::{collections::BTreeMap, env};

use labrpc::{
    profile::{Build, Profile},
    similarity::{Options, internals::Gower, rank},
};

use crate::{
    axes::{axes, axes_growth},
    baselines::{baselines, whole},
    child::{memory, run_child},
    data::{FINE, Point, body_distance, continuous, rounded},
    search::{nearest_of_each, pairs, sort_floats},
    timing::{Times, cpu_seconds, exponent, median, wall_seconds},
};

const MILLION: usize = 1_000_000;
/// Repetitions of a measurement, fewer if it takes seconds.
const ROUNDS: usize = 7;
const BASELINE_ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [child, rest @ ..] = arguments.as_slice()
        && child == "--child"
    {
        return run_child(rest);
    }
    let rows: [(&str, fn()); 9] = [
        ("forty", forty),
        ("sort", sort),
        ("worst", worst),
        ("growth", growth),
        ("memory", memory),
        ("baselines", baselines),
        ("whole", whole),
        ("axes", axes),
        ("axes_growth", axes_growth),
    ];
    for (name, row) in rows {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            println!("## {name}");
            row();
        }
    }
}

fn sort() {
    let points = continuous(MILLION);
    let mut times = Times::default();
    for _ in 0..2 * ROUNDS {
        times.add(
            "100 closest pairs, continuous",
            cpu_seconds(|| pairs(&points, body_distance(FINE))).0,
        );
        times.add("sort of 1e6 f64", sort_floats(MILLION));
    }
    times.print();
    let ratio = times.median("100 closest pairs, continuous") / times.median("sort of 1e6 f64");
    println!("pairs over sort: {ratio:.2} (at most 6)");
}

fn worst() {
    let ordinary = continuous(MILLION);
    let cases = hard_cases(&ordinary);
    type Search = fn(&[Point], Gower<3>) -> u64;
    let searches: [(&str, Search); 2] = [("pairs", pairs), ("each", nearest_of_each)];
    for (search, run) in searches {
        let mut times = Times::default();
        for _ in 0..BASELINE_ROUNDS {
            times.add(
                &format!("{search}, ordinary"),
                cpu_seconds(|| run(&ordinary, body_distance(FINE))).0,
            );
            for (name, points) in &cases {
                times.add(
                    &format!("{search}, {name}"),
                    cpu_seconds(|| run(points, body_distance(FINE))).0,
                );
            }
        }
        times.print();
        let ordinary = times.median(&format!("{search}, ordinary"));
        let worst = times
            .0
            .iter()
            .map(|(_, times)| median(times))
            .fold(0.0, f64::max);
        println!(
            "worst {search} over ordinary: {:.2} (at most 3)",
            worst / ordinary
        );
    }
}

/// Data on which k-d trees are known to be slow.
fn hard_cases(ordinary: &[Point]) -> Vec<(&'static str, Vec<Point>)> {
    let mut random = fastrand::Rng::with_seed(4);
    vec![
        ("all identical", vec![ordinary[0]; MILLION]),
        (
            "half identical",
            ordinary
                .iter()
                .enumerate()
                .map(|(i, p)| if i % 2 == 0 { ordinary[0] } else { *p })
                .collect(),
        ),
        (
            "three positions",
            (0..MILLION).map(|_| ordinary[random.usize(..3)]).collect(),
        ),
        (
            "regular lattice",
            (0..100)
                .flat_map(|x| {
                    (0..100).flat_map(move |y| (0..100).map(move |z| [x * 500, y * 700, z * 10]))
                })
                .collect(),
        ),
        (
            "one axis constant",
            ordinary.iter().map(|&[x, y, _]| [x, y, 0]).collect(),
        ),
        (
            "two axes constant",
            ordinary.iter().map(|&[x, _, _]| [x, 0, 0]).collect(),
        ),
        ("one far outlier", {
            let mut points = ordinary.to_vec();
            points[0] = [1 << 30, 1 << 30, 1 << 30];
            points
        }),
    ]
}

fn growth() {
    let points = continuous(10 * MILLION);
    let mut times: BTreeMap<usize, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for round in 0..ROUNDS {
        for size in [10_000, 100_000, MILLION, 10 * MILLION] {
            // Small inputs are repeated: one run is too short to measure.
            let repeat = (MILLION / size).clamp(1, 20);
            if size > MILLION && round >= BASELINE_ROUNDS {
                continue;
            }
            let points = &points[..size];
            let (all_pairs, _) = cpu_seconds(|| {
                (0..repeat)
                    .map(|_| pairs(points, body_distance(FINE)))
                    .sum::<u64>()
            });
            let (all_each, _) = cpu_seconds(|| {
                (0..repeat)
                    .map(|_| nearest_of_each(points, body_distance(FINE)) % 2)
                    .sum::<u64>()
            });
            let (pairs, each) = times.entry(size).or_default();
            pairs.push(all_pairs / repeat as f64);
            each.push(all_each / repeat as f64);
        }
    }
    for (size, (pairs, each)) in &times {
        println!(
            "{size:9}: pairs {:10.3} ms, each {:10.3} ms",
            1e3 * median(pairs),
            1e3 * median(each)
        );
    }
    let [(small_pairs, small_each), .., (large_pairs, large_each)] =
        &times.values().collect::<Vec<_>>()[..]
    else {
        panic!("several sizes")
    };
    println!(
        "exponent 1e4 to 1e7: pairs {:.3}, each {:.3} (at most 1.12)",
        exponent(small_pairs, large_pairs),
        exponent(small_each, large_each)
    );
}

fn forty() {
    let people: Vec<Profile> = rounded(40)
        .into_iter()
        .enumerate()
        .map(|(i, [height, weight, size])| Profile {
            id: format!("{}", 1_527_406_000 + (i * 17) % 40)
                .parse()
                .unwrap(),
            build: Build::nearest(|field| match field.name {
                "height" => f64::from(height) / 10.0,
                "weight" => f64::from(weight) / 10.0,
                _ => f64::from(size),
            }),
        })
        .collect();
    let options = Options::default();
    let mut times = Times::default();
    for _ in 0..2001 {
        times.add(
            "rank forty people",
            wall_seconds(|| rank(&people, &options)).0,
        );
    }
    println!(
        "rank forty people: {:.2} µs (below 20)",
        1e6 * times.median("rank forty people")
    );
}

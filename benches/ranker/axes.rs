//! Points with two to eight axes beside scipy, and their growth.

use std::{fs, path::PathBuf};

use labrpc::similarity::internals::{Means, WeightedMean};

use crate::{
    BASELINE_ROUNDS, MILLION,
    baselines::{ask, available_baselines},
    data::{normal, scratch},
    search::{nearest_keys, pairs},
    timing::{Times, cpu_seconds, exponent, median},
};

/// Whole ticks of an axis; so many that few distances tie, and so few that all sums are exact.
const TICKS: f64 = 1_048_576.0;

/// Independent and evenly spread, or all following one number.
fn points<const N: usize>(count: usize, is_correlated: bool) -> Vec<[f64; N]> {
    let mut random = fastrand::Rng::with_seed(5);
    let point = |_| {
        let common = normal(&mut random);
        std::array::from_fn(|_| {
            let share = match is_correlated {
                true => 0.5 + (common + 0.3 * normal(&mut random)) / 12.0,
                false => random.f64(),
            };
            (share.clamp(0.0, 1.0) * TICKS).floor()
        })
    };
    (0..count).map(point).collect()
}

/// The sum of all differences: no term reaches its cap.
fn manhattan<const N: usize>() -> WeightedMean<N> {
    let all = u8::MAX >> (8 - N);
    Means::new([TICKS; N], [1000; N], [all].into_iter()).over(all)
}

fn file<const N: usize>(name: &str, points: &[[f64; N]]) -> PathBuf {
    let path = scratch().join(format!("{name}.f64"));
    let bytes: Vec<u8> = points
        .iter()
        .flatten()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    fs::write(&path, bytes).unwrap();
    path
}

pub(crate) fn axes() {
    // scipy needs minutes for a million points with eight axes.
    let count =
        std::env::var("LABRPC_BENCH_POINTS").map_or(MILLION, |count| count.parse().unwrap());
    println!("{count} points");
    beside_scipy::<2>(count);
    beside_scipy::<4>(count);
    beside_scipy::<6>(count);
    beside_scipy::<8>(count);
}

fn beside_scipy<const N: usize>(count: usize) {
    for (data, is_correlated) in [("uniform", false), ("correlated", true)] {
        let points = points::<N>(count, is_correlated);
        let file = file(&format!("{N} {data}"), &points);
        let metric = manhattan::<N>();
        let keys = nearest_keys(&points, metric);
        let distances = keys.iter().map(|(_, key)| f64::from_bits(*key));
        let expected = [
            distances.clone().sum(),
            distances.fold(f64::INFINITY, f64::min),
        ];
        let mut times = Times::default();
        for round in 0..BASELINE_ROUNDS {
            let name = format!("{N} axes, {data}");
            times.add("pairs", cpu_seconds(|| pairs(&points, metric)).0);
            times.add("each", cpu_seconds(|| nearest_keys(&points, metric)).0);
            for (scipy, mut command) in available_baselines(&["scipy"]) {
                // Where a query takes minutes, one is enough.
                if round > 0 && times.median(scipy) > 60.0 {
                    continue;
                }
                command.push(N.to_string());
                let (_, answer) = ask(&command, &file);
                assert_eq!(answer[1..], expected, "{name}: sum and least");
                times.add(scipy, answer[0]);
            }
        }
        let over = |what| match times.0.iter().find(|(name, _)| name == "scipy") {
            Some((_, scipy)) => format!("{:.1}", median(scipy) / times.median(what)),
            None => "-".to_owned(),
        };
        println!(
            "{N} axes, {data}: pairs {:.3} s, each {:.3} s; scipy over pairs {}, over each {}",
            times.median("pairs"),
            times.median("each"),
            over("pairs"),
            over("each"),
        );
    }
}

pub(crate) fn axes_growth() {
    for (data, is_correlated) in [("uniform", false), ("correlated", true)] {
        let points = points::<4>(10 * MILLION, is_correlated);
        let sizes = [10_000, 100_000, MILLION, 10 * MILLION];
        let times = sizes.map(|size| {
            let (points, metric) = (&points[..size], manhattan::<4>());
            let repeat = (MILLION / size).clamp(1, 10);
            let (all_pairs, _) = cpu_seconds(|| (0..repeat).map(|_| pairs(points, metric)).max());
            let (each, _) = cpu_seconds(|| {
                (0..repeat)
                    .map(|_| nearest_keys(points, metric).len())
                    .sum::<usize>()
            });
            let [pairs, each] = [all_pairs, each].map(|time| time / repeat as f64);
            println!(
                "4 axes, {data}, {size:9}: pairs {:10.3} ms, each {:10.3} ms",
                1e3 * pairs,
                1e3 * each
            );
            [pairs, each]
        });
        let [pairs, each] = [0, 1].map(|search| exponent(&[times[0][search]], &[times[3][search]]));
        println!(
            "4 axes, {data}, exponent 1e4 to 1e7: pairs {pairs:.3}, each {each:.3} (at most 1.15)"
        );
    }
}

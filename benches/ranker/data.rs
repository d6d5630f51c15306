//! Random people and points, always the same for the same size.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use labrpc::{
    profile::FIELDS,
    similarity::internals::{Gower, ranges},
};

/// Coordinates of a person.
pub(crate) type Point = [i32; 3];

/// The body distance between points with `resolution` parts a tick.
pub(crate) fn body_distance(resolution: u32) -> Gower<3> {
    Gower::with_resolution(ranges(), resolution)
}

/// The name of the CSV file with unrounded people.
pub(crate) const TENTHS: &str = "tenths";
/// Parts of a tick in continuous data; the values still fit into 30 bits.
pub(crate) const FINE: u32 = 100_000;

/// A normally distributed number, mean 0 and deviation 1, as a sum of uniform ones.
pub(crate) fn normal(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// Heights in cm, weights in kg that go with them, sizes in steps that go with these.
pub(crate) fn random_body(random: &mut fastrand::Rng) -> [f64; 3] {
    let height = 170.0 + 9.0 * normal(random);
    let weight = (0.9 * (height - 100.0) + 11.0 * normal(random)).max(35.0);
    [
        height,
        weight,
        (weight / 13.0 + 0.8 * normal(random)).clamp(0.6, 8.4),
    ]
}

pub(crate) fn continuous(count: usize) -> Vec<Point> {
    let mut random = fastrand::Rng::with_seed(1);
    let fine = f64::from(FINE);
    let point = |[height, weight, size]: [f64; 3]| {
        [height * 10.0 * fine, weight * 10.0 * fine, size * fine]
    };
    (0..count)
        .map(|_| point(random_body(&mut random)).map(|x| x as i32))
        .collect()
}

/// To whole centimetres, half kilograms and sizes.
pub(crate) fn rounded(count: usize) -> Vec<Point> {
    let mut random = fastrand::Rng::with_seed(1);
    let point = |[height, weight, size]: [f64; 3]| {
        [
            height.round() * 10.0,
            (weight * 2.0).round() * 5.0,
            size.round(),
        ]
    };
    (0..count)
        .map(|_| point(random_body(&mut random)).map(|x| x as i32))
        .collect()
}

/// A CSV file of people in no particular order: either in tenths, with ids that are numbers, or in whole
/// centimetres and half kilograms, with ids that begin with a letter.
pub(crate) fn people_csv(name: &str, count: usize) -> PathBuf {
    let path = scratch().join(format!("{name}.csv"));
    if !path.exists() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut ids: Vec<usize> = (0..count).map(|i| 1_500_000_000 + 7 * i).collect();
        random.shuffle(&mut ids);
        let mut text = Vec::from(b"id,height,weight,size\n");
        for id in ids {
            let [height, weight, size] = random_body(&mut random);
            let size = FIELDS[2].names[size.round() as usize - 1];
            let line = match name {
                TENTHS => writeln!(text, "{id},{height:.1},{weight:.1},{size}"),
                _ => {
                    let weight = (2.0 * weight).round() / 2.0;
                    writeln!(text, "p{id},{height:.0},{weight},{size}")
                }
            };
            line.unwrap();
        }
        fs::write(&path, text).unwrap();
    }
    path
}

pub(crate) fn scratch() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ranker");
    fs::create_dir_all(&path).unwrap();
    path
}

/// The coordinates for which the body distance is the Manhattan distance, as raw floats.
pub(crate) fn scaled_file(name: &str, points: impl Iterator<Item = Point>) -> PathBuf {
    let path = scratch().join(name);
    let bytes: Vec<u8> = points
        .flat_map(|[height, weight, size]| {
            [
                7 * i64::from(height),
                5 * i64::from(weight),
                600 * i64::from(size),
            ]
        })
        .flat_map(|x| (x as f64).to_le_bytes())
        .collect();
    fs::write(&path, bytes).unwrap();
    path
}

//! Synthetic people, distributed like a class of students.
//!
//! Half are men, half women. Heights are normal with 173 ± 6 cm and 161 ± 5.5 cm, body-mass indices log-normal
//! around 21.8 and 20.6 kg/m² with a standard deviation of 0.13 in the logarithm, which gives weights their
//! correlation with height and their long upper tail. People answer in round numbers: heights in whole
//! centimetres, weights in whole kilograms and one time in four in half ones, so ties are common. The size
//! follows height and index, with a standard deviation of half a size. Any other field is normal around its example.

use std::f64::consts::TAU;

use fastrand::Rng;

use crate::profile::{Build, Id, Profile};

/// Number of distinct ids; a larger room repeats them.
const IDS: usize = 10_000_000;

/// Generates people: the same ones for the same seed, with distinct ids for up to ten million.
pub(crate) fn people(count: usize, seed: u64) -> Vec<Profile> {
    let mut rng = Rng::with_seed(seed);
    let first = rng.usize(..IDS);
    (0..count)
        .map(|seat| person(&mut rng, first + seat))
        .collect()
}

fn person(rng: &mut Rng, number: usize) -> Profile {
    let (mean, deviation, index) = match rng.bool() {
        true => (173.0, 6.0, 21.8),
        false => (161.0, 5.5, 20.6),
    };
    let height: f64 = (mean + deviation * normal(rng)).round();
    let index: f64 = index * (0.13 * normal(rng)).exp();
    let weight = index * (height / 100.0).powi(2);
    let weight = match rng.u8(..4) {
        0 => (weight * 2.0).round() / 2.0,
        _ => weight.round(),
    };
    let step = 3.0 + (height - 160.0) / 7.0 + (index - 21.0) / 3.0 + 0.5 * normal(rng);
    // The ranges hold eight standard deviations; values beyond become their ends.
    let build = Build::nearest(|field| match field.name {
        "height" => height,
        "weight" => weight,
        "size" => step,
        _ => field.typical() + field.span() / 6.0 * normal(rng),
    });
    Profile {
        id: id(number),
        build,
    }
}

/// An id of ten digits, like a student id. Neighbours get numbers far apart.
fn id(number: usize) -> Id {
    // Coprime to the number of ids, so every id occurs once.
    const STRIDE: usize = 7_919;
    let number = 1_520_000_000 + number % IDS * STRIDE % IDS;
    number
        .to_string()
        .parse()
        .expect("ten digits are a valid id")
}

/// A standard normal deviate (Box-Muller transform).
fn normal(rng: &mut Rng) -> f64 {
    // In (0, 1], since 0 has no logarithm.
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (TAU * rng.f64()).cos()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::profile::FIELDS;

    #[test]
    fn same_seed_gives_same_people_with_distinct_ids() {
        let room = people(100_000, 7);
        assert_eq!(room, people(100_000, 7));
        assert_ne!(room[..40], people(40, 8)[..]);
        let ids: HashSet<_> = room.iter().map(|person| person.id).collect();
        assert_eq!(ids.len(), room.len());
        assert!(room.iter().all(|person| person.id.as_str().len() == 10));
    }

    #[test]
    fn distribution_matches_its_documentation() {
        let room = people(100_000, 1);
        let values = |index: usize| room.iter().map(move |p| p.build.values()[index].number());
        let mean = |index| values(index).sum::<f64>() / room.len() as f64;
        let [height, weight] = [0, 1].map(mean);
        assert!((166.8..167.2).contains(&height), "{height}");
        assert!((58.5..61.0).contains(&weight), "{weight}");
        let covariance = values(0)
            .zip(values(1))
            .map(|(h, w)| (h - height) * (w - weight))
            .sum::<f64>();
        let spread = |index, mean: f64| {
            let squares = values(index).map(|value| (value - mean).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let correlation = covariance / spread(0, height) / spread(1, weight);
        assert!((0.6..0.75).contains(&correlation), "{correlation}");
        for size in FIELDS[2].names {
            let mut sizes = room.iter().map(|p| p.build.values()[2].to_string());
            assert!(sizes.any(|worn| worn == *size), "{size}");
        }
    }
}

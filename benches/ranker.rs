fn main() {
    use labrpc::similarity::{metric::Gower, tree::Tree};
    use std::{num::NonZeroUsize, time::Instant};
    let n: usize = std::env::args()
        .nth(1)
        .and_then(|a| a.parse().ok())
        .unwrap_or(1_000_000);
    let mut r = fastrand::Rng::with_seed(1);
    let normal = |r: &mut fastrand::Rng| (0..12).map(|_| r.f64()).sum::<f64>() - 6.0;
    let fine = 100_000.0;
    let mut cont = vec![];
    let mut round = vec![];
    for _ in 0..n {
        let h = 170.0 + 9.0 * normal(&mut r);
        let w = 0.9 * (h - 100.0) + 12.0 * normal(&mut r).abs();
        let s = 4.5 + 1.4 * normal(&mut r);
        cont.push([
            (h * 10.0 * fine) as i32,
            (w * 10.0 * fine) as i32,
            (s * fine) as i32,
        ]);
        round.push([
            h.round() as i32 * 10,
            (w * 2.0).round() as i32 * 5,
            (s.round() as i32).clamp(1, 8),
        ]);
    }
    let one = NonZeroUsize::MIN;
    let rounds: usize = std::env::args()
        .nth(2)
        .and_then(|a| a.parse().ok())
        .unwrap_or(9);
    let mut best = std::collections::BTreeMap::new();
    for round_ in 0..rounds {
        for (name, data, g) in [
            ("cont", &cont, Gower::finer(100_000)),
            ("round", &round, Gower::finer(1)),
        ] {
            let t = Instant::now();
            let tree = Tree::new(g, data.iter().copied());
            let build = t.elapsed();
            let c = tree.closest_pairs(100, 100, one);
            let pairs = t.elapsed();
            let t2 = Instant::now();
            let sum = tree
                .nearest_of_each(one)
                .fold(0u64, |s, (_, _, k)| s.wrapping_add(k));
            let each = t2.elapsed();
            let e = best.entry(name).or_insert((build, pairs, each));
            *e = (e.0.min(build), e.1.min(pairs), e.2.min(each));
            let (build, pairs, each) = *e;
            if round_ + 1 == rounds {
                println!(
                    "{name}: build {build:?} pairs {pairs:?} (tied {} last {}) each+build {:?} sum {sum}",
                    c.tied,
                    c.pairs.last().unwrap().key,
                    each + build
                );
            }
        }
    }
    let mut f: Vec<f64> = (0..n).map(|_| r.f64()).collect();
    let t = Instant::now();
    f.sort_unstable_by(f64::total_cmp);
    println!("sort {:?}", t.elapsed());
}

//! Measures the ranker beside its baselines: `cargo bench --bench ranker [-- ROW…]`, rows as named below.
//!
//! Baselines are run in turn with labrpc, in the same run, on the same data, and must come to the same sums. They run
//! where their tools are: `LABRPC_BASELINES_PYTHON` names a Python with `benches/baselines/requirements.txt` installed,
//! `LABRPC_BASELINES_KIDDO` the program built in `benches/baselines/kiddo`. A baseline that is not installed is reported as missing.
//! Figures are medians, on one thread, of processor time; of whole processes and of forty people, by the clock.
#![expect(clippy::unwrap_used, reason = "a program, which may fail by panicking")]

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write as _,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use labrpc::{
    profile::{Height, Profile, Size, Weight},
    report::read::read,
    similarity::{
        Options,
        internals::{Gower, Point, Tree},
        rank,
    },
};

const MILLION: usize = 1_000_000;

/// The file of people that nobody rounded.
const TENTHS: &str = "tenths";
const ONE: NonZeroUsize = NonZeroUsize::MIN;
/// Rounds of what is fast; baselines, which take seconds, are run [`BASELINE_ROUNDS`] times.
const ROUNDS: usize = 7;
const BASELINE_ROUNDS: usize = 3;
/// Parts of a tick in continuous data; the values still fit into 30 bits.
const FINE: u32 = 100_000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [child, rest @ ..] = arguments.as_slice()
        && child == "--child"
    {
        return run_child(rest);
    }
    let rows: [(&str, fn()); 7] = [
        ("forty", forty),
        ("sort", sort),
        ("worst", worst),
        ("growth", growth),
        ("memory", memory),
        ("baselines", baselines),
        ("whole", whole),
    ];
    for (name, row) in rows {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            println!("## {name}");
            row();
        }
    }
}

// ---- the data

/// A bell of mean 0 and deviation 1, by Irwin and Hall.
fn normal(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// Heights in cm, weights in kg that go with them, sizes in steps that go with these.
fn random_body(random: &mut fastrand::Rng) -> [f64; 3] {
    let height = 170.0 + 9.0 * normal(random);
    let weight = (0.9 * (height - 100.0) + 11.0 * normal(random)).max(35.0);
    [
        height,
        weight,
        (weight / 13.0 + 0.8 * normal(random)).clamp(0.6, 8.4),
    ]
}

fn continuous(count: usize) -> Vec<Point> {
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
fn rounded(count: usize) -> Vec<Point> {
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

/// A file of people as a register would give them, ids in no order: measured to a tenth under ids that are
/// numbers, or to whole centimetres and half kilograms under ids that begin with a letter.
fn people_csv(name: &str, count: usize) -> PathBuf {
    let path = scratch().join(format!("{name}.csv"));
    if !path.exists() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut ids: Vec<usize> = (0..count).map(|i| 1_500_000_000 + 7 * i).collect();
        random.shuffle(&mut ids);
        let mut text = Vec::from(b"id,height,weight,size\n");
        for id in ids {
            let [height, weight, size] = random_body(&mut random);
            let size = Size::ALL[size.round() as usize - 1];
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

fn scratch() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ranker");
    fs::create_dir_all(&path).unwrap();
    path
}

/// The coordinates for which the body distance is the Manhattan distance, as raw floats.
fn scaled_file(name: &str, points: impl Iterator<Item = Point>) -> PathBuf {
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

// ---- what is measured

/// Time on the clock.
fn wall_seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// Time on a processor, which other programs change less.
fn cpu_seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let spent = || {
        // The system counts to the microsecond when a thread stops, and while it runs every 4 ms.
        thread::sleep(Duration::from_micros(1));
        let schedule = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        schedule.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let start = spent();
    let result = work();
    (spent() - start, result)
}

/// The 100 closest pairs, from nothing; the smallest key.
fn pairs(points: &[Point], metric: Gower) -> u64 {
    let tree = Tree::new(metric, points.iter().copied());
    tree.closest_pairs(100, 100, ONE).smallest.unwrap()
}

/// Everybody's nearest, from nothing; the sum of the keys.
fn nearest_of_each(points: &[Point], metric: Gower) -> u64 {
    let tree = Tree::new(metric, points.iter().copied());
    let mut nearest = vec![(0, 0); points.len()];
    for (number, other, key) in tree.nearest_of_each(ONE) {
        nearest[number as usize] = (other, key);
    }
    nearest.iter().map(|(_, key)| key).sum()
}

fn sort_floats(count: usize) -> f64 {
    let mut random = fastrand::Rng::with_seed(3);
    let mut floats: Vec<f64> = (0..count).map(|_| random.f64()).collect();
    cpu_seconds(|| floats.sort_unstable_by(f64::total_cmp)).0
}

/// Times by name, in the order of their first appearance.
#[derive(Default)]
struct Times(Vec<(String, Vec<f64>)>);

impl Times {
    fn add(&mut self, name: &str, time: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => times.push(time),
            None => self.0.push((name.to_owned(), vec![time])),
        }
    }

    fn median(&self, name: &str) -> f64 {
        let (_, times) = self.0.iter().find(|(known, _)| known == name).unwrap();
        median(times)
    }

    fn print(&self) {
        for (name, times) in &self.0 {
            let least = times.iter().copied().fold(f64::INFINITY, f64::min);
            println!(
                "{name:44} {:12.3} ms  (least {:.3}, {} times)",
                1e3 * median(times),
                1e3 * least,
                times.len()
            );
        }
    }
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

fn sort() {
    let points = continuous(MILLION);
    let mut times = Times::default();
    for _ in 0..2 * ROUNDS {
        times.add(
            "100 closest pairs, continuous",
            cpu_seconds(|| pairs(&points, Gower::with_resolution(FINE))).0,
        );
        times.add("sort of 1e6 f64", sort_floats(MILLION));
    }
    times.print();
    let ratio = times.median("100 closest pairs, continuous") / times.median("sort of 1e6 f64");
    println!("pairs over sort: {ratio:.2} (at most 6)");
}

fn worst() {
    let ordinary = continuous(MILLION);
    let mut random = fastrand::Rng::with_seed(4);
    let cases: Vec<(&str, Vec<Point>)> = vec![
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
            let mut points = ordinary.clone();
            points[0] = [1 << 30, 1 << 30, 1 << 30];
            points
        }),
    ];
    type Search = fn(&[Point], Gower) -> u64;
    let searches: [(&str, Search); 2] = [("pairs", pairs), ("each", nearest_of_each)];
    for (search, run) in searches {
        let mut times = Times::default();
        for _ in 0..BASELINE_ROUNDS {
            times.add(
                &format!("{search}, ordinary"),
                cpu_seconds(|| run(&ordinary, Gower::with_resolution(FINE))).0,
            );
            for (name, points) in &cases {
                times.add(
                    &format!("{search}, {name}"),
                    cpu_seconds(|| run(points, Gower::with_resolution(FINE))).0,
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

fn growth() {
    let points = continuous(10 * MILLION);
    let mut times: BTreeMap<usize, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for round in 0..ROUNDS {
        for size in [10_000, 100_000, MILLION, 10 * MILLION] {
            // Small ones are repeated, large ones are their own repetition.
            let repeat = (MILLION / size).clamp(1, 20);
            if size > MILLION && round >= BASELINE_ROUNDS {
                continue;
            }
            let points = &points[..size];
            let (all_pairs, _) = cpu_seconds(|| {
                (0..repeat)
                    .map(|_| pairs(points, Gower::with_resolution(FINE)))
                    .sum::<u64>()
            });
            let (all_each, _) = cpu_seconds(|| {
                (0..repeat)
                    .map(|_| nearest_of_each(points, Gower::with_resolution(FINE)) % 2)
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
    let exponent = |small: &[f64], large: &[f64]| (median(large) / median(small)).log10() / 3.0;
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
            height: Height::from_ticks(height as u16).unwrap(),
            weight: Weight::from_ticks(weight as u16).unwrap(),
            size: Size::ALL[size as usize - 1],
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

// ---- in a process of its own

fn memory() {
    for (what, most) in [("pairs", 64), ("each", 80)] {
        let [base, peak] = child(&["memory", what])[..] else {
            panic!("two figures")
        };
        let above = (peak - base) * 1024.0 / MILLION as f64;
        println!("{what}: {above:.1} bytes a person above the input (at most {most})");
    }
}

fn child(arguments: &[&str]) -> Vec<f64> {
    let output = Command::new(env::current_exe().unwrap())
        .arg("--child")
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    numbers(&output.stdout)
}

fn numbers(output: &[u8]) -> Vec<f64> {
    str::from_utf8(output)
        .unwrap()
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

fn run_child(arguments: &[String]) {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["memory", what] => {
            let points = continuous(MILLION);
            let base = status("VmRSS");
            match what {
                "pairs" => pairs(&points, Gower::with_resolution(FINE)),
                _ => nearest_of_each(&points, Gower::with_resolution(FINE)),
            };
            println!("{base} {}", status("VmHWM"));
        }
        ["rank", file] => {
            let people = read(&[PathBuf::from(file)], false, |_| ()).unwrap_or_else(|error| {
                eprintln!("{error}");
                std::process::exit(1)
            });
            let ranking = rank(&people.profiles, &Options::default());
            let smallest = ranking.smallest.unwrap_or(f64::NAN);
            println!(
                "{} {} {smallest} {} {}",
                people.profiles.len(),
                people.rejections,
                status("VmHWM"),
                ranking.tied
            );
        }
        _ => panic!("unknown child {arguments:?}"),
    }
}

/// A figure of this process in KiB.
fn status(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

// ---- baselines

/// The installed baselines: name and command.
fn available_baselines(names: &[&'static str]) -> Vec<(&'static str, Vec<String>)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baselines/ranker.py").to_owned();
    let mut known = Vec::new();
    for name in names {
        let variable = match *name {
            "kiddo" => "LABRPC_BASELINES_KIDDO",
            _ => "LABRPC_BASELINES_PYTHON",
        };
        match (env::var(variable), *name) {
            (Err(_), name) => println!("{name}: not measured, {variable} is not set"),
            (Ok(kiddo), "kiddo") => known.push((*name, vec![kiddo])),
            (Ok(python), _) => {
                known.push((*name, vec![python, script.clone(), (*name).to_owned()]))
            }
        }
    }
    known
}

/// Runs a baseline on a file: the time of the whole process, and what it prints.
fn ask(baseline: &[String], file: &Path) -> (f64, Vec<f64>) {
    let mut command = Command::new(&baseline[0]);
    command
        .args(&baseline[1..])
        .arg(file)
        .stderr(Stdio::inherit());
    // kiddo builds on as many threads as there are.
    command.env("RAYON_NUM_THREADS", "1");
    let (time, output) = wall_seconds(|| command.output().unwrap());
    assert!(output.status.success(), "{command:?}");
    (time, numbers(&output.stdout))
}

fn baselines() {
    for (data, points, metric) in [
        (
            "continuous",
            continuous(MILLION),
            Gower::with_resolution(FINE),
        ),
        ("rounded", rounded(MILLION), Gower::with_resolution(1)),
    ] {
        let tree = Tree::new(metric, points.iter().copied());
        let order = tree.groups().flatten();
        let ordered: Vec<Point> = order.map(|&number| points[number as usize]).collect();
        drop(tree);
        // In the order in which people came, and in the one in which searches find their data in the cache.
        let orders = [("", points), (", in tree order", ordered)].map(|(order, points)| {
            let file = scaled_file(&format!("{data}{order}.f64"), points.iter().copied());
            (order, points, file)
        });
        let known = available_baselines(&["scipy", "sklearn", "kiddo"]);
        let expected = {
            let points = &orders[0].1;
            [nearest_of_each(points, metric), least(points, metric)].map(|key| key as f64)
        };
        let mut times = Times::default();
        for _ in 0..BASELINE_ROUNDS {
            for (order, points, file) in &orders {
                for (name, baseline) in &known {
                    let (time, smallest) = cpu_seconds(|| pairs(points, metric));
                    times.add(&format!("labrpc: 100 closest pairs{order}"), time);
                    let (time, sum) = cpu_seconds(|| nearest_of_each(points, metric));
                    times.add(&format!("labrpc: everybody's nearest{order}"), time);
                    assert_eq!([sum as f64, smallest as f64], expected);
                    // Only kiddo is measurably faster that way.
                    if order.is_empty() || *name == "kiddo" {
                        let (_, answer) = ask(baseline, file);
                        assert_eq!(answer[1..], expected, "{name}: sum and least");
                        times.add(&format!("{name}{order}"), answer[0]);
                    }
                }
            }
        }
        println!("{data}, sums agree:");
        times.print();
        for (name, baseline) in &times.0 {
            if !name.starts_with("labrpc") {
                let order = name.find(',').map_or("", |order| &name[order..]);
                let over =
                    |what| median(baseline) / times.median(&format!("labrpc: {what}{order}"));
                println!(
                    "{name} over labrpc: pairs {:.1}, everybody's nearest {:.1}",
                    over("100 closest pairs"),
                    over("everybody's nearest")
                );
            }
        }
    }
}

/// The smallest key once more, by way of everybody's nearest.
fn least(points: &[Point], metric: Gower) -> u64 {
    let tree = Tree::new(metric, points.iter().copied());
    tree.nearest_of_each(ONE)
        .map(|(_, _, key)| key)
        .min()
        .unwrap()
}

fn whole() {
    for name in [TENTHS, "rounded"] {
        println!("{name}:");
        whole_file(&people_csv(name, MILLION));
    }
}

fn whole_file(file: &Path) {
    let this = env::current_exe().unwrap().display().to_string();
    let mut known = vec![(
        "labrpc",
        vec![this, "--child".to_owned(), "rank".to_owned()],
    )];
    known.extend(available_baselines(&["pandas"]));
    let mut times = Times::default();
    let mut peaks = BTreeMap::new();
    let mut answers = Vec::new();
    // Once and outside of the clock: a smallest distance of 0 alone would not show much.
    for (_, ties) in available_baselines(&["ties"]) {
        let [counted, ranked] = [&ties, &known[0].1].map(|command| ask(command, file).1);
        assert_eq!(counted[0], ranked[4], "pairs at the smallest distance");
    }
    for _ in 0..BASELINE_ROUNDS {
        for (name, command) in &known {
            let repeat = if *name == "labrpc" { 5 } else { 1 };
            for _ in 0..repeat {
                let (time, answer) = ask(command, file);
                times.add(name, time);
                peaks.insert(*name, answer[3]);
                answers.push(answer[2]);
            }
        }
    }
    assert!(
        answers.iter().all(|answer| answer == &answers[0]),
        "{answers:?}"
    );
    times.print();
    println!("peak memory in KiB: {peaks:?}");
    if let Some(pandas) = peaks.get("pandas") {
        println!(
            "pandas + cKDTree over labrpc: {:.1} times the time, {:.2} times the memory",
            times.median("pandas") / times.median("labrpc"),
            pandas / peaks["labrpc"]
        );
    }
}

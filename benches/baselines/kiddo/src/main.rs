//! kiddo, measured beside labrpc's ranker: builds its tree and queries the two nearest of each point.
//!
//! Prints as `ranker.py` does: the seconds of processor time, the sum of the distances to the nearest, and the smallest of them.

use std::{env, fs, num::NonZero};

use kiddo::{ImmutableKdTree, Manhattan};

fn main() {
    let path = env::args()
        .nth(1)
        .expect("a file of raw f64, three a person");
    let bytes = fs::read(path).expect("a readable file");
    let points: Vec<[f64; 3]> = bytes
        .chunks_exact(24)
        .map(|point| [0, 8, 16].map(|at| f64::from_le_bytes(point[at..at + 8].try_into().unwrap())))
        .collect();
    let start = spent();
    let tree: ImmutableKdTree<f64, 3> = ImmutableKdTree::new_from_slice(&points).expect("a tree");
    let two = NonZero::new(2).unwrap();
    let nearest: Vec<f64> = points
        .iter()
        .map(|point| tree.query(point).nearest_n::<Manhattan<f64>>(two).execute()[1].distance)
        .collect();
    let seconds = spent() - start;
    let sum: f64 = nearest.iter().sum();
    let least = nearest.iter().copied().fold(f64::INFINITY, f64::min);
    println!("{seconds} {sum} {least}");
}

/// The time that this thread has had a processor.
fn spent() -> f64 {
    // It is counted to the microsecond when the thread stops, and while it runs every 4 ms.
    std::thread::sleep(std::time::Duration::from_micros(1));
    let schedule = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    schedule.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

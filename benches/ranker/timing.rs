//! Clocks, and tables of times.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// The wall-clock time that `work` takes.
pub(crate) fn wall_seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// The processor time that `work` takes on this thread: other programs disturb it less than wall-clock time.
pub(crate) fn cpu_seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let spent = || {
        // Linux updates the counter of a running thread every 4 ms only, but exactly when the thread sleeps.
        thread::sleep(Duration::from_micros(1));
        let schedule = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        schedule.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let start = spent();
    let result = work();
    (spent() - start, result)
}

/// Times by name, in the order of their first appearance.
#[derive(Default)]
pub(crate) struct Times(pub(crate) Vec<(String, Vec<f64>)>);

impl Times {
    pub(crate) fn add(&mut self, name: &str, time: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => times.push(time),
            None => self.0.push((name.to_owned(), vec![time])),
        }
    }

    pub(crate) fn median(&self, name: &str) -> f64 {
        let (_, times) = self.0.iter().find(|(known, _)| known == name).unwrap();
        median(times)
    }

    pub(crate) fn print(&self) {
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

pub(crate) fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The power of the size with which the time grows, over a thousandfold size.
pub(crate) fn exponent(small: &[f64], large: &[f64]) -> f64 {
    (median(large) / median(small)).log10() / 3.0
}

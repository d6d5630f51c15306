//! The closest pairs of all, every tie counted.

use std::{collections::BinaryHeap, num::NonZeroUsize};

use crate::similarity::{
    metric::Measure,
    tree::{Tree, delta},
};

/// Two numbers, `a < b`, and the key of their distance. Ordered by key, `a`, `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "described above")]
pub struct Close {
    pub key: u64,
    pub a: u32,
    pub b: u32,
}

/// What [`Tree::closest_pairs`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closest {
    /// The closest pairs in order.
    pub pairs: Vec<Close>,
    /// The smallest key.
    pub smallest: Option<u64>,
    /// The smallest key above that.
    pub second: Option<u64>,
    /// How many pairs have the smallest key.
    pub tied: u64,
}

impl<M: Measure> Tree<M> {
    /// The `top` closest pairs, and as long as these are all tied, up to `most_tied` of the tied ones.
    #[must_use]
    pub fn closest_pairs(&self, top: usize, most_tied: usize, _threads: NonZeroUsize) -> Closest {
        let mut collector = Collector::new(top, most_tied);
        for i in 0..self.points.len() {
            let group = self.group(i);
            for (place, &a) in group.iter().enumerate() {
                for &b in &group[place + 1..] {
                    collector.offer(Close { key: 0, a, b });
                }
            }
            for j in i + 1..self.points.len() {
                let key = self.measure().key(delta(self.points[i], self.points[j]));
                for &a in group {
                    for &b in self.group(j) {
                        collector.offer(Close {
                            key,
                            a: a.min(b),
                            b: a.max(b),
                        });
                    }
                }
            }
        }
        collector.finish()
    }
}

struct Collector {
    top: usize,
    most_tied: usize,
    best: BinaryHeap<Close>,
    tied: BinaryHeap<Close>,
    smallest: u64,
    second: u64,
    count: u64,
}

impl Collector {
    fn new(top: usize, most_tied: usize) -> Self {
        Self {
            top,
            most_tied: most_tied.max(top),
            best: BinaryHeap::new(),
            tied: BinaryHeap::new(),
            smallest: u64::MAX,
            second: u64::MAX,
            count: 0,
        }
    }

    fn offer(&mut self, pair: Close) {
        if pair.key < self.smallest {
            self.second = self.smallest;
            self.smallest = pair.key;
            self.count = 0;
            self.tied.clear();
        } else if pair.key > self.smallest && pair.key < self.second {
            self.second = pair.key;
        }
        if pair.key == self.smallest {
            self.count += 1;
            keep(&mut self.tied, self.most_tied, pair);
        }
        keep(&mut self.best, self.top, pair);
    }

    fn finish(self) -> Closest {
        let seen = |key: u64| (self.count > 0 && key < u64::MAX).then_some(key);
        let pairs = if self.tied.len() >= self.best.len() {
            self.tied
        } else {
            self.best
        };
        Closest {
            pairs: pairs.into_sorted_vec(),
            smallest: seen(self.smallest),
            second: seen(self.second),
            tied: self.count,
        }
    }
}

/// Keeps the `limit` smallest.
fn keep(heap: &mut BinaryHeap<Close>, limit: usize, pair: Close) {
    heap.push(pair);
    if heap.len() > limit {
        heap.pop();
    }
}

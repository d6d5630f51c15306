//! Everybody's nearest, and the nearest of one.
//!
//! For everybody, leaf by leaf: the points of one leaf give each other a first bound, then come the sibling
//! subtrees from the nearest ancestor up, nearer children first. As with pairs, only what is *further* than the
//! best so far is skipped: at equal distance a smaller number wins.

use std::{
    collections::BinaryHeap,
    hint::select_unpredictable,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    thread,
};

use crate::similarity::{
    metric::{Distance, Point},
    tree::{Content, MAX_LEAF_POINTS, Node, Tree, task_depth},
};

/// A key and a item: the nearest so far. Compared in this order.
type Candidate = (u64, u32);

/// Stands for nobody; no person has this item.
const NO_ITEM: u32 = u32::MAX;

/// A subtree, the siblings on the way to it from the root down, and where the answers for its points go.
struct Task<'a> {
    node: usize,
    path: Vec<usize>,
    nearest: &'a mut [Candidate],
}

/// The largest key of some answers.
fn largest_key(nearest: &[Candidate]) -> u64 {
    nearest.iter().map(|(key, _)| *key).max().unwrap_or(0)
}

/// Two nodes with their bounds, the nearer first.
#[inline]
fn nearer_first(left: (u64, usize), right: (u64, usize)) -> [(u64, usize); 2] {
    // Either is as likely: a branch would be mispredicted half of the time.
    let swap = right.0 < left.0;
    [
        select_unpredictable(swap, right, left),
        select_unpredictable(swap, left, right),
    ]
}

/// Takes the better one, without a branch either.
#[inline]
fn improve(nearest: &mut Candidate, candidate: Candidate) {
    let better =
        (candidate.0 < nearest.0) | ((candidate.0 == nearest.0) & (candidate.1 < nearest.1));
    nearest.0 = select_unpredictable(better, candidate.0, nearest.0);
    nearest.1 = select_unpredictable(better, candidate.1, nearest.1);
}

impl<D: Distance> Tree<D> {
    /// Everybody's number with the number and key of the nearest other, in the order of the tree; ties go to the
    /// smaller item. Nobody where there are fewer than two.
    pub fn nearest_of_each(&self, threads: NonZeroUsize) -> impl Iterator<Item = (u32, u32, u64)> {
        let nearest = self.nearest_of_points(threads);
        let points = nearest.into_iter().enumerate();
        points.flat_map(|(point, elsewhere)| {
            let group = self.items_at(point);
            group.iter().filter_map(move |&item| {
                let twin = group.iter().find(|twin| **twin != item);
                let (key, nearest) = twin.map_or(elsewhere, |&twin| elsewhere.min((0, twin)));
                (nearest != NO_ITEM).then_some((item, nearest, key))
            })
        })
    }

    /// For each point the nearest person at another one; for one with twins only if that is at no distance.
    fn nearest_of_points(&self, threads: NonZeroUsize) -> Vec<Candidate> {
        let mut nearest = vec![(u64::MAX, NO_ITEM); self.points().len()];
        if self.is_empty() {
            return nearest;
        }
        let mut tasks = Vec::new();
        self.for_each_subtree(
            0,
            task_depth(threads),
            &mut Vec::new(),
            &mut |node, path| tasks.push((node, path)),
        );
        let mut rest = nearest.as_mut_slice();
        let tasks: Vec<Task<'_>> = tasks
            .into_iter()
            .map(|(node, path)| {
                let (nearest, behind) =
                    std::mem::take(&mut rest).split_at_mut(self.point_count(node));
                rest = behind;
                Task {
                    node,
                    path,
                    nearest,
                }
            })
            .collect();
        let tasks = Mutex::new(tasks);
        let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let work = || {
            while let Some(Task {
                node,
                mut path,
                nearest,
            }) = next()
            {
                let first = self.first_point(node);
                self.nearest_of_subtree(node, &mut path, first, nearest);
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.get() {
                scope.spawn(work);
            }
            work();
        });
        nearest
    }

    fn for_each_subtree(
        &self,
        node: usize,
        depth: u32,
        path: &mut Vec<usize>,
        task: &mut impl FnMut(usize, Vec<usize>),
    ) {
        match self.content(node) {
            Content::Inner(left, right) if depth > 0 => {
                for (child, sibling) in [(left, right), (right, left)] {
                    path.push(sibling);
                    self.for_each_subtree(child, depth - 1, path, task);
                    path.pop();
                }
            }
            _ => task(node, path.clone()),
        }
    }

    /// The index of a subtree's first point.
    fn first_point(&self, mut node: usize) -> usize {
        loop {
            match self.content(node) {
                Content::Inner(left, _) => node = left,
                Content::Leaf(points) => return points.start,
            }
        }
    }

    /// How many points a subtree has.
    fn point_count(&self, node: usize) -> usize {
        let first = self.first_point(node);
        let mut last = node;
        loop {
            match self.content(last) {
                Content::Inner(_, right) => last = right,
                Content::Leaf(points) => return points.end - first,
            }
        }
    }

    /// Answers for every point below a node; `nearest` begins with the point `first`.
    fn nearest_of_subtree(
        &self,
        node: usize,
        path: &mut Vec<usize>,
        first: usize,
        nearest: &mut [Candidate],
    ) {
        match self.content(node) {
            Content::Inner(left, right) => {
                for (child, sibling) in [(left, right), (right, left)] {
                    path.push(sibling);
                    self.nearest_of_subtree(child, path, first, nearest);
                    path.pop();
                }
            }
            Content::Leaf(points) => {
                let nearest = &mut nearest[points.start - first..points.end - first];
                self.nearest_of_leaf(node, points.start, path, nearest);
            }
        }
    }

    /// Answers for the points of one leaf, of which the first is `start`.
    fn nearest_of_leaf(
        &self,
        leaf: usize,
        start: usize,
        path: &[usize],
        nearest: &mut [Candidate],
    ) {
        let distinct = &self.points()[start..start + nearest.len()];
        let mut points = [([0; 3], NO_ITEM); MAX_LEAF_POINTS];
        for (i, point) in distinct.iter().enumerate() {
            let group = self.items_at(start + i);
            points[i] = (point.coordinates, group[0]);
            if group.len() > 1 {
                // A twin is nearer than anybody who is at a distance.
                nearest[i].0 = 0;
            }
        }
        let points = &points[..distinct.len()];
        for (i, (point, item)) in points.iter().enumerate() {
            for (j, (other, other_item)) in points[..i].iter().enumerate() {
                let key = self.key(*point, *other);
                improve(&mut nearest[i], (key, *other_item));
                improve(&mut nearest[j], (key, *item));
            }
        }
        let Node { low, high, .. } = *self.node(leaf);
        let mut furthest = largest_key(nearest);
        for sibling in path.iter().rev() {
            let Some(node) = self.narrow(*sibling, (low, high), furthest) else {
                continue;
            };
            for ((point, _), nearest) in points.iter().zip(nearest.iter_mut()) {
                if self.lower_bound((*point, *point), self.node(node)) <= nearest.0 {
                    self.nearest_below(node, *point, nearest);
                }
            }
            furthest = largest_key(nearest);
        }
    }

    /// The smallest subtree below a node that has all that is within `furthest` of a box: what lies beside it is
    /// ruled out once for a whole leaf. `None` where nothing is near enough.
    fn narrow(&self, mut node: usize, corners: (Point, Point), furthest: u64) -> Option<usize> {
        let near = |node| self.lower_bound(corners, self.node(node)) <= furthest;
        if !near(node) {
            return None;
        }
        loop {
            let Content::Inner(left, right) = self.content(node) else {
                return Some(node);
            };
            node = match (near(left), near(right)) {
                (true, true) => return Some(node),
                (true, false) => left,
                (false, true) => right,
                (false, false) => return None,
            };
        }
    }

    /// Improves one point's nearest by what is below a node.
    fn nearest_below(&self, node: usize, coordinates: Point, nearest: &mut Candidate) {
        match self.content(node) {
            Content::Inner(left, right) => {
                let bound = |node| {
                    (
                        self.lower_bound((coordinates, coordinates), self.node(node)),
                        node,
                    )
                };
                for (bound, child) in nearer_first(bound(left), bound(right)) {
                    if bound <= nearest.0 {
                        self.nearest_below(child, coordinates, nearest);
                    }
                }
            }
            Content::Leaf(points) => {
                for point in points {
                    let key = self.key(coordinates, self.points()[point].coordinates);
                    if key <= nearest.0 {
                        improve(nearest, (key, self.items_at(point)[0]));
                    }
                }
            }
        }
    }

    /// The keys and numbers of the `count` people nearest to one, in order, without that one.
    #[must_use]
    pub fn nearest_to(&self, item: u32, count: usize) -> Vec<(u64, u32)> {
        let mut best = BinaryHeap::new();
        if let Some(point) = self.point_of(item)
            && count > 0
        {
            self.k_nearest_below(0, self.points()[point].coordinates, item, count, &mut best);
        }
        best.into_sorted_vec()
    }

    fn k_nearest_below(
        &self,
        node: usize,
        coordinates: Point,
        excluded: u32,
        count: usize,
        best: &mut BinaryHeap<Candidate>,
    ) {
        let full = |best: &BinaryHeap<Candidate>| best.len() == count;
        let worst = |best: &BinaryHeap<Candidate>| match best.peek() {
            Some(worst) if full(best) => *worst,
            _ => (u64::MAX, NO_ITEM),
        };
        match self.content(node) {
            Content::Inner(left, right) => {
                let bound = |node| {
                    (
                        self.lower_bound((coordinates, coordinates), self.node(node)),
                        node,
                    )
                };
                for (bound, child) in nearer_first(bound(left), bound(right)) {
                    if bound <= worst(best).0 {
                        self.k_nearest_below(child, coordinates, excluded, count, best);
                    }
                }
            }
            Content::Leaf(points) => {
                for point in points {
                    let key = self.key(coordinates, self.points()[point].coordinates);
                    for &item in self.items_at(point) {
                        // They ascend: behind one that is too far no other matters.
                        if (key, item) >= worst(best) {
                            break;
                        }
                        if item == excluded {
                            continue;
                        }
                        if full(best) {
                            best.pop();
                        }
                        best.push((key, item));
                    }
                }
            }
        }
    }
}

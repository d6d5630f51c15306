//! The nearest neighbour of each item.
//!
//! Leaf by leaf: the points of one leaf give each other a first bound, then the siblings on the way from the leaf up
//! to the root are searched, the nearest ancestor's first and in each the nearer child first.
//!
//! ```text
//!            root                      searched for the leaf L, in this order:
//!        ┌────┴────┐
//!        C         ·                   1. L itself
//!     ┌──┴──┐      S2                  2. S1, the sibling of L
//!     L     S1                         3. S2, the sibling of its parent
//! ```
//!
//! Most neighbours lie in the same leaf or next to it, so the bound is tight before the large subtrees come. The
//! rule for skipping is that of [`tree`](crate::similarity::tree): at an equal distance the smaller item wins.

use std::{
    hint::select_unpredictable,
    mem,
    num::NonZeroUsize,
    ops::Range,
    ptr,
    sync::{Mutex, PoisonError},
    thread,
};

use crate::similarity::{
    build::MAX_LEAF_POINTS,
    metric::Distance,
    nodes::Bounds,
    tree::{Content, Tree, task_depth},
};

/// A key and an item, compared in this order: the nearest so far.
pub(crate) type Candidate = (u64, u32);

/// Not an item: [`Tree::new`] does not accept so many points.
pub(crate) const NO_ITEM: u32 = u32::MAX;

/// No candidate yet: each one is better.
pub(crate) const NOTHING: Candidate = (u64::MAX, NO_ITEM);

/// The largest key of some candidates.
fn largest_key(nearest: &[Candidate]) -> u64 {
    nearest.iter().map(|(key, _)| *key).max().unwrap_or(0)
}

/// Two nodes with their lower bounds, the nearer first.
#[inline]
fn nearer_first(left: (u64, usize), right: (u64, usize)) -> [(u64, usize); 2] {
    // Either is as likely, and a branch would be mispredicted half of the time.
    let swap = right.0 < left.0;
    [
        select_unpredictable(swap, right, left),
        select_unpredictable(swap, left, right),
    ]
}

/// Replaces `nearest` by a better candidate.
#[inline]
fn improve(nearest: &mut Candidate, candidate: Candidate) {
    // Without a branch, which would be mispredicted too often; for the same reason `|` and `&`.
    let better =
        (candidate.0 < nearest.0) | ((candidate.0 == nearest.0) & (candidate.1 < nearest.1));
    nearest.0 = select_unpredictable(better, candidate.0, nearest.0);
    nearest.1 = select_unpredictable(better, candidate.1, nearest.1);
}

impl<D: Distance<N>, const N: usize> Tree<D, N> {
    /// Each item, its nearest other item and the key of the two, in the order of the tree; ties go to the smaller
    /// item. Empty if there are fewer than two items.
    ///
    /// The nearest of the first people at a point that stands for more than it has items may be one of those without
    /// an item of their own: then the item itself stands for that one.
    pub fn nearest_of_each(&self, threads: NonZeroUsize) -> impl Iterator<Item = (u32, u32, u64)> {
        let mut nearest = vec![NOTHING; self.points().len()];
        self.improve_points(self, &mut nearest, threads);
        let points = nearest.into_iter().enumerate();
        points.flat_map(|(point, elsewhere)| {
            let group = self.items_at(point);
            let unlisted = self.stands_for_more() && self.people_at(point) > group.len() as u64;
            group.iter().filter_map(move |&item| {
                let twin = group.iter().find(|twin| **twin != item);
                let twin = twin.or(unlisted.then_some(&item));
                let (key, nearest) = twin.map_or(elsewhere, |&twin| elsewhere.min((0, twin)));
                (nearest != NO_ITEM).then_some((item, nearest, key))
            })
        })
    }

    /// Improves the nearest of each item of this tree by the items of another one.
    pub(crate) fn improve_items(
        &self,
        other: &Self,
        nearest: &mut [Candidate],
        threads: NonZeroUsize,
    ) {
        // An item at a point can be improved by what is nearer than the nearest of the point's worst.
        let worst = |group: &[u32]| {
            let items = group.iter().map(|&item| nearest[item as usize]);
            items.max().unwrap_or(NOTHING)
        };
        let mut points: Vec<_> = self.groups().map(|(group, _)| worst(group)).collect();
        self.improve_points(other, &mut points, threads);
        for ((group, _), candidate) in self.groups().zip(points) {
            for &item in group {
                improve(&mut nearest[item as usize], candidate);
            }
        }
    }

    /// Improves the nearest of each point by the items at other points of `other`, which may be this tree.
    ///
    /// For a point with several items, whose nearest are each other, only one at distance 0 counts, which may have a
    /// smaller id than they.
    fn improve_points(&self, other: &Self, nearest: &mut [Candidate], threads: NonZeroUsize) {
        if self.is_empty() || other.is_empty() {
            return;
        }
        // Subtrees come in the order of their points, so each task takes its results off the front.
        let mut tasks = Vec::new();
        let mut rest = nearest;
        let depth = task_depth(threads);
        self.for_each_subtree(0, depth, &mut Vec::new(), &mut |node, path| {
            let points = self.points_below(node).len();
            let (nearest, behind) = mem::take(&mut rest).split_at_mut(points);
            rest = behind;
            tasks.push((node, path.to_vec(), nearest));
        });
        let tasks = Mutex::new(tasks);
        let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let work = || {
            while let Some((node, mut path, mut rest)) = next() {
                self.for_each_subtree(node, u32::MAX, &mut path, &mut |leaf, path| {
                    let points = self.points_below(leaf);
                    let (nearest, behind) = mem::take(&mut rest).split_at_mut(points.len());
                    rest = behind;
                    match ptr::eq(self, other) {
                        true => self.nearest_of_leaf(leaf, points, self, path, nearest),
                        // The root of the other tree is searched as a sibling is.
                        false => self.nearest_of_leaf(leaf, points, other, &[0], nearest),
                    }
                });
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.get() {
                scope.spawn(work);
            }
            work();
        });
    }

    /// Calls `visit` from left to right for each subtree that is a leaf or `depth` levels below `node`, with the
    /// siblings passed on the way down, which are pushed to and popped from `path`.
    pub(crate) fn for_each_subtree(
        &self,
        node: usize,
        depth: u32,
        path: &mut Vec<usize>,
        visit: &mut impl FnMut(usize, &[usize]),
    ) {
        match self.content(node) {
            Content::Inner(left, right) if depth > 0 => {
                for (child, sibling) in [(left, right), (right, left)] {
                    path.push(sibling);
                    self.for_each_subtree(child, depth - 1, path, visit);
                    path.pop();
                }
            }
            _ => visit(node, path),
        }
    }

    /// The indices of a subtree's points, which lie side by side.
    fn points_below(&self, node: usize) -> Range<usize> {
        match self.content(node) {
            Content::Inner(left, right) => {
                self.points_below(left).start..self.points_below(right).end
            }
            Content::Leaf(points) => points,
        }
    }

    /// Improves the nearest of each point in a leaf; `path` holds the siblings from the root down, or the root of
    /// another tree.
    // Inlined into the recursive traversal, it takes a tenth more instructions: the metric's fields are loaded anew
    // for each key.
    #[inline(never)]
    fn nearest_of_leaf(
        &self,
        leaf: usize,
        range: Range<usize>,
        other: &Self,
        path: &[usize],
        nearest: &mut [Candidate],
    ) {
        // Copied, since the loops below read them again and again.
        let mut points = [([D::Value::default(); N], NO_ITEM); MAX_LEAF_POINTS];
        let is_same = ptr::eq(self, other);
        for (i, index) in range.enumerate() {
            points[i] = (self.points()[index].coordinates, self.items_at(index)[0]);
            if is_same && self.people_at(index) > 1 {
                // These people are each other's nearest: only another point at distance 0 is near enough.
                nearest[i].0 = 0;
            }
        }
        // By the length of `nearest`, so that its indices below need no bounds checks.
        let points = &points[..nearest.len()];
        for (i, (point, item)) in points.iter().enumerate().filter(|_| is_same) {
            for (j, (other, other_item)) in points[..i].iter().enumerate() {
                let key = self.key(*point, *other);
                improve(&mut nearest[i], (key, *other_item));
                improve(&mut nearest[j], (key, *item));
            }
        }
        let bounds = self.node(leaf).bounds;
        let mut furthest = largest_key(nearest);
        for sibling in path.iter().rev() {
            let Some(node) = other.narrow(*sibling, bounds, furthest) else {
                continue;
            };
            for ((point, _), nearest) in points.iter().zip(nearest.iter_mut()) {
                if other.lower_bound(Bounds::of_point(*point), other.node(node)) <= nearest.0 {
                    other.nearest_below(node, *point, nearest);
                }
            }
            furthest = largest_key(nearest);
        }
    }

    /// The smallest subtree below `node` that holds all points within `furthest` of a box; `None` if there are
    /// none. What lies beside it is excluded once for a whole leaf instead of once for each of its points.
    fn narrow(&self, mut node: usize, bounds: Bounds<D::Value, N>, furthest: u64) -> Option<usize> {
        let near = |node| self.lower_bound(bounds, self.node(node)) <= furthest;
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

    /// Improves the nearest of `point` by the points below a node.
    fn nearest_below(&self, node: usize, point: [D::Value; N], nearest: &mut Candidate) {
        match self.content(node) {
            Content::Inner(left, right) => {
                let bound = |node| self.lower_bound(Bounds::of_point(point), self.node(node));
                for (bound, child) in nearer_first((bound(left), left), (bound(right), right)) {
                    if bound <= nearest.0 {
                        self.nearest_below(child, point, nearest);
                    }
                }
            }
            Content::Leaf(points) => {
                for index in points {
                    let key = self.key(point, self.points()[index].coordinates);
                    if key <= nearest.0 {
                        improve(nearest, (key, self.items_at(index)[0]));
                    }
                }
            }
        }
    }
}

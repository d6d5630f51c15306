//! Many endpoints as blocks of neighbours, in which each cell is one endpoint or a few.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::report::html::mark::SeatMark;

/// Blocks of a map; with more endpoints the cells stand for several each.
const MAX_BLOCKS: usize = 120;

/// Cells of a block, in rows. The style sheet draws lines between them.
const COLUMNS: usize = 10;
const ROWS: usize = 5;

/// How many endpoints a cell stands for.
pub(super) struct BlockSize(usize);

impl BlockSize {
    /// The size of the blocks for so many endpoints.
    pub(super) fn of(total: usize) -> Self {
        Self(total.div_ceil(MAX_BLOCKS * COLUMNS * ROWS).max(1))
    }

    /// Endpoints of a block.
    pub(super) fn endpoints(&self) -> usize {
        self.0 * COLUMNS * ROWS
    }

    /// What a cell is.
    pub(super) fn cell(&self) -> String {
        match self.0 {
            1 => "each cell is one endpoint".to_owned(),
            several => format!("each cell is {several} endpoints"),
        }
    }
}

/// Consecutive endpoints.
pub(super) struct Block {
    /// The first and the last address.
    pub(super) ends: [String; 2],
    pub(super) good: usize,
    pub(super) total: usize,
    /// For each mark the outline of what has it, in a drawing where a cell is 1 wide and high.
    pub(super) paths: Vec<(SeatMark, String)>,
}

impl Block {
    pub(super) fn new(marks: &[SeatMark], size: &BlockSize, ends: [String; 2]) -> Self {
        let mut paths: BTreeMap<SeatMark, String> = BTreeMap::new();
        for (index, cell) in marks.chunks(size.0).enumerate() {
            let (x, y) = (index % COLUMNS, index / COLUMNS);
            let mut counts: BTreeMap<SeatMark, usize> = BTreeMap::new();
            for mark in cell {
                *counts.entry(*mark).or_default() += 1;
            }
            let mut top = y as f64;
            for (mark, count) in counts {
                let height = count as f64 / cell.len() as f64;
                let path = paths.entry(mark).or_default();
                // Writing to a string does not fail.
                let _ = write!(path, "M{x} {}h1v{}h-1z", short(top), short(height));
                top += height;
            }
        }
        Self {
            ends,
            good: marks.iter().filter(|mark| mark.is_good()).count(),
            total: marks.len(),
            paths: paths.into_iter().collect(),
        }
    }
}

/// A length to a hundredth of a cell.
fn short(length: f64) -> f64 {
    (100.0 * length).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::category::Category;

    #[test]
    fn block_has_a_cell_for_each_endpoint_or_for_several() {
        let [ok, silent] = [Category::Ok, Category::NoAnswer].map(SeatMark::Outcome);
        let ends = || ["a".to_owned(), "b".to_owned()];
        let block = Block::new(&[ok, silent, ok], &BlockSize::of(2000), ends());
        assert_eq!((block.good, block.total), (2, 3));
        assert_eq!(
            block.paths,
            [
                (ok, "M0 0h1v1h-1zM2 0h1v1h-1z".to_owned()),
                (silent, "M1 0h1v1h-1z".to_owned()),
            ]
        );
        let size = BlockSize::of(100_000);
        assert_eq!(
            (size.endpoints(), size.cell().as_str()),
            (850, "each cell is 17 endpoints")
        );
        let block = Block::new(&[ok, ok, silent, ok], &BlockSize(4), ends());
        assert_eq!(
            block.paths,
            [
                (ok, "M0 0h1v0.75h-1z".to_owned()),
                (silent, "M0 0.75h1v0.25h-1z".to_owned())
            ]
        );
    }
}

//! The leaves in which a group of answers, or a later run, differs.

use std::io;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use crate::report::{text::DifferenceText, wrap::LineWriter};

/// The widest column of paths.
const MAX_PATH: usize = 36;

/// Writes a line for each difference, its path in a column.
pub(super) fn write(
    differences: &[DifferenceText],
    indent: usize,
    page: &mut LineWriter<'_>,
) -> io::Result<()> {
    let widths = differences.iter().map(|difference| difference.path.width());
    let width = widths.max().unwrap_or(0).min(MAX_PATH);
    for DifferenceText {
        path,
        reference,
        value,
    } in differences
    {
        let gap = width.saturating_sub(path.width()) + 2;
        let label = format!("{:indent$}{path}{:gap$}", "", "");
        let text = format!("{reference} → {value}");
        page.wrap(Style::new(), &label, indent + 4, &text)?;
    }
    Ok(())
}

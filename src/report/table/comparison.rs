//! A comparison of answers for a terminal.

use std::io;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use crate::report::{
    format::plural,
    table::styles::{BAD, FAINT, GOOD, HEADING},
    text::{AnswersText, ComparisonText, DifferenceText, LeafText, ListLimits},
    wrap::LineWriter,
};

/// Groups listed of a section; longer lists are for the other formats.
const MAX_GROUPS: usize = 20;

/// Sections listed.
const MAX_SECTIONS: usize = 50;

const LIMITS: ListLimits = ListLimits {
    leaves: 4,
    differences: 20,
};

/// The widest column of paths.
const MAX_PATH: usize = 36;

pub(super) fn write(text: &ComparisonText<'_>, page: &mut LineWriter<'_>) -> io::Result<()> {
    let sections = &text.compared.comparison.sections;
    for section in text.sections().take(MAX_SECTIONS) {
        page.blank()?;
        if let Some(heading) = &section.heading {
            page.line(HEADING, heading)?;
        }
        let listed: Vec<_> = text.groups(&section, LIMITS).take(MAX_GROUPS).collect();
        let columns = GroupColumns::new(&listed);
        for group in &listed {
            columns.write(group, page)?;
        }
        if let Some(more) = section.omitted(MAX_GROUPS) {
            page.line(FAINT, &format!("  {more}"))?;
        }
    }
    match sections.len().saturating_sub(MAX_SECTIONS) {
        0 => Ok(()),
        more => {
            page.blank()?;
            page.line(FAINT, &format!("and {}", plural(more, "more section")))
        }
    }
}

/// The widths of the columns before the endpoints.
struct GroupColumns {
    count: usize,
    word: usize,
}

impl GroupColumns {
    fn new(groups: &[AnswersText]) -> Self {
        let width = |of: fn(&AnswersText) -> usize| groups.iter().map(of).max().unwrap_or(0);
        Self {
            count: width(|group| group.count.to_string().len()),
            word: width(|group| group.word.width()),
        }
    }

    fn write(&self, group: &AnswersText, page: &mut LineWriter<'_>) -> io::Result<()> {
        // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
        let AnswersText {
            number: _,
            count,
            word,
            is_good,
            endpoints,
            leaves,
            more_leaves,
            differences,
            more_differences,
        } = group;
        let (width, gap) = (self.count, self.word - word.width() + 2);
        let style = if *is_good { GOOD } else { BAD };
        let label = format!("  {count:>width$} {word}{:gap$}", "");
        let indent = label.width();
        page.wrap(style, &label, indent, endpoints)?;
        let mut items: Vec<_> = leaves
            .iter()
            .map(|LeafText { path, value }| format!("{path} {value}"))
            .collect();
        items.extend(more_leaves.clone());
        page.items(indent, &items)?;
        let path_width = differences.iter().map(|difference| difference.path.width());
        let path_width = path_width.max().unwrap_or(0).min(MAX_PATH);
        for difference in differences {
            let DifferenceText {
                path,
                reference,
                value,
            } = difference;
            let gap = path_width.saturating_sub(path.width()) + 2;
            let label = format!("{:indent$}{path}{:gap$}", "", "");
            let text = format!("{reference} → {value}");
            page.wrap(Style::new(), &label, indent + 4, &text)?;
        }
        match more_differences {
            Some(more) => page.wrap(FAINT, &format!("{:indent$}{more}", ""), indent, ""),
            None => Ok(()),
        }
    }
}

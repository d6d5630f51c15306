//! A comparison of answers for a terminal.

use std::io;

use unicode_width::UnicodeWidthStr as _;

use crate::report::{
    comparison::ComparedAnswers,
    format::plural,
    table::{
        differences,
        styles::{BAD, FAINT, GOOD, HEADING},
    },
    text::{AnswersText, ComparisonText, LeafText, ListLimits},
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

pub(super) fn write(text: &ComparisonText<'_>, page: &mut LineWriter<'_>) -> io::Result<()> {
    // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
    let ComparedAnswers {
        method: _,
        options: _,
        hosts: _,
        comparison,
        reference: _,
        group_of: _,
        distinct: _,
    } = text.compared;
    let sections = &comparison.sections;
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
        differences::write(differences, indent, page)?;
        match more_differences {
            Some(more) => page.wrap(FAINT, &format!("{:indent$}{more}", ""), indent, ""),
            None => Ok(()),
        }
    }
}

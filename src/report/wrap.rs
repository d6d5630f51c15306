//! Text broken at spaces into the lines of a terminal.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The output, and the width of its lines.
pub struct LineWriter<'a> {
    pub(super) out: &'a mut dyn Write,
    width: usize,
}

impl<'a> LineWriter<'a> {
    /// A writer of lines of at most this width.
    pub fn new(width: Option<usize>, out: &'a mut dyn Write) -> Self {
        Self {
            out,
            width: width.unwrap_or(usize::MAX).max(20),
        }
    }

    /// Writes one text.
    ///
    /// # Errors
    /// That of the output.
    pub fn line(&mut self, style: Style, text: &str) -> io::Result<()> {
        self.wrap(style, "", 0, text)
    }

    /// Writes `label` in `style` and then `text`, broken at spaces; further lines begin at `indent`.
    ///
    /// A word that is wider than a line is cut where the line ends: Chinese has no spaces, and a peer's text may have
    /// none.
    ///
    /// # Errors
    /// That of the output.
    pub fn wrap(&mut self, style: Style, label: &str, indent: usize, text: &str) -> io::Result<()> {
        let (label_style, text_style) = if label.is_empty() {
            (Style::new(), style)
        } else {
            (style, Style::new())
        };
        // Columns used, the spaces owed to what was written last, and whether that was anything.
        let (mut used, mut gap, mut written) = (0, 0, false);
        for (style, part) in [(label_style, label), (text_style, text)] {
            write!(self.out, "{style}")?;
            for word in part.split_inclusive(' ') {
                let (word, after) = match word.strip_suffix(' ') {
                    Some(word) => (word, 1),
                    None => (word, 0),
                };
                if !word.is_empty() {
                    if written && used + gap + word.width() > self.width {
                        self.break_line(style, indent)?;
                        (used, gap) = (indent, 0);
                    }
                    write!(self.out, "{:gap$}", "")?;
                    used += gap;
                    gap = 0;
                    for c in word.chars() {
                        let width = c.width().unwrap_or(0);
                        if used + width > self.width {
                            self.break_line(style, indent)?;
                            used = indent;
                        }
                        write!(self.out, "{c}")?;
                        used += width;
                    }
                    written = true;
                }
                gap += after;
            }
            write!(self.out, "{style:#}")?;
        }
        writeln!(self.out)
    }

    /// Writes items three spaces apart, as many to a line as fit, each line behind `indent` columns.
    pub(super) fn items(&mut self, indent: usize, items: &[String]) -> io::Result<()> {
        let mut line = String::new();
        for item in items {
            if !line.is_empty() && indent + line.width() + 3 + item.width() > self.width {
                self.indented(indent, &line)?;
                line.clear();
            }
            if !line.is_empty() {
                line.push_str("   ");
            }
            line.push_str(item);
        }
        match &*line {
            "" => Ok(()),
            line => self.indented(indent, line),
        }
    }

    fn indented(&mut self, indent: usize, text: &str) -> io::Result<()> {
        self.wrap(Style::new(), &" ".repeat(indent), indent, text)
    }

    /// Ends a line in the middle of a text. A pager forgets the colour there.
    fn break_line(&mut self, style: Style, indent: usize) -> io::Result<()> {
        write!(self.out, "{style:#}\n{:indent$}{style}", "")
    }

    /// Writes an empty line.
    ///
    /// # Errors
    /// That of the output.
    pub fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }
}

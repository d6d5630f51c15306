//! The lines of a stream, one at a time, through a buffer that never grows.
//!
//! Of a line longer than [`MAX_LINE`] only the beginning is returned.

use std::io::{self, Read};

/// The longest line that is read, in bytes; a row of any file is far below.
pub const MAX_LINE: usize = 64 * 1024;

/// Line ends within one CSV record. A file with an open quote in every row costs this many lines of reading a row.
const MAX_RECORD_LINES: u64 = 100;

/// One line, or one CSV record over several.
pub(crate) struct Line<'a> {
    /// The number of its first line, from 1.
    pub(crate) number: u64,
    /// What it holds, without the line end; of a broken one the beginning.
    pub(crate) bytes: &'a [u8],
    /// Why it is not whole.
    pub(crate) broken: Option<Broken>,
    /// Whether a line end follows, so that nothing can be missing.
    pub(crate) has_end: bool,
}

impl Line<'_> {
    /// Whether it has only white space.
    #[inline]
    pub(crate) fn is_blank(&self) -> bool {
        self.broken.is_none() && self.bytes.trim_ascii().is_empty()
    }
}

/// Why a line is not whole.
pub(crate) enum Broken {
    /// It is longer than [`MAX_LINE`].
    TooLong,
    /// A quoted cell is open at the end of the file, or [`MAX_LINE`] or [`MAX_RECORD_LINES`] after the record's
    /// beginning.
    Open,
}

/// The lines of a file, read through one buffer that never grows.
pub(crate) struct Lines<R, P> {
    input: R,
    progress: P,
    /// The longest line that is read, [`MAX_LINE`] unless it is changed. The buffer grows with a longer one.
    pub(crate) max_line: usize,
    buffer: Vec<u8>,
    /// The bytes that were read and not yet returned.
    start: usize,
    end: usize,
    at_end: bool,
    /// The number of the line that `start` is on.
    number: u64,
    /// Whether `start` is within a line that was too long and is to be skipped.
    skip: bool,
}

impl<R: Read, P: FnMut(u64)> Lines<R, P> {
    /// Large enough that reading costs few system calls, small enough to stay in the cache.
    const BUFFER: usize = 4 * MAX_LINE;

    pub(crate) fn new(input: R, progress: P) -> Self {
        Self {
            input,
            progress,
            max_line: MAX_LINE,
            buffer: vec![0; Self::BUFFER],
            start: 0,
            end: 0,
            at_end: false,
            number: 1,
            skip: false,
        }
    }

    /// Takes the next line; with `quoted`, a line end within a quoted cell does not end it.
    pub(crate) fn next(&mut self, quoted: bool) -> io::Result<Option<Line<'_>>> {
        self.skip_line()?;
        // Bytes searched, where the last of the lines among them began, their number, and whether a cell is open.
        let (mut seen, mut last, mut more, mut open) = (0, 0, 0, false);
        let (length, end, broken) = loop {
            let text = &self.buffer[self.start..self.end];
            let end = memchr::memchr(b'\n', &text[seen..]);
            seen = end.map_or(text.len(), |end| seen + end);
            if seen > self.max_line {
                break (
                    self.max_line,
                    0,
                    Some(if open { Broken::Open } else { Broken::TooLong }),
                );
            }
            if end.is_some() || self.at_end {
                open = quoted && is_open(&text[last..seen], open);
                match (end, open) {
                    (None, _) if text.is_empty() => return Ok(None),
                    (_, false) => break (seen, seen + usize::from(end.is_some()), None),
                    (None, true) => break (seen, 0, Some(Broken::Open)),
                    (Some(_), true) if more == MAX_RECORD_LINES => {
                        break (seen, 0, Some(Broken::Open));
                    }
                    (Some(_), true) => {
                        seen += 1;
                        last = seen;
                        more += 1;
                    }
                }
            } else {
                self.fill()?;
            }
        };
        let (number, start) = (self.number, self.start);
        if broken.is_some() {
            // Only the first line of an unclosed record is skipped; its other lines are read as rows.
            self.skip = true;
        } else {
            self.start = (start + end).min(self.end);
            self.number += 1 + more;
        }
        let mut bytes = &self.buffer[start..start + length];
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        Ok(Some(Line {
            number,
            bytes,
            has_end: broken.is_some() || end > length,
            broken,
        }))
    }

    /// Skips the line at `start` if `skip` is set, whatever its length.
    fn skip_line(&mut self) -> io::Result<()> {
        while self.skip {
            let text = &self.buffer[self.start..self.end];
            match memchr::memchr(b'\n', text) {
                Some(end) => {
                    self.start += end + 1;
                    self.number += 1;
                    self.skip = false;
                }
                None => {
                    self.start = self.end;
                    self.skip = !self.at_end;
                    if self.skip {
                        self.fill()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads once, after the bytes that are there.
    fn fill(&mut self) -> io::Result<()> {
        if self.end + MAX_LINE > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end + MAX_LINE > self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        let count = loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.at_end = count == 0;
        self.end += count;
        (self.progress)(count as u64);
        Ok(())
    }
}

/// Whether a quoted cell is open at the end of a line, if one was at its start or not.
fn is_open(line: &[u8], mut open: bool) -> bool {
    if !open && memchr::memchr(b'"', line).is_none() {
        return false;
    }
    let (mut cell_start, mut quoted) = (!open, open);
    for b in line {
        match b {
            // Within a quoted cell a doubled quote closes and opens again.
            b'"' if cell_start || quoted => (open, quoted) = (!open, true),
            b',' if !open => quoted = false,
            _ => {}
        }
        cell_start = *b == b',' && !open;
    }
    open
}

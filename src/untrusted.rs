//! Text that somebody else wrote: a peer's message, a cell of a file, a word on the command line.
//!
//! [`Untrusted`] gives its text to nobody. Its [`Display`](fmt::Display) is the sanitiser and the only way
//! out, so no renderer can forget it. What a format must escape beyond that (quotes and formulas in CSV,
//! markup in HTML) that format's renderer escapes in every cell, whoever wrote it.

use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer};

/// An excerpt of text from an untrusted source, printable only in sanitised form.
///
/// ```
/// use labrpc::untrusted::Untrusted;
///
/// let banner = Untrusted::new("\x1b[2Jhello");
/// assert_eq!(banner.to_string(), r"\u{1b}[2Jhello");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Untrusted {
    excerpt: Box<str>,
    /// Length in bytes of the whole text; larger than the excerpt's where it was cut.
    len: usize,
}

impl Untrusted {
    /// Characters kept of a text: enough to recognise it, too few to flood a terminal or a report.
    pub const MAX_CHARS: usize = 80;

    /// Takes an excerpt of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let end = text
            .char_indices()
            .nth(Self::MAX_CHARS)
            .map_or(text.len(), |(end, _)| end);
        Self {
            excerpt: text[..end].into(),
            len: text.len(),
        }
    }

    /// Takes an excerpt of bytes that should have been UTF-8; what is not becomes U+FFFD.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // A character has at most four bytes: what lies behind these cannot be in the excerpt.
        let head = &bytes[..bytes.len().min(4 * (Self::MAX_CHARS + 1))];
        Self {
            len: bytes.len(),
            ..Self::new(&String::from_utf8_lossy(head))
        }
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.excerpt.chars() {
            if is_printable(c) {
                f.write_char(c)?;
            } else {
                write!(f, "{}", c.escape_unicode())?;
            }
        }
        if self.excerpt.len() < self.len {
            write!(f, "… ({} bytes)", self.len)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({self})")
    }
}

impl Serialize for Untrusted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether a character is safe on any terminal and in any direction of writing.
///
/// Refused are the control characters (C0, DEL, C1), line and paragraph separators, and the characters of
/// Unicode's general category Cf that turn, join or hide text (bidi controls after UAX #9, zero-width
/// characters, tags, the byte order mark), which are how a harmless-looking id can show as another one.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_or_format_character_survives() {
        for c in (0..=0x11_ffff).filter_map(char::from_u32) {
            let shown = Untrusted::new(&c.to_string()).to_string();
            assert!(
                shown.chars().all(is_printable),
                "U+{:04X} was shown as {shown:?}",
                u32::from(c)
            );
        }
        assert_eq!(Untrusted::new("\u{202e}abc").to_string(), r"\u{202e}abc");
        assert_eq!(
            Untrusted::new("\x07\u{9b}31m").to_string(),
            r"\u{7}\u{9b}31m"
        );
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        let text = "体".repeat(100);
        let shown = format!("{}… (300 bytes)", "体".repeat(80));
        assert_eq!(Untrusted::new(&text).to_string(), shown);
        assert_eq!(Untrusted::from_bytes(text.as_bytes()).to_string(), shown);
        assert_eq!(Untrusted::new("80").to_string(), "80");
    }

    #[test]
    fn bytes_that_are_not_text_are_marked() {
        assert_eq!(
            Untrusted::from_bytes(b"a\xff\x00").to_string(),
            "a\u{fffd}\\u{0}"
        );
    }
}

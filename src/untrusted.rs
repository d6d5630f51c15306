//! Untrusted text: a peer's message, a cell of a file, a word on the command line.
//!
//! [`Untrusted`] does not give access to its text. Its [`Display`](fmt::Display) sanitises it and is the only way to
//! print it, so no renderer can forget to. What a format must escape beyond that (quotes and formulas in CSV, markup in
//! HTML) its renderer escapes in every cell, whatever the source.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    num::NonZeroUsize,
};

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
    /// Length in bytes of the whole text if it is longer than the excerpt.
    cut: Option<NonZeroUsize>,
}

impl Untrusted {
    /// Characters kept: enough for the whole of most messages, too few to flood a terminal or a report.
    pub const MAX_CHARS: usize = 200;

    /// Takes an excerpt of `text`. It ends with a whole word where one ends near.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let end_of = |count| text.char_indices().nth(count).map(|(end, _)| end);
        let end = end_of(Self::MAX_CHARS).map_or(text.len(), |end| {
            let near = end_of(Self::MAX_CHARS - Self::MAX_WORD).unwrap_or_default();
            text[near..end].rfind(' ').map_or(end, |space| near + space)
        });
        Self {
            excerpt: text[..end].into(),
            cut: NonZeroUsize::new(text.len()).filter(|len| end < len.get()),
        }
    }

    /// Takes the whole of a text, such as one that was printed by [`Untrusted`] before.
    pub(crate) fn whole(text: &str) -> Self {
        Self {
            excerpt: text.into(),
            cut: None,
        }
    }

    /// The longest word that is left out as a whole instead of being cut.
    const MAX_WORD: usize = 20;

    /// Takes an excerpt of the first line of bytes that is not empty.
    #[must_use]
    pub fn first_line(bytes: &[u8]) -> Self {
        let text = bytes.trim_ascii_start();
        let end = text.iter().position(|byte| b"\r\n".contains(byte));
        Self::from_bytes(text[..end.unwrap_or(text.len())].trim_ascii_end())
    }

    /// Takes an excerpt of bytes that should be UTF-8; invalid ones become U+FFFD.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // A character has four bytes at most, so later ones cannot be in the excerpt.
        let head = &bytes[..bytes.len().min(4 * (Self::MAX_CHARS + 1))];
        let Self { excerpt, cut } = Self::new(&String::from_utf8_lossy(head));
        Self {
            excerpt,
            cut: cut.and(NonZeroUsize::new(bytes.len())),
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
        self.cut.map_or(Ok(()), |len| write!(f, "… ({len} bytes)"))
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
/// Not safe are the control characters (C0, DEL, C1), line and paragraph separators, and the characters of Unicode's
/// general category Cf that reorder, join or hide text (bidi controls of UAX #9, zero-width characters, tags, the byte
/// order mark): with them one id can look like another.
pub(crate) fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The whole of a text, with the other characters escaped.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::new();
    for c in text.chars() {
        match is_printable(c) {
            true => escaped.push(c),
            false => escaped.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Terminals execute the first ones, and hide or reorder text at the others. Of each range the two ends.
    #[test]
    fn no_control_or_format_character_survives() {
        const BAD: [u32; 38] = [
            0x00, 0x07, 0x08, 0x0a, 0x0d, 0x1b, 0x1f, 0x7f, 0x80, 0x9b, 0x9f, 0xad, 0x61c, 0x180e,
            0x200b, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069,
            0x206f, 0xfe00, 0xfe0f, 0xfeff, 0xfff9, 0xfffb, 0x1d173, 0x1d17a, 0xe0001, 0xe0020,
            0xe007f, 0xe0100, 0xe01ef,
        ];
        for c in BAD.map(|code| char::from_u32(code).unwrap()) {
            let shown = Untrusted::new(&c.to_string()).to_string();
            assert_eq!(shown, format!("\\u{{{:x}}}", u32::from(c)));
        }
        for c in ['a', 'é', '体', 'ё', 'א', '😀', '\u{301}'] {
            assert_eq!(Untrusted::new(&c.to_string()).to_string(), c.to_string());
        }
        assert_eq!(Untrusted::new("\u{202e}abc").to_string(), r"\u{202e}abc");
        assert_eq!(
            Untrusted::new("\x07\u{9b}31m").to_string(),
            r"\u{7}\u{9b}31m"
        );
    }

    #[test]
    fn long_text_is_truncated_at_a_character_with_its_length() {
        let text = "体".repeat(300);
        let shown = format!("{}… (900 bytes)", "体".repeat(200));
        assert_eq!(Untrusted::new(&text).to_string(), shown);
        assert_eq!(Untrusted::from_bytes(text.as_bytes()).to_string(), shown);
        assert_eq!(Untrusted::new("80").to_string(), "80");
        // U+FFFD is longer than the byte that it replaces.
        let shown = format!("{}… (300 bytes)", "\u{fffd}".repeat(200));
        assert_eq!(Untrusted::from_bytes(&[0xff; 300]).to_string(), shown);
        let text = format!("{} last-word", "x".repeat(195));
        let shown = format!("{}… (205 bytes)", "x".repeat(195));
        assert_eq!(Untrusted::new(&text).to_string(), shown);
    }

    #[test]
    fn invalid_utf8_is_replaced_and_marked() {
        assert_eq!(
            Untrusted::from_bytes(b"a\xff\x00").to_string(),
            "a\u{fffd}\\u{0}"
        );
    }
}

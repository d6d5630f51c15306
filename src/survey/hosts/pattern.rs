//! Text with number sets in it: `lab[01-40].example`, `192.168.1.[3,7,12]:1024`, `10.0.0-3.1-20`.
//!
//! A pattern is made of literal pieces and of sets. An expansion is assembled as text and then read like any other
//! address, so a set may stand wherever digits may: in a name, in an octet, in a port.

use std::{borrow::Cow, fmt::Write as _};

use crate::survey::{
    endpoint::Address,
    hosts::{
        parse::{is_range_byte, number},
        problem::Problem,
    },
};

#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Literal(String),
    Set(Vec<Range>),
}

/// A number and the digits that it is printed with at least.
type Digits = (u64, usize);

/// Numbers from `start` to `end`, printed with at least `width` digits.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: u64,
    end: u64,
    width: usize,
}

impl Range {
    /// The digits of the largest number; no host name can contain more.
    const MAX_DIGITS: usize = 20;

    fn parse(text: &str) -> Result<Self, Problem> {
        let (start, end) = text.split_once('-').unwrap_or((text, text));
        let (start, end) = (start.trim(), end.trim());
        if start.len().max(end.len()) > Self::MAX_DIGITS {
            return Err(Problem::Set);
        }
        // `01-40` counts 01, 02, …; `1-40` does not pad.
        let width = match start.starts_with('0') {
            true => start.len(),
            false => 1,
        };
        let start = number(start).ok_or(Problem::Set)?;
        let end = number(end).ok_or(Problem::Set)?;
        if start > end {
            return Err(Problem::Backwards { start, end });
        }
        Ok(Self { start, end, width })
    }

    fn len(self) -> u128 {
        u128::from(self.end - self.start) + 1
    }

    /// The smallest and the largest number, each with the width.
    fn ends(&self) -> [Digits; 2] {
        [(self.start, self.width), (self.end, self.width)]
    }
}

impl Pattern {
    /// Parses an address without its scheme; `None` for a text without sets.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, Problem> {
        let start = text.find(['@', '+']).map_or(0, |at| at + 1);
        let inside = text[start..]
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'));
        let (literal, rest) = match inside {
            // Brackets around an IPv6 address contain colons, those around a set never do.
            Some((v6, _)) if v6.contains(':') => text.split_at(start + v6.len() + 2),
            _ => ("", text),
        };
        let mut pieces = vec![Piece::Literal(literal.to_owned())];
        split_sets(&with_brackets(rest)?, &mut pieces)?;
        let pattern = Self(pieces);
        if pattern.sets().next().is_none() {
            return Ok(None);
        }
        pattern.check_corners()?;
        Ok(Some(pattern))
    }

    fn sets(&self) -> impl DoubleEndedIterator<Item = &[Range]> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Set(ranges) => Some(ranges.as_slice()),
        })
    }

    /// The number of expansions, saturating.
    pub(super) fn len(&self) -> u128 {
        let size = |ranges: &[Range]| {
            let lengths = ranges.iter().map(|range| range.len());
            lengths.fold(0, u128::saturating_add)
        };
        self.sets().map(size).fold(1, u128::saturating_mul)
    }

    /// The expansion at an offset below [`Self::len`]; the last set counts fastest.
    pub(super) fn expand(&self, offset: u128) -> String {
        let mut rest = offset;
        let mut numbers = Vec::new();
        for ranges in self.sets().rev() {
            let len: u128 = ranges.iter().map(|range| range.len()).sum();
            let mut within = rest % len;
            rest /= len;
            for range in ranges {
                if within < range.len() {
                    numbers.push((range.start + within as u64, range.width));
                    break;
                }
                within -= range.len();
            }
        }
        numbers.reverse();
        self.with_numbers(&numbers)
    }

    /// The text with a number and its width for each set.
    fn with_numbers(&self, numbers: &[Digits]) -> String {
        let mut numbers = numbers.iter();
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Set(_) => {
                    if let Some((number, width)) = numbers.next() {
                        let _ = write!(text, "{number:0width$}");
                    }
                }
            }
        }
        text
    }

    /// Parses the expansions at the ends of every range, with all other sets at their lowest and at their highest.
    /// From one end of a range to the other a number and the count of its digits only grow, so what is valid at both
    /// ends is valid between them.
    fn check_corners(&self) -> Result<(), Problem> {
        let ends = |ranges: &[Range]| ranges.iter().flat_map(Range::ends).collect();
        let all: Vec<Vec<Digits>> = self.sets().map(ends).collect();
        let lowest: fn(&Vec<Digits>) -> Option<Digits> = |ends| ends.first().copied();
        let highest: fn(&Vec<Digits>) -> Option<Digits> =
            |ends| ends.iter().copied().max_by_key(|end| end.0);
        let extremes: [Vec<_>; 2] =
            [lowest, highest].map(|extreme| all.iter().filter_map(extreme).collect());
        for (set, ends) in all.iter().enumerate() {
            for end in ends {
                for others in &extremes {
                    let mut numbers = others.clone();
                    numbers[set] = *end;
                    self.with_numbers(&numbers).parse::<Address>()?;
                }
            }
        }
        Ok(())
    }
}

/// Splits a text at its bracketed sets.
fn split_sets(text: &str, pieces: &mut Vec<Piece>) -> Result<(), Problem> {
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('[') {
        let (set, tail) = after.split_once(']').ok_or(Problem::Set)?;
        if literal.contains(']') {
            return Err(Problem::Set);
        }
        let ranges = set.split(',').map(Range::parse);
        pieces.push(Piece::Literal(literal.to_owned()));
        pieces.push(Piece::Set(ranges.collect::<Result<_, _>>()?));
        rest = tail;
    }
    if rest.contains(']') {
        return Err(Problem::Set);
    }
    pieces.push(Piece::Literal(rest.to_owned()));
    Ok(())
}

/// Puts brackets around the ranges in an IPv4 address, of octets or of whole addresses: `10.0.0-3.1-20` becomes
/// `10.0.[0-3].[1-20]`, and `10.0.0.1-10.0.0.40` becomes `10.0.0.[1-40]`. Other texts are returned as they are.
fn with_brackets(text: &str) -> Result<Cow<'_, str>, Problem> {
    let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
    if !host.contains('-') || !host.bytes().all(is_range_byte) {
        return Ok(Cow::Borrowed(text));
    }
    let mut host = Cow::Borrowed(host);
    if let Some((start, end)) = host.split_once('-')
        && end.matches('.').count() == 3
    {
        // Both ends written out must be equal but for the last octet.
        match (start.rsplit_once('.'), end.rsplit_once('.')) {
            (Some((shared, _)), Some((net, last))) if net == shared => {
                host = Cow::Owned(format!("{start}-{last}"));
            }
            _ => return Err(Problem::Ipv4),
        }
    }
    let octet = |octet: &str| match octet.contains('-').then(|| Range::parse(octet)) {
        None => Ok(octet.to_owned()),
        Some(Ok(_)) => Ok(format!("[{octet}]")),
        Some(Err(Problem::Set)) => Err(Problem::Ipv4),
        Some(Err(problem)) => Err(problem),
    };
    let octets: Vec<_> = host.split('.').map(octet).collect::<Result<_, _>>()?;
    Ok(Cow::Owned(octets.join(".") + port))
}

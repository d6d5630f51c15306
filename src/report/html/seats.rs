//! The room as a map: every endpoint in the order of the addresses, with the category of its outcome.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use crate::{
    report::{
        category::{Category, category},
        model::Survey,
    },
    survey::{
        endpoint::{Address, DEFAULT_PORT, Endpoint},
        outcome::OutcomeKind,
    },
    untrusted::Untrusted,
};

/// Seats drawn one by one; more become blocks of consecutive addresses.
const MAX_SEATS: usize = 1000;

/// Blocks of a larger map.
const BLOCKS: usize = 240;

/// The map.
pub(super) struct SeatMap {
    pub(super) seats: Vec<Seat>,
    /// Instead of seats where there are too many.
    pub(super) blocks: Vec<Block>,
    pub(super) total: usize,
    /// The port that all of them have, where it is not written at each.
    pub(super) port: Option<u16>,
    pub(super) words: SeatWords,
}

/// The words of a map.
pub(super) struct SeatWords {
    pub(super) title: &'static str,
    /// What one endpoint is called.
    pub(super) seat: &'static str,
    /// What it is called when it is as it should be.
    pub(super) good: &'static str,
}

/// One endpoint.
pub(super) struct Seat {
    /// Its line in the host list, from 1.
    pub(super) line: usize,
    /// The address before its last number, that number, and what follows.
    pub(super) address: [String; 3],
    pub(super) look: SeatLook,
}

/// What a seat shows beside its address.
pub(super) struct SeatLook {
    pub(super) mark: SeatMark,
    pub(super) word: String,
    pub(super) name: Option<String>,
    pub(super) build: Option<Vec<String>>,
    /// Whether it belongs to a most alike pair.
    pub(super) alike: bool,
}

impl SeatLook {
    /// A seat without an answer to show.
    pub(super) fn of_outcome(outcome: OutcomeKind) -> Self {
        let (category, word) = category(outcome);
        Self {
            mark: SeatMark::Outcome(category),
            word: word.to_owned(),
            name: None,
            build: None,
            alike: false,
        }
    }
}

/// A colour and a shape, in the order of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SeatMark {
    /// A group of equal answers, by its place in [`GROUPS`].
    Answer(usize),
    /// The category of an outcome.
    Outcome(Category),
}

/// The class and the shape of each group; the first is as it should be.
const GROUPS: [(&str, &str); 8] = [
    ("g1", "m-M"),
    ("g2", "m-XXL"),
    ("g3", "m-L"),
    ("g4", "m-XL"),
    ("g5", "m-S"),
    ("g6", "m-XXXL"),
    ("g7", "m-XXS"),
    ("g8", "m-XS"),
];

impl SeatMark {
    /// The mark of a group by its number; the first mark is for those that are as they should be. Marks repeat, and
    /// the number is always written beside them.
    pub(super) fn of_group(number: usize, is_good: bool) -> Self {
        Self::Answer(match is_good {
            true => 0,
            false => 1 + number.saturating_sub(2) % (GROUPS.len() - 1),
        })
    }

    /// Whether it is the mark of an endpoint as it should be.
    fn is_good(self) -> bool {
        matches!(self, Self::Answer(0) | Self::Outcome(Category::Ok))
    }

    /// Its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Answer(place) => GROUPS[place].0,
            Self::Outcome(category) => category.name(),
        }
    }

    /// The id of its shape.
    pub(super) fn icon(self) -> String {
        match self {
            Self::Answer(place) => GROUPS[place].1.to_owned(),
            Self::Outcome(category) => format!("i-{category}"),
        }
    }
}

/// Consecutive endpoints.
pub(super) struct Block {
    pub(super) first: String,
    pub(super) last: String,
    pub(super) good: usize,
    pub(super) total: usize,
    /// Mark, start and width of each part of a bar that is 100 wide.
    pub(super) parts: Vec<(SeatMark, String, String)>,
}

impl SeatMap {
    /// A map of the endpoints, each as `look` shows it; `mark` is its mark alone.
    pub(super) fn new(
        survey: &Survey,
        words: SeatWords,
        mark: impl Fn(usize) -> SeatMark,
        look: impl Fn(usize) -> SeatLook,
    ) -> Self {
        let Survey { hosts, answers } = survey;
        let mut places: Vec<(Place, usize)> = (0..answers.len())
            // A duplicate line is drawn at its first occurrence only.
            .filter(|&index| hosts.duplicate_of(index).is_none())
            .map(|index| (Place::from(hosts.get(index)), index))
            .collect();
        places.sort_unstable();
        let (total, port) = (places.len(), common_port(&places));
        let (mut seats, mut blocks) = (Vec::new(), Vec::new());
        if total > MAX_SEATS {
            let label = |(place, _): &(Place, usize)| place.label(port).concat();
            blocks.extend(places.chunks(total.div_ceil(BLOCKS)).map(|block| {
                Block::new(
                    block.iter().map(|(_, index)| mark(*index)),
                    label(&block[0]),
                    label(&block[block.len() - 1]),
                )
            }));
        } else {
            seats.extend(places.iter().map(|(place, index)| Seat {
                line: index + 1,
                address: place.label(port),
                look: look(*index),
            }));
        }
        Self {
            seats,
            blocks,
            total,
            port,
            words,
        }
    }
}

impl Block {
    fn new(marks: impl Iterator<Item = SeatMark>, first: String, last: String) -> Self {
        let mut counts = BTreeMap::new();
        for mark in marks {
            *counts.entry(mark).or_insert(0) += 1;
        }
        let total = counts.values().sum();
        let scaled = |count: usize| format!("{:.2}", 100.0 * count as f64 / total as f64);
        let (mut parts, mut good, mut before) = (Vec::new(), 0, 0);
        for (mark, count) in counts {
            parts.push((mark, scaled(before), scaled(count)));
            before += count;
            if mark.is_good() {
                good += count;
            }
        }
        Self {
            first,
            last,
            good,
            total,
            parts,
        }
    }
}

/// An endpoint, ordered by the numbers in its address and not by their text.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Ip(IpAddr, u16, bool),
    /// A name as texts and the numbers after them.
    Name(Vec<(String, u64)>, String, u16, bool),
    Unix(PathBuf),
}

impl From<Endpoint> for Place {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint.address {
            Address::Ip(ip, port) => Self::Ip(ip, port, endpoint.raw),
            Address::Unix(path) => Self::Unix(path),
            address => {
                let text = address.to_string();
                let port = address.port().unwrap_or_default();
                let name = text.strip_suffix(&format!(":{port}")).unwrap_or(&text);
                Self::Name(natural(name), name.to_owned(), port, endpoint.raw)
            }
        }
    }
}

impl Place {
    fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(_, port, _) | Self::Name(_, _, port, _) => Some(*port),
            Self::Unix(_) => None,
        }
    }

    /// The text before the number that differs between neighbours, that number, and the rest.
    fn label(&self, common_port: Option<u16>) -> [String; 3] {
        let (host, port, raw) = match self {
            Self::Ip(IpAddr::V4(ip), port, raw) => (ip.to_string(), port, raw),
            Self::Ip(IpAddr::V6(ip), port, raw) => (format!("[{ip}]"), port, raw),
            Self::Name(_, name, port, raw) => (name.clone(), port, raw),
            Self::Unix(path) => {
                let path = Untrusted::new(&path.to_string_lossy()).to_string();
                return ["unix:".to_owned(), path, String::new()];
            }
        };
        let port = match Some(*port) == common_port {
            true => String::new(),
            false => format!(":{port}"),
        };
        let scheme = if *raw { "raw://" } else { "" };
        // The number nearest to the end of a name's first label, or of an IPv4 address.
        let end = match self {
            Self::Name(..) if !host.contains('@') => host.find('.').unwrap_or(host.len()),
            _ => host.len(),
        };
        let digits = host[..end].trim_end_matches(|c: char| !c.is_ascii_digit());
        let start = digits.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let v6 = host.ends_with(']');
        if v6 || start == digits.len() {
            return [scheme.to_owned(), host, port];
        }
        [
            format!("{scheme}{}", &host[..start]),
            host[start..digits.len()].to_owned(),
            format!("{}{port}", &host[digits.len()..]),
        ]
    }
}

/// The port that need not be written: the one that all have, or else the default.
fn common_port(places: &[(Place, usize)]) -> Option<u16> {
    let first = places.first().and_then(|(place, _)| place.port())?;
    let all = places.iter().all(|(place, _)| place.port() == Some(first));
    Some(if all { first } else { DEFAULT_PORT })
}

fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (text, after) = rest.split_at(digit);
        let end = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        parts.push((text.to_owned(), after[..end].parse().unwrap_or(u64::MAX)));
        rest = &after[end..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::hosts::Builder;

    fn places(text: &str) -> Vec<(Place, usize)> {
        let mut builder = Builder::default();
        builder.argument(text);
        let hosts = builder.build().unwrap();
        let mut places: Vec<_> = hosts.iter().map(Place::from).zip(0..).collect();
        places.sort_unstable();
        places
    }

    fn labels(text: &str) -> Vec<String> {
        let places = places(text);
        let port = common_port(&places);
        let label = |(place, _): &(Place, usize)| place.label(port).join("|");
        places.iter().map(label).collect()
    }

    #[test]
    fn seats_are_sorted_by_number() {
        assert_eq!(
            labels("10.0.0.10,10.0.0.9,lab10.example,lab9.example,unix:/run/a.sock,[2001:db8::1]"),
            [
                "10.0.0.|9|",
                "10.0.0.|10|",
                "|[2001:db8::1]|",
                "lab|9|.example",
                "lab|10|.example",
                "unix:|/run/a.sock|",
            ]
        );
        assert_eq!(
            labels("svc1.x@10.0.0.10,svc1.x@10.0.0.9,svc1.x@[::1],dns+svc2.x"),
            [
                "dns+svc|2|.x",
                "svc1.x@10.0.0.|9|",
                "svc1.x@10.0.0.|10|",
                "|svc1.x@[::1]|",
            ]
        );
    }

    #[test]
    fn port_is_shown_only_where_ports_differ() {
        assert_eq!(
            labels("10.0.0.1:2048,10.0.0.2:2048"),
            ["10.0.0.|1|", "10.0.0.|2|"]
        );
        assert_eq!(
            labels("127.0.0.1:1024,127.0.0.1:1025"),
            ["127.0.0.|1|", "127.0.0.|1|:1025"]
        );
    }

    #[test]
    fn block_counts_its_seats_by_mark() {
        let categories = [
            Category::Ok,
            Category::Unreachable,
            Category::Ok,
            Category::NoAnswer,
        ];
        let block = Block::new(
            categories.into_iter().map(SeatMark::Outcome),
            "a".into(),
            "b".into(),
        );
        assert_eq!((block.good, block.total), (2, 4));
        let part = |category, from: &str, width: &str| {
            (
                SeatMark::Outcome(category),
                from.to_owned(),
                width.to_owned(),
            )
        };
        assert_eq!(
            block.parts,
            [
                part(Category::Ok, "0.00", "50.00"),
                part(Category::NoAnswer, "50.00", "25.00"),
                part(Category::Unreachable, "75.00", "25.00"),
            ]
        );
    }
}

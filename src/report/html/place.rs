//! The address of an endpoint as a place in the room: how it is ordered, and what of it need not be written.

use std::{collections::HashMap, hash::Hash, net::IpAddr, path::PathBuf};

use crate::{
    survey::endpoint::{Address, Endpoint},
    untrusted::Untrusted,
};

/// An endpoint, ordered by the numbers in its address and not by their text.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
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

/// The parts of an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlaceLabel {
    /// What comes before and after the number.
    around: [String; 2],
    /// The number that differs between neighbours, or all of an address without one.
    number: String,
    port: Option<u16>,
}

impl Place {
    fn port(&self) -> Option<u16> {
        match self {
            Self::Ip(_, port, _) | Self::Name(_, _, port, _) => Some(*port),
            Self::Unix(_) => None,
        }
    }

    fn label(&self) -> PlaceLabel {
        let (host, raw) = match self {
            Self::Ip(IpAddr::V4(ip), _, raw) => (ip.to_string(), raw),
            Self::Ip(IpAddr::V6(ip), _, raw) => (format!("[{ip}]"), raw),
            Self::Name(_, name, _, raw) => (name.clone(), raw),
            Self::Unix(path) => {
                return PlaceLabel {
                    around: ["unix:".to_owned(), String::new()],
                    number: Untrusted::new(&path.to_string_lossy()).to_string(),
                    port: None,
                };
            }
        };
        // The number nearest to the end of a name's first label, or of an IP address.
        let end = match self {
            Self::Name(..) if !host.contains('@') => host.find('.').unwrap_or(host.len()),
            _ => host.len(),
        };
        let is_digit: fn(char) -> bool = match self {
            Self::Ip(..) => |c| c.is_ascii_hexdigit(),
            _ => |c| c.is_ascii_digit(),
        };
        let digits = host[..end].trim_end_matches(|c| !is_digit(c));
        let start = digits.trim_end_matches(is_digit).len();
        let scheme = if *raw { "raw://" } else { "" };
        let (around, number) = match &host[start..digits.len()] {
            "" => ([scheme.to_owned(), String::new()], &*host),
            number => (
                [
                    format!("{scheme}{}", &host[..start]),
                    host[digits.len()..].to_owned(),
                ],
                number,
            ),
        };
        PlaceLabel {
            around,
            number: number.to_owned(),
            port: self.port(),
        }
    }
}

/// What most addresses have in common, and need not repeat.
pub(super) struct CommonParts {
    around: Option<[String; 2]>,
    port: Option<u16>,
    /// Whether only the ports differ.
    is_one_host: bool,
    /// Whether no address has other parts than these.
    is_complete: bool,
}

impl CommonParts {
    pub(super) fn of<'a>(places: impl Iterator<Item = &'a Place> + Clone) -> Self {
        let mut hosts = places.clone().map(Place::label);
        let first = hosts.next().filter(|first| first.port.is_some());
        let mut common = Self {
            around: None,
            port: None,
            is_one_host: places.clone().nth(1).is_some()
                && first.is_some_and(|first| {
                    hosts.all(|host| {
                        (host.around, host.number) == (first.around.clone(), first.number.clone())
                    })
                }),
            is_complete: false,
        };
        let labels = places.map(|place| common.label(place));
        let port = most_common(labels.clone().map(|label| label.port)).flatten();
        let around = most_common(labels.clone().map(|label| label.around));
        let around = around.filter(|around| around.iter().any(|part| !part.is_empty()));
        let is_complete = labels.clone().all(|label| {
            label.port == port && around.as_ref().is_none_or(|around| *around == label.around)
        });
        (common.around, common.port, common.is_complete) = (around, port, is_complete);
        common
    }

    /// The parts of an address. Where only the ports differ, the port is the number.
    fn label(&self, place: &Place) -> PlaceLabel {
        let label = place.label();
        match (self.is_one_host, label.port) {
            (true, Some(port)) => PlaceLabel {
                around: [
                    format!("{}{}{}:", label.around[0], label.number, label.around[1]),
                    String::new(),
                ],
                number: port.to_string(),
                port: None,
            },
            _ => label,
        }
    }

    /// What is not written at the places, as a part of a sentence; empty if there is nothing.
    pub(super) fn sentence(&self) -> String {
        let address = self.around.as_ref();
        let address = address.map(|[before, after]| format!("at {before}N{after}"));
        let port = self.port.map(|port| format!("on port {port}"));
        let parts: Vec<_> = address.into_iter().chain(port).collect();
        match (parts.is_empty(), self.is_complete) {
            (true, _) => String::new(),
            (false, true) => format!(", {}", parts.join(" ")),
            (false, false) => format!(", {} unless written otherwise", parts.join(" ")),
        }
    }

    /// What is written of an address: before the number, the number, and after it.
    pub(super) fn shorten(&self, place: &Place) -> [String; 3] {
        let PlaceLabel {
            around: [before, after],
            number,
            port,
        } = self.label(place);
        let port = match port.filter(|_| port != self.port) {
            Some(port) => format!(":{port}"),
            None => String::new(),
        };
        match self.around == Some([before.clone(), after.clone()]) {
            true => [String::new(), number, port],
            false => [before, number, after + &port],
        }
    }
}

/// The first and the last address of a range; the last without what the first one has as well.
pub(super) fn range(common: &CommonParts, first: &Place, last: &Place) -> [String; 2] {
    let same = common.label(first).around == common.label(last).around;
    let [before, number, after] = common.shorten(last);
    [
        common.shorten(first).concat(),
        if same {
            number + &after
        } else {
            before + &number + &after
        },
    ]
}

/// The value of more than half.
fn most_common<T: Hash + Eq>(values: impl Iterator<Item = T> + Clone) -> Option<T> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    let mut total = 0;
    for value in values {
        *counts.entry(value).or_default() += 1;
        total += 1;
    }
    let (value, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (2 * count > total).then_some(value)
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

    fn places(text: &str) -> Vec<Place> {
        let mut builder = Builder::default();
        builder.argument(text);
        let hosts = builder.build().unwrap();
        let mut places: Vec<_> = hosts.iter().map(Place::from).collect();
        places.sort_unstable();
        places
    }

    fn labels(text: &str) -> Vec<String> {
        let places = places(text);
        let common = CommonParts::of(places.iter());
        let label = |place| common.shorten(place).join("|");
        let mut labels: Vec<_> = places.iter().map(label).collect();
        labels.push(common.sentence());
        labels
    }

    #[test]
    fn places_are_sorted_by_number() {
        assert_eq!(
            labels("10.0.0.10,10.0.0.9,lab10.example,lab9.example,unix:/run/a.sock,[2001:db8::1]"),
            [
                "10.0.0.|9|",
                "10.0.0.|10|",
                "[2001:db8::|1|]",
                "lab|9|.example",
                "lab|10|.example",
                "unix:|/run/a.sock|",
                ", on port 1024 unless written otherwise",
            ]
        );
        assert_eq!(
            labels("svc1.x@10.0.0.10,svc1.x@10.0.0.9,svc1.x@[::1],dns+svc2.x"),
            [
                "dns+svc|2|.x",
                "svc1.x@10.0.0.|9|",
                "svc1.x@10.0.0.|10|",
                "svc1.x@[::|1|]",
                ", on port 1024",
            ]
        );
    }

    #[test]
    fn what_most_addresses_share_is_written_once() {
        assert_eq!(
            labels("10.0.0.1:2048,10.0.0.2:2048"),
            ["|1|", "|2|", ", at 10.0.0.N on port 2048"]
        );
        assert_eq!(
            labels("10.0.0.1-3,10.0.0.4:39531,10.1.0.1"),
            [
                "|1|",
                "|2|",
                "|3|",
                "|4|:39531",
                "10.1.0.|1|",
                ", at 10.0.0.N on port 1024 unless written otherwise",
            ]
        );
        let places = places("10.0.0.1-3,10.0.1.1-2");
        let common = CommonParts::of(places[1..].iter());
        let range = |last: usize| range(&common, &places[0], &places[last]).join(" to ");
        assert_eq!(range(2), "10.0.0.1 to 3");
        assert_eq!(range(4), "10.0.0.1 to 10.0.1.2");
        assert_eq!(
            labels("127.0.0.1:1024,127.0.0.1:1025"),
            ["|1024|", "|1025|", ", at 127.0.0.1:N"]
        );
    }
}

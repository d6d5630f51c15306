//! The list of faults that a room is given, and their assignment to seats.

use std::{fmt, str::FromStr};

use crate::{
    lab::{
        faults::{FAULTS, Fault, HEALTHY},
        service_kind::ServiceKind,
    },
    untrusted::Untrusted,
};

/// Faults and how many seats have each, as in `refuse=2,hang=1,all=10%`.
///
/// `all` takes every fault in turn that the service of the seats can have.
///
/// ```
/// use labrpc::lab::FaultList;
///
/// let faults: FaultList = "refuse=2,hang=1,all=10%".parse()?;
/// assert!("bark=1".parse::<FaultList>().is_err());
/// # Ok::<(), labrpc::lab::FaultListError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultList(Vec<(Which, Count)>);

#[derive(Clone, Copy, Debug)]
enum Which {
    One(&'static Fault),
    All,
}

#[derive(Clone, Copy, Debug)]
enum Count {
    Seats(usize),
    Percent(u8),
}

/// Why a list of faults is invalid, or does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultListError {
    /// Not of the form `name=count`.
    Form(Untrusted),
    /// Not the name of a fault.
    Name(Untrusted),
    /// Not a number of seats, nor a percentage up to 100.
    Count(Untrusted),
    /// The name of a fault that only another service can have.
    Service {
        /// Its name.
        fault: &'static str,
        /// That service.
        only: ServiceKind,
    },
    /// More faults than seats.
    Many {
        /// Faults in the list.
        faults: usize,
        /// Seats in the room.
        seats: usize,
    },
}

/// The name for all faults in turn.
const ALL: &str = "all";

/// Earlier names and what they are called now. They stay valid and are not listed.
const ALIASES: &[(&str, &str)] = &[
    ("zoo", ALL),
    ("honest", "healthy"),
    ("silent", "raw-endpoint"),
    ("mute", "hang"),
    ("mute-tls", "hang-tls"),
    ("mute-settings", "hang-settings"),
    ("mute-headers", "hang-headers"),
    ("mute-body", "hang-body"),
    ("mute-trailers", "hang-trailers"),
    ("drip-settings", "slow-bytes-settings"),
    ("drip-headers", "slow-bytes-headers"),
    ("drip-body", "slow-bytes-body"),
    ("dribble", "chunked"),
    ("lying-prefix", "huge-length-prefix"),
    ("unknown-frames", "unknown-frame-flood"),
    ("odd-frames", "unknown-frame"),
    ("blanks", "whitespace"),
    ("raw-dribble", "raw-chunked"),
    ("raw-cut", "raw-truncated"),
    ("raw-mute", "raw-hang"),
];

impl FaultList {
    /// Decides the fault of each seat.
    ///
    /// # Errors
    /// [`FaultListError::Many`] when there are fewer seats than faults, [`FaultListError::Service`] for a fault that
    /// does not fit the service.
    pub(crate) fn assign(
        &self,
        service: ServiceKind,
        seats: usize,
        seed: u64,
    ) -> Result<Vec<&'static Fault>, FaultListError> {
        let mut assigned = Vec::with_capacity(seats);
        for (which, count) in &self.0 {
            let count = match count {
                Count::Seats(count) => *count,
                Count::Percent(percent) => seats * usize::from(*percent) / 100,
            };
            let faults = assigned.len().saturating_add(count);
            if faults > seats {
                return Err(FaultListError::Many { faults, seats });
            }
            match which {
                Which::One(fault) => {
                    if let Some(only) = fault.service().filter(|only| *only != service) {
                        let fault = fault.name;
                        return Err(FaultListError::Service { fault, only });
                    }
                    assigned.resize(faults, *fault);
                }
                Which::All => {
                    let fitting = FAULTS.iter().filter(|fault| fault.fits(service));
                    assigned.extend(fitting.cycle().take(count));
                }
            }
        }
        assigned.resize(seats, &HEALTHY);
        // Not the people's stream of the seed, so that faults do not change who sits where.
        fastrand::Rng::with_seed(!seed).shuffle(&mut assigned);
        Ok(assigned)
    }
}

impl FromStr for FaultList {
    type Err = FaultListError;

    fn from_str(text: &str) -> Result<Self, FaultListError> {
        let items = text.split(',').map(str::trim);
        items
            .filter(|item| !item.is_empty())
            .map(parse_item)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn parse_item(item: &str) -> Result<(Which, Count), FaultListError> {
    let (name, count) = item
        .split_once('=')
        .ok_or_else(|| FaultListError::Form(Untrusted::new(item)))?;
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let known = alias.map_or(name, |(_, now)| now);
    let which = match faults().find(|fault| fault.name == known) {
        Some(fault) => Which::One(fault),
        None if known == ALL => Which::All,
        None => return Err(FaultListError::Name(Untrusted::new(name))),
    };
    let parsed = match count.strip_suffix('%') {
        Some(percent) => percent
            .parse()
            .ok()
            .filter(|p| *p <= 100)
            .map(Count::Percent),
        None => count.parse().ok().map(Count::Seats),
    };
    let count = parsed.ok_or_else(|| FaultListError::Count(Untrusted::new(count)))?;
    Ok((which, count))
}

fn faults() -> impl Iterator<Item = &'static Fault> {
    std::iter::once(&HEALTHY).chain(FAULTS)
}

/// The name that is most like an unknown one, if any is.
fn suggestion(unknown: &str) -> Option<&'static str> {
    let names = faults().map(|fault| fault.name).chain([ALL]);
    names
        .map(|name| (strsim::jaro(unknown, name), name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

impl fmt::Display for FaultListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(item) => write!(f, "fault \"{item}\" is not of the form NAME=COUNT"),
            Self::Name(name) => {
                write!(f, "unknown fault \"{name}\"; ")?;
                match suggestion(&name.to_string()) {
                    Some(suggestion) => write!(f, "did you mean {suggestion}?"),
                    None => f.write_str("`labrpc lab --help` lists them"),
                }
            }
            Self::Count(count) => write!(
                f,
                "\"{count}\" is neither a number of seats nor a percentage, such as 2 or 10%"
            ),
            Self::Service { fault, only } => {
                write!(f, "the fault {fault} needs the service {only}")
            }
            Self::Many { faults, seats } => {
                write!(f, "{faults} faults do not fit into {seats} seats")
            }
        }
    }
}

impl std::error::Error for FaultListError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(faults: &str, seats: usize) -> Vec<&'static str> {
        assigned_to(ServiceKind::Profile, faults, seats)
    }

    fn assigned_to(service: ServiceKind, faults: &str, seats: usize) -> Vec<&'static str> {
        let faults: FaultList = faults.parse().unwrap();
        let assigned = faults.assign(service, seats, 3).unwrap();
        let mut names: Vec<_> = assigned.into_iter().map(|fault| fault.name).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn counts_and_percentages_are_exact() {
        assert_eq!(
            assigned("hang=1, refuse=2", 5),
            ["hang", "healthy", "healthy", "refuse", "refuse"]
        );
        assert_eq!(
            assigned("hang=50%,", 4),
            ["hang", "hang", "healthy", "healthy"]
        );
        for service in ServiceKind::ALL {
            let all = assigned_to(service, "all=100%", FAULTS.len());
            for fault in FAULTS {
                assert_eq!(
                    all.contains(&fault.name),
                    fault.fits(service),
                    "{}",
                    fault.name
                );
            }
        }
    }

    #[test]
    fn every_alias_is_accepted_for_its_fault() {
        for (alias, name) in ALIASES {
            let assigned = |name: &str| assigned(&format!("{name}=3"), 3);
            assert_eq!(assigned(alias), assigned(name), "{alias}");
            assert!(faults().all(|fault| fault.name != *alias), "{alias}");
        }
    }

    #[test]
    fn invalid_list_is_rejected_with_the_wrong_part() {
        let cases = [
            ("hang", "fault \"hang\" is not of the form NAME=COUNT"),
            (
                "hang=x",
                "\"x\" is neither a number of seats nor a percentage, such as 2 or 10%",
            ),
            ("hang=101%", "\"101%\" is neither"),
            (
                "bark=1",
                "unknown fault \"bark\"; `labrpc lab --help` lists them",
            ),
            (
                "refused=1",
                "unknown fault \"refused\"; did you mean refuse?",
            ),
        ];
        for (text, expected) in cases {
            let error = text.parse::<FaultList>().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        let faults: FaultList = "hang=3".parse().unwrap();
        let error = faults.assign(ServiceKind::Profile, 2, 0).unwrap_err();
        assert_eq!(error.to_string(), "3 faults do not fit into 2 seats");
        let faults: FaultList = "drift=1".parse().unwrap();
        let error = faults.assign(ServiceKind::Profile, 2, 0).unwrap_err();
        assert_eq!(error.to_string(), "the fault drift needs the service fleet");
    }

    #[test]
    fn fault_names_are_distinct() {
        let mut names: Vec<_> = faults().map(|fault| fault.name).chain([ALL]).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

//! Which faults a room shall have, and which seats have them.

use std::{fmt, str::FromStr};

use crate::{
    lab::faults::{FAULTS, Fault},
    untrusted::Untrusted,
};

/// A list of behaviours and how many seats shall have each, as in `refuse=2,mute=1,zoo=10%`.
///
/// `zoo` stands for all of them but the honest one, in turn.
///
/// ```
/// use labrpc::lab::FaultList;
///
/// let faults: FaultList = "refuse=2,mute=1,zoo=10%".parse()?;
/// assert!("bark=1".parse::<FaultList>().is_err());
/// # Ok::<(), labrpc::lab::FaultListError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultList(Vec<(Which, Count)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// The behaviour at this place of the zoo.
    One(usize),
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Seats(usize),
    Percent(u8),
}

/// Why a list of faults is none, or does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultListError {
    /// Not of the form `name=count`.
    Form(Untrusted),
    /// No behaviour has this name.
    Name(Untrusted),
    /// Not a number of seats, nor a percentage up to 100.
    Count(Untrusted),
    /// More faults than seats.
    Many {
        /// FaultList asked for.
        faults: usize,
        /// Seats there are.
        seats: usize,
    },
}

impl FaultList {
    /// Every name that a list may use, besides `zoo`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FAULTS.iter().map(|Fault { name, .. }| *name)
    }

    /// Decides the fault of each seat.
    ///
    /// # Errors
    /// [`FaultListError::Many`] when there are fewer seats than faults.
    pub(crate) fn assign(
        &self,
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
            assigned.extend((0..count).map(|turn| match which {
                Which::One(place) => &FAULTS[*place],
                Which::All => &FAULTS[1 + turn % (FAULTS.len() - 1)],
            }));
        }
        assigned.resize(seats, &FAULTS[0]);
        // Not the people's stream of the seed, so that faults do not change who sits where.
        fastrand::Rng::with_seed(!seed).shuffle(&mut assigned);
        Ok(assigned)
    }
}

impl FromStr for FaultList {
    type Err = FaultListError;

    fn from_str(text: &str) -> Result<Self, FaultListError> {
        let words = text.split(',').map(str::trim);
        words
            .filter(|word| !word.is_empty())
            .map(fault)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn fault(word: &str) -> Result<(Which, Count), FaultListError> {
    let (name, count) = word
        .split_once('=')
        .ok_or_else(|| FaultListError::Form(Untrusted::new(word)))?;
    let which = match name {
        "zoo" => Which::All,
        name => FAULTS
            .iter()
            .position(|behaviour| behaviour.name == name)
            .map(Which::One)
            .ok_or_else(|| FaultListError::Name(Untrusted::new(name)))?,
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

impl fmt::Display for FaultListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(word) => write!(f, "fault \"{word}\" is not of the form NAME=COUNT"),
            Self::Name(name) => {
                write!(f, "there is no fault \"{name}\"; there are zoo")?;
                FaultList::names().try_for_each(|name| write!(f, ", {name}"))
            }
            Self::Count(count) => write!(
                f,
                "\"{count}\" is neither a number of seats nor a percentage, such as 2 or 10%"
            ),
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
        let faults: FaultList = faults.parse().unwrap();
        let mut names: Vec<_> = faults
            .assign(seats, 3)
            .unwrap()
            .into_iter()
            .map(|fault| fault.name)
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn counts_and_percentages_are_met_exactly() {
        assert_eq!(
            assigned("mute=1, refuse=2", 5),
            ["honest", "honest", "mute", "refuse", "refuse"]
        );
        assert_eq!(
            assigned("mute=50%,", 4),
            ["honest", "honest", "mute", "mute"]
        );
        let all = assigned("zoo=100%", FAULTS.len() - 1);
        assert!(FAULTS[1..].iter().all(|b| all.contains(&b.name)));
    }

    #[test]
    fn a_bad_list_is_refused_with_its_word() {
        let cases = [
            ("mute", "fault \"mute\" is not of the form NAME=COUNT"),
            (
                "mute=x",
                "\"x\" is neither a number of seats nor a percentage, such as 2 or 10%",
            ),
            ("mute=101%", "\"101%\" is neither"),
            (
                "bark=1",
                "there is no fault \"bark\"; there are zoo, honest, slow",
            ),
        ];
        for (text, expected) in cases {
            let error = text.parse::<FaultList>().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        let faults: FaultList = "mute=3".parse().unwrap();
        let error = faults.assign(2, 0).unwrap_err().to_string();
        assert_eq!(error, "3 faults do not fit into 2 seats");
    }

    #[test]
    fn every_behaviour_has_a_name_of_its_own() {
        let mut names: Vec<_> = FaultList::names().collect();
        assert!(names.len() < usize::from(u8::MAX));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
    }
}

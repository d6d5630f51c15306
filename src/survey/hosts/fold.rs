//! Writes many endpoints as one short expression.

use std::collections::BTreeMap;

use crate::survey::endpoint::{DEFAULT_PORT, Endpoint};

/// Writes endpoints as expressions of the host grammar, `192.168.1.[3,7,12]`, so that the text can be read by
/// a person and given back to the program.
///
/// Endpoints that differ in their host's last number only share an expression; the default port is left out.
#[must_use]
pub fn fold(endpoints: impl IntoIterator<Item = Endpoint>) -> String {
    // By what is before and behind the number: the numbers by value and width, as they were written.
    let mut groups: BTreeMap<(String, String), BTreeMap<(u64, usize), String>> = BTreeMap::new();
    let mut singles = Vec::new();
    for endpoint in endpoints {
        // A longer number does not count machines.
        match endpoint.numbered().filter(|parts| parts.1.len() <= 18) {
            Some((before, digits, mut behind)) => {
                if let Some(port) = endpoint.address.port()
                    && port != DEFAULT_PORT
                {
                    behind += &format!(":{port}");
                }
                let key = (digits.parse().unwrap_or(u64::MAX), digits.len());
                groups
                    .entry((before, behind))
                    .or_default()
                    .insert(key, digits);
            }
            None => singles.push(short(&endpoint)),
        }
    }
    let mut folded: Vec<String> = groups
        .into_iter()
        .map(|((before, behind), numbers)| format!("{before}{}{behind}", set(numbers)))
        .collect();
    folded.append(&mut singles);
    folded.join(", ")
}

/// The endpoint without the default port.
fn short(endpoint: &Endpoint) -> String {
    let text = endpoint.to_string();
    match (
        endpoint.address.port(),
        text.strip_suffix(&format!(":{DEFAULT_PORT}")),
    ) {
        (Some(_), Some(host)) => host.to_owned(),
        _ => text,
    }
}

/// Writes numbers as a set of the host grammar: runs of successive numbers of one width become ranges.
fn set(numbers: BTreeMap<(u64, usize), String>) -> String {
    // The first and the last number of each run as they are written, and the value of the last.
    let mut runs: Vec<(String, String, u64)> = Vec::new();
    for ((value, _), digits) in numbers {
        if let Some((start, end, last)) = runs.last_mut() {
            let width = if start.starts_with('0') {
                start.len()
            } else {
                1
            };
            if last.checked_add(1) == Some(value) && format!("{value:0width$}") == digits {
                (*end, *last) = (digits, value);
                continue;
            }
        }
        runs.push((digits.clone(), digits, value));
    }
    let texts: Vec<String> = runs
        .into_iter()
        .map(|(start, end, _)| match start == end {
            true => start,
            false => format!("{start}-{end}"),
        })
        .collect();
    match texts.as_slice() {
        [one] if !one.contains('-') => one.clone(),
        _ => format!("[{}]", texts.join(",")),
    }
}

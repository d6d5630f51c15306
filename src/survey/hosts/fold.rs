//! The way back: many endpoints as one short expression.

use std::collections::BTreeMap;

use crate::survey::endpoint::{Address, DEFAULT_PORT, Endpoint};

/// Writes endpoints as expressions of the host grammar, `192.168.1.[3,7,12]`, so that the text can be read by
/// a person and given back to the program.
///
/// Endpoints that differ in their host's last number only share an expression; the default port is left out.
#[must_use]
pub fn fold(endpoints: impl IntoIterator<Item = Endpoint>) -> String {
    // What stands before and behind the number, and the numbers as they were written, by their value.
    let mut groups: BTreeMap<(String, String), BTreeMap<(u64, usize), String>> = BTreeMap::new();
    let mut singles = Vec::new();
    for endpoint in endpoints {
        match parts(&endpoint) {
            Some((before, digits, behind)) => {
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

/// Cuts an endpoint around the last number in its host.
fn parts(endpoint: &Endpoint) -> Option<(String, String, String)> {
    if matches!(
        endpoint.address,
        Address::Unix(_) | Address::Ip(std::net::IpAddr::V6(_), _)
    ) {
        return None;
    }
    let text = short(endpoint);
    let host_end = match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host.len(),
        _ => text.len(),
    };
    let end = text[..host_end].rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = text[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    // Longer numbers are no counters.
    (end - start <= 18).then(|| {
        (
            text[..start].to_owned(),
            text[start..end].to_owned(),
            text[end..].to_owned(),
        )
    })
}

/// The endpoint without the default port.
fn short(endpoint: &Endpoint) -> String {
    let text = endpoint.to_string();
    match (
        &endpoint.address,
        text.strip_suffix(&format!(":{DEFAULT_PORT}")),
    ) {
        (Address::Ip(..) | Address::Name(..), Some(host)) => host.to_owned(),
        _ => text,
    }
}

fn set(numbers: BTreeMap<(u64, usize), String>) -> String {
    struct Run {
        start: String,
        end: String,
        last: u64,
    }
    let mut runs: Vec<Run> = Vec::new();
    for ((value, _), digits) in numbers {
        if let Some(run) = runs.last_mut() {
            let width = if run.start.starts_with('0') {
                run.start.len()
            } else {
                1
            };
            if run.last.checked_add(1) == Some(value) && format!("{value:0width$}") == digits {
                run.end = digits;
                run.last = value;
                continue;
            }
        }
        runs.push(Run {
            start: digits.clone(),
            end: digits,
            last: value,
        });
    }
    let texts: Vec<String> = runs
        .into_iter()
        .map(|Run { start, end, .. }| {
            if start == end {
                start
            } else {
                format!("{start}-{end}")
            }
        })
        .collect();
    match texts.as_slice() {
        [one] if !one.contains('-') => one.clone(),
        _ => format!("[{}]", texts.join(",")),
    }
}

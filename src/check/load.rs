//! The check with many clients at once.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use crate::{
    check::{
        result::{Verdict, fail},
        target::Target,
    },
    question::GetProfile,
    survey::{self, outcome::Outcome},
};

/// Number of clients at once, as many as a class has.
const CALLERS: usize = 40;

pub(super) async fn callers(target: &mut Target) -> Verdict {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (endpoint, config) = (target.endpoint.clone(), target.config.clone());
        callers.spawn(async move { survey::ask(&endpoint, &GetProfile, &config).await });
    }
    let mut failures: BTreeMap<&'static str, usize> = BTreeMap::new();
    while let Some(joined) = callers.join_next().await {
        let name = match joined.map(|answer| answer.outcome) {
            Ok(Outcome::Ok { answer, .. }) if Some(&answer) == target.profile.as_ref() => {
                continue;
            }
            Ok(Outcome::Ok { .. }) => "another profile",
            Ok(outcome) => outcome.name(),
            Err(_) => "local",
        };
        *failures.entry(name).or_default() += 1;
    }
    if failures.is_empty() {
        return Ok(format!("{CALLERS} of {CALLERS} answered alike"));
    }
    let failed: usize = failures.values().sum();
    let kinds: Vec<_> = failures
        .iter()
        .map(|(name, count)| format!("{count} × {name}"))
        .collect();
    fail(
        format!(
            "{} of {CALLERS} answered; {}",
            CALLERS - failed,
            kinds.join(", ")
        ),
        "serve every connection in a task or thread of its own, and listen with a longer backlog",
    )
}

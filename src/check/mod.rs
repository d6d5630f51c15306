//! Examines one server by a fixed list of checks. Each passes, fails or warns with advice, or is skipped with a
//! reason.
//!
//! A check fails if a survey needs what it looks at, and warns if the contract only recommends it. Every check opens
//! connections of its own, as any client would, so that a failure does not affect the next one. Connection, protocol
//! and data are judged as a survey judges them. The other checks cover what a survey never tries: health, reflection,
//! deadlines, many clients and broken connections.

mod contract;
mod load;
mod offers;
mod reflection;
mod result;
mod services;
mod target;
mod transport;

use std::pin::Pin;

use tokio::time::Instant;

pub use crate::check::result::{Check, CheckName, CheckResult, Examination, Finding};
use crate::{
    check::{
        result::{Need, Verdict},
        target::Target,
    },
    survey::{Config, endpoint::Endpoint},
};

type CheckFn = for<'a> fn(&'a mut Target) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// The checks in their order, with what each needs of those before it.
#[rustfmt::skip]
const CHECKS: &[(CheckName, &[Need], CheckFn)] = &[
    (CheckName::Reachable, &[], |t| Box::pin(transport::reachable(t))),
    (CheckName::Http2, &[Need::Connection], |t| Box::pin(transport::http2(t))),
    (CheckName::Profile, &[Need::Connection, Need::KnownProtocol], |t| Box::pin(services::profile(t))),
    (CheckName::Health, &[Need::Connection, Need::Http2], |t| Box::pin(services::health(t))),
    (CheckName::Reflection, &[Need::Connection, Need::Http2], |t| Box::pin(services::reflection(t))),
    (CheckName::Descriptor, &[Need::Connection, Need::Http2, Need::Reflection], |t| Box::pin(services::descriptor(t))),
    (CheckName::UnknownMethod, &[Need::Connection, Need::Http2, Need::Method], |t| Box::pin(services::unknown_method(t))),
    (CheckName::Deadline, &[Need::Connection, Need::Http2, Need::Method], |t| Box::pin(services::deadline(t))),
    (CheckName::Callers, &[Need::Connection, Need::KnownProtocol, Need::ValidProfile], |t| Box::pin(load::callers(t))),
    (CheckName::Disconnect, &[Need::Connection, Need::KnownProtocol, Need::ValidProfile], |t| Box::pin(transport::disconnect(t))),
];

/// Examines the server at an endpoint. `observe` is called with each check as soon as it is done.
///
/// This takes some seconds if the server does not end calls at their deadline.
pub async fn run(
    endpoint: &Endpoint,
    config: &Config,
    mut observe: impl FnMut(&Check),
) -> Examination {
    let mut target = Target::new(endpoint, config);
    let mut checks = Vec::new();
    for (name, needs, run) in CHECKS {
        let start = Instant::now();
        let missing = needs.iter().find(|need| !target.has(**need));
        let verdict = match missing {
            Some(need) => Err(CheckResult::Skip(need.reason())),
            None => run(&mut target).await,
        };
        let check = Check {
            name: *name,
            result: verdict.map_or_else(|result| result, CheckResult::Pass),
            elapsed: start.elapsed(),
        };
        observe(&check);
        checks.push(check);
    }
    Examination {
        endpoint: endpoint.clone(),
        checks,
    }
}

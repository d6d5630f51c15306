//! Examines one server by a fixed list of checks. Each passes, fails with advice, or is skipped with a reason.
//!
//! Every check opens connections of its own, as any client would, so that a failure does not affect the next one.
//! Connection, protocol and data are judged as a survey judges them. The other checks cover what a survey never
//! tries: health, reflection, deadlines, many clients and broken connections.

mod contract;
mod load;
mod result;
mod services;
mod target;
mod transport;

use std::pin::Pin;

pub use crate::check::result::{Check, CheckName, CheckResult};
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
    (CheckName::Preface, &[Need::Connection], |t| Box::pin(transport::preface(t))),
    (CheckName::Data, &[Need::Connection], |t| Box::pin(services::data(t))),
    (CheckName::Health, &[Need::Http2], |t| Box::pin(services::health(t))),
    (CheckName::ReflectionV1, &[Need::Http2], |t| Box::pin(services::reflection(t, services::V1))),
    (CheckName::ReflectionV1Alpha, &[Need::Http2], |t| Box::pin(services::reflection(t, services::V1_ALPHA))),
    (CheckName::Descriptor, &[Need::Http2, Need::Reflection], |t| Box::pin(services::descriptor(t))),
    (CheckName::UnknownMethod, &[Need::Http2], |t| Box::pin(services::unknown_method(t))),
    (CheckName::Deadline, &[Need::Http2], |t| Box::pin(services::deadline(t))),
    (CheckName::Callers, &[Need::ValidData], |t| Box::pin(load::callers(t))),
    (CheckName::Disconnect, &[Need::ValidData], |t| Box::pin(transport::disconnect(t))),
];

/// Examines the server at an endpoint. `observe` is called with each check as soon as it is done.
///
/// This takes some seconds if the server does not end calls at their deadline.
pub async fn run(
    endpoint: &Endpoint,
    config: &Config,
    mut observe: impl FnMut(&Check),
) -> Vec<Check> {
    let mut target = Target::new(endpoint, config);
    let mut checks = Vec::new();
    for (name, needs, run) in CHECKS {
        let missing = needs.iter().find(|need| !need.is_met(&checks));
        let verdict = match missing {
            Some(need) => Err(CheckResult::Skip(need.reason())),
            None => run(&mut target).await,
        };
        let check = Check {
            name: *name,
            result: verdict.map_or_else(|result| result, CheckResult::Pass),
        };
        observe(&check);
        checks.push(check);
    }
    checks
}

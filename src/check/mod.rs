//! Examines one server by a fixed list of checks. Each passes, fails with advice, or is skipped with a reason.
//!
//! Every check opens connections of its own, as any client would, so that a failure does not affect the next one.
//! Connection, protocol and data are judged as a survey judges them. The other checks cover what a survey never
//! tries: health, reflection, deadlines, many clients and broken connections.

mod caller;
mod contract;
mod load;
mod result;
mod services;
mod target;
mod transport;

use std::pin::Pin;

pub use crate::check::result::{Check, CheckName, CheckResult};
use crate::{
    check::{result::Need, target::Target},
    survey::{Config, endpoint::Endpoint},
};

type Run = for<'a> fn(&'a mut Target) -> Pin<Box<dyn Future<Output = CheckResult> + Send + 'a>>;

/// The checks in their order, with what each needs of those before it.
const CHECKS: &[(CheckName, &[Need], Run)] = &[
    (CheckName::Reachable, &[], |target| {
        Box::pin(transport::reachable(target))
    }),
    (CheckName::Preface, &[Need::Connection], |target| {
        Box::pin(transport::preface(target))
    }),
    (CheckName::Data, &[Need::Connection], |target| {
        Box::pin(services::data(target))
    }),
    (CheckName::Health, &[Need::Http2], |target| {
        Box::pin(services::health(target))
    }),
    (CheckName::ReflectionV1, &[Need::Http2], |target| {
        Box::pin(services::reflection_v1(target))
    }),
    (CheckName::ReflectionV1Alpha, &[Need::Http2], |target| {
        Box::pin(services::reflection_v1alpha(target))
    }),
    (
        CheckName::Descriptor,
        &[Need::Http2, Need::Reflection],
        |target| Box::pin(services::descriptor(target)),
    ),
    (CheckName::UnknownMethod, &[Need::Http2], |target| {
        Box::pin(services::unknown_method(target))
    }),
    (CheckName::Deadline, &[Need::Http2], |target| {
        Box::pin(services::deadline(target))
    }),
    (CheckName::Callers, &[Need::ValidData], |target| {
        Box::pin(load::callers(target))
    }),
    (CheckName::Disconnect, &[Need::ValidData], |target| {
        Box::pin(transport::disconnect(target))
    }),
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
        let result = match missing {
            Some(need) => CheckResult::Skip(need.reason()),
            None => run(&mut target).await,
        };
        let check = Check {
            name: *name,
            result,
        };
        observe(&check);
        checks.push(check);
    }
    checks
}

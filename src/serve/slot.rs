//! The right of one call to wait, for its request or for its answer to be taken.

use std::{future::Future, sync::Arc};

use tokio::time::{Instant, timeout_at};

use crate::serve::{Visit, limiter::Resource};

/// Given back with its last clone. The call has one, the task that polls it, and each piece of a streamed answer
/// that is not sent yet.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Taken>);

struct Taken {
    visit: Arc<Visit>,
    resource: Resource,
    /// When the call is given up, whether its answer was taken or not.
    until: Option<Instant>,
}

impl Slot {
    /// `None` where as many calls wait as may. A call that `ends` has a while longer for its answer to be taken.
    pub(crate) fn take(
        visit: &Arc<Visit>,
        resource: Resource,
        ends: Option<Instant>,
    ) -> Option<Self> {
        visit.permit.take(resource).then(|| {
            Self(Arc::new(Taken {
                visit: Arc::clone(visit),
                resource,
                until: ends.map(|ends| ends + visit.server.config.limits.grace),
            }))
        })
    }

    /// The slot of a call that is answered, and whose peer does not take the answer.
    pub(crate) fn of_answer(visit: &Arc<Visit>) -> Option<Self> {
        let ends = Instant::now() + visit.server.config.limits.call;
        Self::take(visit, Resource::Call, Some(ends))
    }

    /// Runs a call to its end.
    pub(crate) async fn hold(self, call: impl Future<Output = ()>) {
        match self.0.until {
            Some(until) => drop(timeout_at(until, call).await),
            None => call.await,
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.visit.permit.give_back(self.resource);
    }
}

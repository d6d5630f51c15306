//! The permit of a pending call, and how it gets from the call to the task that drives it.
//!
//! A call is pending while it waits for its request, or while the peer does not read its response. Each pending call
//! holds a slot of its server's and its address's limit; a call that completes on the first poll needs none.
//!
//! hyper wraps each call in a future of its own and hands it to an executor. That future outlives the call: it writes
//! the response. So two owners need the slot, and only the call can tell when one is needed:
//!
//! ```text
//! Driver ──poll──► hyper's future (opaque) ──poll──► Call, with its CallRecord
//!   ▲                                                  │ Pending: acquires a slot, keeps one clone
//!   └── takes the other clone ◄── Activity (Mutex) ◄───┘
//!       and spawns the future with it: `Slot::run`
//! ```
//!
//! A call acquires its slot on the first poll or never, and the driver polls one new call at a time, so the slot in
//! `Activity` is that of the call just polled. Without the second clone a slot would be free again as soon as the
//! response is made, and a peer that reads nothing could make any number of responses wait. The third kind of owner is
//! each part of a streamed response that is not sent yet (see `metered_body`). The last owner releases the slot.

use std::{future::Future, sync::Arc};

use tokio::time::{Instant, timeout_at};

use crate::serve::{context::ConnectionContext, limiter::Resource};

/// Released when its last clone is dropped.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Acquired>);

struct Acquired {
    context: Arc<ConnectionContext>,
    resource: Resource,
    /// When the task of the call is dropped, and its stream reset, whether the response was read or not.
    reset_at: Option<Instant>,
}

impl Slot {
    /// `None` at the limit. The response of a call with a `deadline` may be read for the grace period beyond it.
    pub(crate) fn acquire(
        context: &Arc<ConnectionContext>,
        resource: Resource,
        deadline: Option<Instant>,
    ) -> Option<Self> {
        context.permit.acquire(resource).then(|| {
            Self(Arc::new(Acquired {
                context: Arc::clone(context),
                resource,
                reset_at: deadline.map(|at| at + context.server.config.limits.grace),
            }))
        })
    }

    /// The slot of a call that completed on the first poll and whose response the peer does not read.
    pub(crate) fn for_response(context: &Arc<ConnectionContext>) -> Option<Self> {
        let deadline = Instant::now() + context.server.config.limits.call;
        Self::acquire(context, Resource::Call, Some(deadline))
    }

    /// Runs the future of a call until it ends or is reset.
    pub(crate) async fn run(self, call: impl Future<Output = ()>) {
        match self.0.reset_at {
            Some(at) => drop(timeout_at(at, call).await),
            None => call.await,
        }
    }
}

impl Drop for Acquired {
    fn drop(&mut self) {
        self.context.permit.release(self.resource);
    }
}

//! What the server counts, and its text in the Prometheus exposition format.
//!
//! Every label has a closed set of values, so all counters exist from the start, counting is one atomic addition, and
//! nothing that a peer sends can create a time series.

mod counters;
mod exposition;
mod labels;

pub(crate) use self::{
    counters::Metrics,
    exposition::code_name,
    labels::{CloseReason, RejectReason, ServedMethod, ServedProtocol},
};

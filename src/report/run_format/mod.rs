//! The machine-readable form of a report: the objects of a saved run.
//!
//! `json` writes them as one document and `jsonl` as lines. Field names are snake_case, times in milliseconds,
//! instants after RFC 3339, and absent values an explicit `null`. Changes only add fields.

mod answers;
mod endpoint;
mod frame;
mod ranking;

pub use self::{
    answers::AnswerLine,
    endpoint::{EndpointLine, ListedEndpoint, endpoints},
    frame::{Header, RoundTimes, SummaryLine, VERSION},
    ranking::{
        ByField, LikeLine, NearestLine, OutlierLine, PairLine, TwinsLine, outliers, pairs,
        per_person, twins,
    },
};
pub(crate) use self::{
    answers::answers,
    endpoint::{PhasesMs, duration},
};

//! labrpc asks many machines one question over gRPC, at once, and ranks the answers.

pub mod board;
pub mod check;
pub mod lab;
pub mod pb;
pub mod profile;
pub mod report;
pub mod serve;
pub mod similarity;
pub mod survey;
pub mod tls;
pub mod untrusted;

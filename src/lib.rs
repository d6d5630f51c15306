//! labrpc calls one gRPC method on many machines at once, accounts for every one of them, and ranks the answers.
//!
//! Start here:
//!
//! - [`serve::run`] answers with one profile on one port, over gRPC, HTTP/1 and the raw JSON protocol.
//! - [`survey::run`] asks every endpoint of a list a [`question`] concurrently; each gets exactly one outcome.
//! - [`compare::groups`] groups equal answers, and [`compare::differences`] shows how two differ.
//! - [`similarity::rank`] finds the closest pairs, exactly.
//!
//! Each module uses only modules in rows below it; modules in one row do not use each other.
//!
//! ```text
//! board  check
//! report
//! lab
//! question
//! serve  survey  compare  similarity
//! schema  tls
//! path  profile
//! file  http1  named  pb  untrusted
//! ```

pub mod board;
pub mod check;
pub mod compare;
mod file;
mod http1;
pub mod lab;
mod named;
pub mod path;
pub mod pb;
pub mod profile;
pub mod question;
pub mod report;
pub mod schema;
pub mod serve;
pub mod similarity;
pub mod survey;
pub mod tls;
pub mod untrusted;

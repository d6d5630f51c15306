//! The host list: which endpoints a survey asks, in which order.
//!
//! A list is checked as a whole before any endpoint is asked, so that a typing error in its last line costs nothing.
//! It is kept as expressions: an expansion of a million endpoints is eight bytes each until one is needed.
//!
//! ```
//! use labrpc::survey::hosts::Builder;
//!
//! let mut builder = Builder::default();
//! builder.read("hosts.txt", b"192.168.1.[1-3,7]  # the first row\nlab09.example:2048\n");
//! let hosts = builder.build()?;
//! assert_eq!(hosts.len(), 5);
//! assert_eq!(hosts.get(3).to_string(), "192.168.1.7:1024");
//! # Ok::<(), labrpc::survey::hosts::Errors>(())
//! ```

mod builder;
mod exclusions;
mod expression;
mod fold;
mod input;
mod kubernetes;
mod labels;
mod list;
mod parse;
mod part;
mod pattern;
mod problem;
mod token;

pub(crate) use self::list::{Addresses, resolved_len};
pub use self::{
    builder::{Builder, DEFAULT_MAX_HOSTS, exactly_one},
    fold::fold,
    labels::{LabelInterner, Labels},
    list::Hosts,
    part::{Part, Shard},
    problem::{Error, Errors, Location, Position, Problem},
};

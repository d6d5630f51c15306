//! Schemas that are known at run time only: descriptors from files or from reflection, and the messages that they
//! describe.
//!
//! A [`Schema`] is built in, compiled from `.proto` files, read from a file of descriptors, or collected from a
//! server's reflection. It gives the [`Method`] that is called. Nothing here opens a socket: reflection is handed
//! something that performs the exchange.

mod descriptor;
mod editions;
mod error;
mod files;
mod link;
mod method;
mod paths;
pub mod reflection;
mod source;
mod value;
mod value_error;
mod well_known;
mod wire;

pub use self::{
    error::{Error, Names},
    method::{Method, MethodName},
    source::Schema,
    value_error::ValueError,
};

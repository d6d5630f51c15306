//! What every HTTP/1 listener of this program shares: one request a connection, short answers, and protection against
//! other sites' pages.

mod connection;
mod response;
mod same_site;

pub(crate) use self::{
    connection::{RequestLimits, serve_one},
    response::{response, text, wrong_target},
    same_site::{host_name, require_same_site},
};

//! From PEM files to rustls configurations, for servers and for clients; and the lab's own CA.
//!
//! Errors name the file and the remedy. CRLs and OCSP are not checked: the certificates of a lab are valid for a
//! term, and access ends when a certificate is not renewed.

pub mod ca;
mod client_config;
mod error;
mod pem_files;
mod server_config;

pub(crate) use self::server_config::server_with;
pub use self::{
    client_config::client,
    error::Error,
    server_config::{ServerFiles, server},
};

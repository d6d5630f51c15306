//! Why there is no TLS configuration.

use std::{io, path::PathBuf};

use rustls::pki_types::pem;

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is far too large for a certificate chain or a key.
    #[error("{path} is too large for a PEM file; is it the right one?")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file's PEM is damaged, for instance truncated.
    #[error("{path} is damaged: {source:?}; was it copied as a whole?")]
    Pem {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        source: pem::Error,
    },
    /// A file does not contain what it should.
    #[error("{path} has no {what} in PEM form; it should have a line -----BEGIN {}-----", .what.to_uppercase())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is missing: "certificate" or "private key".
        what: &'static str,
    },
    /// The key is protected by a passphrase.
    #[error("{path} is protected by a passphrase; openssl pkey -in {path} writes it without one")]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error("{key} is not the key of {cert}; were the two made together?")]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// rustls rejects a certificate or key.
    #[error("{path} cannot be used: {source}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The error of rustls.
        source: rustls::Error,
    },
    /// The system has no CA certificates.
    #[error(
        "this system has no CA certificates; name the lab's with --cacert, or in SSL_CERT_FILE"
    )]
    NoRoots,
}

impl Error {
    /// Whether a file could not be read at all.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

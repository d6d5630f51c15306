//! The configuration of a server.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ServerConfig, crypto::ring, server::WebPkiClientVerifier};

use crate::{
    file,
    tls::{error::Error, pem_files},
};

/// The files of a server's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// The certificate chain, the server's own first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The CA of the callers that are admitted; without it callers need no certificate.
    pub client_ca: Option<PathBuf>,
}

impl ServerFiles {
    /// Every file, to be watched for changes.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.cert, &self.key]
            .into_iter()
            .chain(&self.client_ca)
            .map(PathBuf::as_path)
    }
}

/// The configuration of a server, with ALPN h2 and http/1.1.
///
/// # Errors
/// [`Error`] with the file at fault.
pub fn server(files: &ServerFiles) -> Result<Arc<ServerConfig>, Error> {
    server_with(file::read, files)
}

pub(crate) fn server_with(
    read: file::Reader,
    files: &ServerFiles,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider was made for the default versions");
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(pem_files::roots(read, path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|_| Error::Missing {
                    path: path.clone(),
                    what: "certificate",
                })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (chain, key) = pem_files::identity(read, &files.cert, &files.key)?;
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|source| pem_files::identity_error(&files.cert, &files.key, source))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

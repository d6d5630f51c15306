//! The configuration of a client.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{
    file,
    tls::{error::Error, pem_files},
};

/// The configuration of a client, with ALPN h2.
///
/// It trusts the CA certificates in the file `ca`, without one those of the system (or of `SSL_CERT_FILE`), and
/// with `insecure` every certificate. `identity_files` are a certificate file and a key file for mutual TLS.
///
/// # Errors
/// [`Error`] with the file at fault, or [`Error::NoRoots`] when the system has no CA certificates.
pub fn client(
    ca: Option<&Path>,
    identity_files: Option<(&Path, &Path)>,
    insecure: bool,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider was made for the default versions");
    let builder = if insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(NoServerVerification(provider)))
    } else {
        builder.with_root_certificates(match ca {
            Some(path) => pem_files::roots(file::read, path)?,
            None => system_roots()?,
        })
    };
    let mut config = match identity_files {
        None => builder.with_no_client_auth(),
        Some((cert, key_file)) => {
            let (chain, key) = pem_files::identity(file::read, cert, key_file)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|source| pem_files::identity_error(cert, key_file, source))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read some of the system's CA certificates");
    }
    // Systems have a few old certificates that rustls rejects; the others are still usable.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(Error::NoRoots);
    }
    Ok(roots)
}

/// Accepts every certificate, but still verifies that the server has the key of the certificate it shows.
#[derive(Debug)]
struct NoServerVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoServerVerification {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

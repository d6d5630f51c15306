//! From PEM files to rustls configurations, for servers and for clients.
//!
//! Errors name the file and the way out. What is given up: CRLs and OCSP. A lab's certificates live for a
//! term, and whoever must be shut out gets no new one.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject as _},
    },
    server::WebPkiClientVerifier,
};

use crate::file;

pub mod authority;

/// More than any chain or key; a file beyond it is the wrong file.
const MAX_FILE: u64 = 1024 * 1024;

/// The files of a server's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate chain, the server's own first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The CA of the callers that are let in; absent for everybody.
    pub client_ca: Option<PathBuf>,
}

impl Files {
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
pub fn server(files: &Files) -> Result<Arc<ServerConfig>, Error> {
    server_with(file::read, files)
}

pub(crate) fn server_with(read: file::Reader, files: &Files) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider was made for the default versions");
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots(read, path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|_| Error::Missing {
                    path: path.clone(),
                    what: "certificate",
                })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (chain, key) = identity(read, &files.cert, &files.key)?;
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|source| pair_error(&files.cert, &files.key, source))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The configuration of a client, with ALPN h2.
///
/// It trusts the CA certificates in the file `ca`, without one those of the system (or of `SSL_CERT_FILE`), and
/// with `insecure` anybody at all. `identity` is a certificate file and a key file for mutual TLS.
///
/// # Errors
/// [`Error`] with the file at fault, or [`Error::NoRoots`] when the system trusts nobody.
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
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    } else {
        builder.with_root_certificates(match ca {
            Some(path) => roots(file::read, path)?,
            None => system_roots()?,
        })
    };
    let mut config = match identity_files {
        None => builder.with_no_client_auth(),
        Some((cert, key_file)) => {
            let (chain, key) = identity(file::read, cert, key_file)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|source| pair_error(cert, key_file, source))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

/// Why there is no TLS configuration.
#[derive(Debug)]
pub enum Error {
    /// A file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is far too large to be what it should.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file's PEM is damaged, for instance cut off.
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file holds PEM, or none, but not what it should.
    Missing {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The key is protected by a passphrase.
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate or key is not one that rustls takes.
    Unusable {
        /// The file.
        path: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
    /// The system has no CA certificates.
    NoRoots,
}

impl Error {
    /// Whether a file could not be read at all.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Self::TooLarge { path } => write!(
                f,
                "{} is larger than {MAX_FILE} bytes and no PEM file; is it the right one?",
                path.display()
            ),
            Self::Pem { path, source } => write!(
                f,
                "{} is damaged: {source:?}; was it copied as a whole?",
                path.display()
            ),
            Self::Missing { path, what } => write!(
                f,
                "{} has no {what} in PEM form; it should have a line -----BEGIN {}-----",
                path.display(),
                if *what == "certificate" {
                    "CERTIFICATE"
                } else {
                    "PRIVATE KEY"
                }
            ),
            Self::Encrypted { path } => write!(
                f,
                "{} is protected by a passphrase; openssl pkey -in {0} writes it without one",
                path.display()
            ),
            Self::Mismatch { cert, key } => write!(
                f,
                "{} is not the key of {}; were the two made together?",
                key.display(),
                cert.display()
            ),
            Self::Unusable { path, source } => {
                write!(f, "{} cannot be used: {source}", path.display())
            }
            Self::NoRoots => f.write_str(
                "this system has no CA certificates; name the lab's with --cacert, or in SSL_CERT_FILE",
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Pem { source, .. } => Some(source),
            Self::Unusable { source, .. } => Some(source),
            _ => None,
        }
    }
}

fn bounded(read: file::Reader, path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = read(path, MAX_FILE + 1).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

fn certificates(read: file::Reader, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = bounded(read, path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|source| Error::Pem {
            path: path.to_owned(),
            source,
        })?;
    if certificates.is_empty() {
        return Err(Error::Missing {
            path: path.to_owned(),
            what: "certificate",
        });
    }
    Ok(certificates)
}

fn identity(
    read: file::Reader,
    cert: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let chain = certificates(read, cert)?;
    let pem = bounded(read, key)?;
    let path = key.to_owned();
    // PKCS #8 says so in the label, the older form in a header (RFC 7468, section 11; RFC 1421).
    let encrypted = [
        &b"BEGIN ENCRYPTED PRIVATE KEY"[..],
        b"Proc-Type: 4,ENCRYPTED",
    ]
    .iter()
    .any(|mark| pem.windows(mark.len()).any(|window| window == *mark));
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok((chain, key)),
        Err(_) if encrypted => Err(Error::Encrypted { path }),
        Err(pem::Error::NoItemsFound) => Err(Error::Missing {
            path,
            what: "private key",
        }),
        Err(source) => Err(Error::Pem { path, source }),
    }
}

fn pair_error(cert: &Path, key: &Path, source: rustls::Error) -> Error {
    match source {
        rustls::Error::InconsistentKeys(_) => Error::Mismatch {
            cert: cert.to_owned(),
            key: key.to_owned(),
        },
        rustls::Error::InvalidCertificate(_) => Error::Unusable {
            path: cert.to_owned(),
            source,
        },
        source => Error::Unusable {
            path: key.to_owned(),
            source,
        },
    }
}

fn roots(read: file::Reader, path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(read, path)? {
        roots.add(certificate).map_err(|source| Error::Unusable {
            path: path.to_owned(),
            source,
        })?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "some of the system's CA certificates could not be read");
    }
    // Systems carry a few old certificates that rustls does not take; the others are still good.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(Error::NoRoots);
    }
    Ok(roots)
}

/// Believes every server, but still checks that it has the key of the certificate it shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
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

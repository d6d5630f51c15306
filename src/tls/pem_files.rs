//! Certificates and keys from PEM files, read whole and up to a limit.

use std::path::Path;

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};

use crate::{file, tls::error::Error};

/// More than any chain or key needs; a larger file is the wrong one.
const MAX_FILE: u64 = 1024 * 1024;

fn read_bounded(read: file::Reader, path: &Path) -> Result<Vec<u8>, Error> {
    let path_buf = || path.to_owned();
    let bytes = read(path, MAX_FILE + 1).map_err(|source| Error::Read {
        path: path_buf(),
        source,
    })?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::TooLarge { path: path_buf() });
    }
    Ok(bytes)
}

fn certificates(read: file::Reader, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = read_bounded(read, path)?;
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

/// A certificate chain and its private key.
pub(crate) fn identity(
    read: file::Reader,
    cert: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let chain = certificates(read, cert)?;
    let pem = read_bounded(read, key)?;
    let path = key.to_owned();
    // PKCS #8 marks encryption in the label, the older form in a header (RFC 7468, section 11; RFC 1421).
    let is_encrypted = [
        &b"BEGIN ENCRYPTED PRIVATE KEY"[..],
        b"Proc-Type: 4,ENCRYPTED",
    ]
    .iter()
    .any(|mark| memchr::memmem::find(&pem, mark).is_some());
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok((chain, key)),
        Err(_) if is_encrypted => Err(Error::Encrypted { path }),
        Err(pem::Error::NoItemsFound) => Err(Error::Missing {
            path,
            what: "private key",
        }),
        Err(source) => Err(Error::Pem { path, source }),
    }
}

/// The error of rustls for an identity, with the file that it is about.
pub(crate) fn identity_error(cert: &Path, key: &Path, source: rustls::Error) -> Error {
    let path = match source {
        rustls::Error::InconsistentKeys(_) => {
            return Error::Mismatch {
                cert: cert.to_owned(),
                key: key.to_owned(),
            };
        }
        rustls::Error::InvalidCertificate(_) => cert.to_owned(),
        _ => key.to_owned(),
    };
    Error::Unusable { path, source }
}

/// The CA certificates in a file.
pub(crate) fn roots(read: file::Reader, path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(read, path)? {
        roots.add(certificate).map_err(|source| Error::Unusable {
            path: path.to_owned(),
            source,
        })?;
    }
    Ok(roots)
}

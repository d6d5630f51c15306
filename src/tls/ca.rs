//! A lab's own certificate authority (CA): two commands, and every machine of a room has a certificate.
//!
//! The CA is two files in one folder; its private key, `ca.key.pem`, can issue a certificate for any name. No file
//! is ever overwritten: a new CA under an old name would invalidate every certificate that the old one issued.

use std::{
    fmt, fs,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, string::Ia5String,
};
use rustls::pki_types::{CertificateDer, DnsName, pem::PemObject as _};

use crate::{
    tls::{
        error,
        server_config::{ServerFiles, server},
    },
    untrusted::Untrusted,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Certificates are valid from a day ago on, because the clocks of a room differ.
const BACKDATED: Duration = DAY;

/// Ten years: a CA outlives a course of study.
const CA_VALIDITY: Duration = DAY.saturating_mul(3650);

/// 825 days: the longest validity that Apple's systems accept in a certificate of a private CA.
const VALIDITY: Duration = DAY.saturating_mul(825);

/// The two files of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertFiles {
    /// The certificate.
    pub cert: PathBuf,
    /// The private key, readable by its owner only.
    pub key: PathBuf,
}

impl CertFiles {
    fn in_folder(dir: &Path, stem: &str) -> Self {
        Self {
            cert: dir.join(format!("{stem}.pem")),
            key: dir.join(format!("{stem}.key.pem")),
        }
    }

    /// Writes both, or neither.
    fn write(&self, cert: &str, key: &KeyPair) -> Result<(), Error> {
        create_file(&self.key, &key.serialize_pem(), 0o600)?;
        create_file(&self.cert, cert, 0o644).inspect_err(|_| {
            // Without its certificate the new key is useless.
            let _ = fs::remove_file(&self.key);
        })
    }
}

/// A name in a certificate: an IP address or a host name, which may begin with `*.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertName(SanType);

impl CertName {
    /// The name as the stem of a file's name. Windows allows neither `*` nor `:` there.
    fn stem(&self) -> String {
        self.to_string().replace('*', "_").replace(':', "-")
    }
}

impl FromStr for CertName {
    type Err = CertNameError;

    /// # Errors
    /// [`CertNameError`] for what is neither an IP address nor a host name (RFC 1123, section 2.1), or consists of digits, dots
    /// and hyphens only.
    fn from_str(text: &str) -> Result<Self, CertNameError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(SanType::IpAddress(address)));
        }
        let host = text.strip_prefix("*.").unwrap_or(text);
        // RFC 1123 has neither of the two that `DnsName` allows: a final dot and underscores.
        let is_host =
            DnsName::try_from(host).is_ok() && !host.ends_with('.') && !host.contains('_');
        // A mistyped or abbreviated address, such as 192.0.2.300 or 192.0.2.1-40.
        let is_numeric = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit() || b".-".contains(&byte))
        };
        match Ia5String::try_from(text) {
            Ok(name) if is_host && !is_numeric(host) => Ok(Self(SanType::DnsName(name))),
            _ => Err(CertNameError(Untrusted::new(text))),
        }
    }
}

impl fmt::Display for CertName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            SanType::IpAddress(address) => address.fmt(f),
            SanType::DnsName(name) => f.write_str(name.as_str()),
            // `from_str` makes only the two above.
            _ => Ok(()),
        }
    }
}

/// A text that is neither an IP address nor a host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is neither an IP address nor a host name, such as 192.0.2.7 or seat7.lab.example")]
pub struct CertNameError(Untrusted);

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file with that name exists already.
    #[error("{0} exists already, and nothing is overwritten; remove it, or choose another folder")]
    Exists(PathBuf),
    /// The folder has no CA.
    #[error("{0} has no ca.pem and ca.key.pem; labrpc certs ca {0} makes them")]
    NoCa(PathBuf),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The CA's files are damaged, or not a certificate and its key.
    #[error("{0}")]
    Pair(#[source] error::Error),
    /// The certificate in `ca.pem` is not that of a CA.
    #[error(
        "{path} is not the certificate of a CA (it lacks {lacks}); what it signs could not be verified"
    )]
    NotCa {
        /// The file.
        path: PathBuf,
        /// The missing extension.
        lacks: &'static str,
    },
    /// rcgen cannot sign with the CA's files.
    #[error("cannot sign with ca.pem and ca.key.pem in {dir}: {source}")]
    UnusableCa {
        /// The folder.
        dir: PathBuf,
        /// The error of rcgen.
        source: rcgen::Error,
    },
    /// The certificate could not be made.
    #[error("cannot make the certificate: {0}")]
    Make(#[source] rcgen::Error),
}

/// Makes a new CA: `ca.pem`, which is public, and `ca.key.pem`. The folder is created if it is missing.
///
/// # Errors
/// [`Error::Exists`] when there is a CA already, [`Error::File`] when it cannot be written.
pub fn create(dir: &Path) -> Result<CertFiles, Error> {
    fs::create_dir_all(dir).map_err(|source| Error::File {
        path: dir.to_owned(),
        source,
    })?;
    let key = KeyPair::generate().map_err(Error::Make)?;
    let mut params = params("labrpc lab CA", CA_VALIDITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let cert = params.self_signed(&key).map_err(Error::Make)?;
    let files = CertFiles::in_folder(dir, "ca");
    files.write(&cert.pem(), &key)?;
    Ok(files)
}

/// Makes one certificate for all of `first` and `others`, signed by the CA in `dir`, as `FIRST.pem` and
/// `FIRST.key.pem`. It is valid for servers and for clients.
///
/// # Errors
/// [`Error::NoCa`] without a CA, [`Error::Exists`] when a file exists already, [`Error::File`] when one
/// cannot be read or written, [`Error::Pair`], [`Error::NotCa`] and [`Error::UnusableCa`] when
/// the CA's files cannot sign.
pub fn issue(dir: &Path, first: &CertName, others: &[CertName]) -> Result<CertFiles, Error> {
    let ca = CertFiles::in_folder(dir, "ca");
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::NoCa(dir.to_owned()),
            _ => Error::File {
                path: path.to_owned(),
                source,
            },
        })
    };
    let (ca_cert, ca_key) = (read(&ca.cert)?, read(&ca.key)?);
    // rcgen would sign with a key that does not belong to the certificate; no client could verify the result.
    let pair = ServerFiles {
        cert: ca.cert,
        key: ca.key,
        client_ca: None,
    };
    server(&pair).map_err(Error::Pair)?;
    require_ca(&pair.cert, &ca_cert)?;
    let issuer = KeyPair::from_pem(&ca_key)
        .and_then(|key| Issuer::from_ca_cert_pem(&ca_cert, key))
        .map_err(|source| Error::UnusableCa {
            dir: dir.to_owned(),
            source,
        })?;

    let key = KeyPair::generate().map_err(Error::Make)?;
    let mut params = params(&first.to_string(), VALIDITY);
    params.subject_alt_names = std::iter::once(first)
        .chain(others)
        .map(|name| name.0.clone())
        .collect();
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let cert = params.signed_by(&key, &issuer).map_err(Error::Make)?;
    let files = CertFiles::in_folder(dir, &first.stem());
    files.write(&cert.pem(), &key)?;
    Ok(files)
}

/// Checks that the certificate may sign others, which rcgen does not. Verifiers look at both extensions (RFC 5280,
/// section 6.1.4 (k) and (n)).
fn require_ca(path: &Path, pem: &str) -> Result<(), Error> {
    let lacks = |lacks| {
        Err(Error::NotCa {
            path: path.to_owned(),
            lacks,
        })
    };
    let Ok(der) = CertificateDer::from_pem_slice(pem.as_bytes()) else {
        return lacks("a certificate");
    };
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(&der) else {
        return lacks("a certificate");
    };
    if !certificate.is_ca() {
        return lacks("CA:TRUE in its basic constraints");
    }
    match certificate.key_usage() {
        Ok(Some(usage)) if !usage.value.key_cert_sign() => lacks("keyCertSign in its key usage"),
        _ => Ok(()),
    }
}

fn params(common_name: &str, validity: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    // X.520 allows 64 characters. Only people read this name: clients verify the alternative names.
    let common_name: String = common_name.chars().take(64).collect();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let first = SystemTime::now() - BACKDATED;
    params.not_before = first.into();
    // Both ends are part of it (RFC 5280, section 4.1.2.5).
    params.not_after = (first + validity - Duration::from_secs(1)).into();
    params
}

/// Writes a file that must not exist yet.
fn create_file(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    // Windows has no modes; a file inherits the permissions of its folder.
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
        _ => Error::File {
            path: path.to_owned(),
            source,
        },
    })?;
    file.write_all(text.as_bytes()).map_err(|source| {
        // A partial file is useless, and would make the next attempt fail with `Exists`.
        let _ = fs::remove_file(path);
        Error::File {
            path: path.to_owned(),
            source,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_is_valid_for_exactly_825_days() {
        let params = params("127.0.0.1", VALIDITY);
        let between = params.not_after - params.not_before;
        assert_eq!(between.whole_seconds() + 1, 825 * 24 * 3600);
    }
}

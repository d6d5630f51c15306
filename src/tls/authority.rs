//! A lab's own certificate authority: two commands, and every machine of a room has a certificate.
//!
//! The CA is two files in one folder; whoever can read `ca.key.pem` can be anybody. No file is ever
//! overwritten, for a new CA under an old name locks out everybody who trusts the old one.

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
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::{tls, untrusted::Untrusted};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Clocks in a room differ; a certificate that begins tomorrow is a bad start into a lesson.
const BACKDATED: Duration = DAY;

/// A CA outlives a course of study.
const CA_LIFE: Duration = DAY.saturating_mul(3650);

/// The longest that Apple's systems accept in a certificate of a private CA, from its first second to its last.
const LIFE: Duration = DAY.saturating_mul(825);

/// The two files of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate.
    pub cert: PathBuf,
    /// The private key, readable by its owner only.
    pub key: PathBuf,
}

impl Files {
    fn of(dir: &Path, stem: &str) -> Self {
        Self {
            cert: dir.join(format!("{stem}.pem")),
            key: dir.join(format!("{stem}.key.pem")),
        }
    }

    /// Writes both, or neither.
    fn write(&self, cert: &str, key: &KeyPair) -> Result<(), Error> {
        create(&self.key, &key.serialize_pem(), 0o600)?;
        create(&self.cert, cert, 0o644).inspect_err(|_| {
            // The key was made a moment ago and is of no use to anybody.
            let _ = fs::remove_file(&self.key);
        })
    }
}

/// A name that a certificate can be for: an IP address or a host name, `*.` in front of it allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(SanType);

impl Name {
    /// The name as the stem of a file's name; other systems allow neither `*` nor `:` there.
    fn stem(&self) -> String {
        self.to_string().replace('*', "_").replace(':', "-")
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// # Errors
    /// [`NameError`] for what is neither an IP address nor a host name (RFC 1123, section 2.1).
    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(SanType::IpAddress(address)));
        }
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let host = text.strip_prefix("*.").unwrap_or(text);
        // A last label of digits is a mistyped address.
        let is_host = text.len() <= 253
            && host.split('.').all(is_label)
            && host
                .rsplit('.')
                .next()
                .is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()));
        match Ia5String::try_from(text) {
            Ok(name) if is_host => Ok(Self(SanType::DnsName(name))),
            _ => Err(NameError(Untrusted::new(text))),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            SanType::IpAddress(address) => address.fmt(f),
            SanType::DnsName(name) => f.write_str(name.as_str()),
            // `from_str` makes no others.
            _ => Ok(()),
        }
    }
}

/// A text that no certificate can be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError(Untrusted);

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        write!(
            f,
            "\"{text}\" is neither an IP address nor a host name, such as 192.0.2.7 or seat7.lab.example"
        )
    }
}

impl std::error::Error for NameError {}

/// Why there is no new certificate.
#[derive(Debug)]
pub enum Error {
    /// A file with that name is there already.
    Exists(PathBuf),
    /// The folder has no CA.
    NoAuthority(PathBuf),
    /// A file could not be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The CA's files are damaged, or not a certificate and its key.
    Pair(tls::Error),
    /// The certificate in `ca.pem` is not that of a CA.
    NotCa {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        lacks: &'static str,
    },
    /// The CA's certificate is none that can sign.
    Authority {
        /// The folder.
        dir: PathBuf,
        /// What is wrong.
        source: rcgen::Error,
    },
    /// The certificate could not be made.
    Make(rcgen::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(path) => write!(
                f,
                "{} is there already, and nothing is overwritten; remove it, or choose another folder",
                path.display()
            ),
            Self::NoAuthority(dir) => write!(
                f,
                "{} has no ca.pem and ca.key.pem; labrpc certs ca {0} makes them",
                dir.display()
            ),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Pair(source) => source.fmt(f),
            Self::NotCa { path, lacks } => write!(
                f,
                "{} is not the certificate of a CA (it lacks {lacks}); what it signs could not be verified",
                path.display()
            ),
            Self::Authority { dir, source } => write!(
                f,
                "ca.pem and ca.key.pem in {} are no authority: {source}",
                dir.display()
            ),
            Self::Make(source) => write!(f, "the certificate could not be made: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Pair(source) => Some(source),
            Self::Authority { source, .. } | Self::Make(source) => Some(source),
            Self::Exists(_) | Self::NoAuthority(_) | Self::NotCa { .. } => None,
        }
    }
}

/// Makes a new CA: `ca.pem`, which everybody may have, and `ca.key.pem`. The folder is made if need be.
///
/// # Errors
/// [`Error::Exists`] when there is one already, [`Error::File`] when it cannot be written.
pub fn create_authority(dir: &Path) -> Result<Files, Error> {
    fs::create_dir_all(dir).map_err(|source| Error::File {
        path: dir.to_owned(),
        source,
    })?;
    let key = KeyPair::generate().map_err(Error::Make)?;
    let mut params = params("labrpc lab CA", CA_LIFE);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let cert = params.self_signed(&key).map_err(Error::Make)?;
    let files = Files::of(dir, "ca");
    files.write(&cert.pem(), &key)?;
    Ok(files)
}

/// Makes one certificate for all of `first` and `others`, signed by the CA in `dir`, as `FIRST.pem` and
/// `FIRST.key.pem`. It is good for servers and for callers.
///
/// # Errors
/// [`Error::NoAuthority`] without a CA, [`Error::Exists`] when a file is there already, [`Error::File`] when one
/// cannot be read or written, [`Error::Pair`], [`Error::NotCa`] and [`Error::Authority`] when the CA's files are no authority.
pub fn issue(dir: &Path, first: &Name, others: &[Name]) -> Result<Files, Error> {
    let ca = Files::of(dir, "ca");
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::NoAuthority(dir.to_owned()),
            _ => Error::File {
                path: path.to_owned(),
                source,
            },
        })
    };
    let (ca_cert, ca_key) = (read(&ca.cert)?, read(&ca.key)?);
    // rcgen would sign with whatever key there is, and nobody could verify it.
    let pair = tls::Files {
        cert: ca.cert,
        key: ca.key,
        client_ca: None,
    };
    tls::server(&pair).map_err(Error::Pair)?;
    require_ca(&pair.cert, &ca_cert)?;
    let issuer = KeyPair::from_pem(&ca_key)
        .and_then(|key| Issuer::from_ca_cert_pem(&ca_cert, key))
        .map_err(|source| Error::Authority {
            dir: dir.to_owned(),
            source,
        })?;

    let key = KeyPair::generate().map_err(Error::Make)?;
    let mut params = params(&first.to_string(), LIFE);
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
    let files = Files::of(dir, &first.stem());
    files.write(&cert.pem(), &key)?;
    Ok(files)
}

/// rcgen would sign with any certificate. Both extensions are what RFC 5280, section 6.1.4 (k) and (n), has verifiers
/// look at.
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

fn params(common_name: &str, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    // Nobody reads it but people; X.520 allows 64 characters.
    let common_name: String = common_name.chars().take(64).collect();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let first = SystemTime::now() - BACKDATED;
    params.not_before = first.into();
    // Both ends are part of it (RFC 5280, section 4.1.2.5).
    params.not_after = (first + life - Duration::from_secs(1)).into();
    params
}

/// Writes a file that must not be there yet.
fn create(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    // Windows has no modes: there a file has its folder's permissions.
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
        // A part of it is of no use, and would be in the way of the next attempt.
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
    fn a_certificate_is_valid_for_its_life_and_not_a_second_longer() {
        let params = params("127.0.0.1", LIFE);
        let between = params.not_after - params.not_before;
        assert_eq!(between.whole_seconds() + 1, 825 * 24 * 3600);
    }
}

//! What a peer did wrong, in the words of its author. The libraries' own texts name their types and internals.

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// Why a gRPC answer has no message that can be decoded, by tonic's text for it.
pub(crate) fn message_error(text: &str) -> &str {
    if text.contains("Missing response message") {
        return "the call ended with OK and without a message";
    }
    if text.contains("compress") {
        return "the message is compressed, which this client has not offered to accept";
    }
    if text.contains("Unexpected EOF") {
        return "the message ends too early";
    }
    text
}

/// Why a TLS handshake failed.
pub(crate) fn tls_error(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(error) => certificate_error(error),
        TlsError::InvalidMessage(_) => {
            "the answer is not TLS; a server without TLS is asked without --cacert".to_owned()
        }
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server requires a client certificate; give --cert and --key".to_owned()
        }
        TlsError::NoApplicationProtocol
        | TlsError::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "the server does not offer HTTP/2 inside TLS (ALPN h2)".to_owned()
        }
        TlsError::AlertReceived(alert) => {
            format!(
                "the server ended the handshake: {}",
                words(&format!("{alert:?}"))
            )
        }
        other => other.to_string(),
    }
}

fn certificate_error(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is not from a CA that is trusted here".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; is a clock wrong?".to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            // `DnsName("lab01.example")`, `IpAddress(192.0.2.1)`
            let names = presented.iter().map(|name| {
                let name = name.split_once('(').map_or(&**name, |(_, name)| name);
                name.trim_matches(['(', ')', '"'])
            });
            match names.collect::<Vec<_>>().join(", ") {
                names if names.is_empty() => {
                    format!(
                        "the server's certificate is not for {expected}, but for no name at all"
                    )
                }
                names => format!("the server's certificate is not for {expected}, but for {names}"),
            }
        }
        CertificateError::NotValidForName => {
            "the server's certificate is not for this name".to_owned()
        }
        other => format!("the server's certificate is not accepted: {other}"),
    }
}

/// `HandshakeFailure` as `handshake failure`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_errors_have_no_names_of_the_library() {
        let name = rustls::pki_types::ServerName::try_from("foo.example").unwrap();
        let wrong_name = CertificateError::NotValidForNameContext {
            expected: name,
            presented: vec![
                "DnsName(\"lab01.example\")".into(),
                "IpAddress(127.0.0.1)".into(),
            ],
        };
        for (error, expected) in [
            (
                TlsError::InvalidCertificate(wrong_name),
                "the server's certificate is not for foo.example, but for lab01.example, 127.0.0.1",
            ),
            (
                TlsError::AlertReceived(AlertDescription::HandshakeFailure),
                "the server ended the handshake: handshake failure",
            ),
        ] {
            assert_eq!(tls_error(&error), expected);
        }
    }
}

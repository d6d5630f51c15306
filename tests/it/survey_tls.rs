//! The survey over TLS: trusted servers, untrusted ones, and servers without TLS.

use std::{path::PathBuf, time::Duration};

use labrpc::{
    profile::Profile,
    question::GetProfile,
    survey::{self, Config, Tls, endpoint::Endpoint, outcome::Outcome},
    tls::{self, ca},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::peer;

/// A certificate authority in a folder of its own, and one certificate for a name.
struct Authority {
    folder: tempfile::TempDir,
    own: (PathBuf, PathBuf),
}

impl Authority {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        ca::create(folder.path()).unwrap();
        let name = name.parse().unwrap();
        let ca::CertFiles { cert, key } = ca::issue(folder.path(), &name, &[]).unwrap();
        Self {
            folder,
            own: (cert, key),
        }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A gRPC server behind TLS. With `client_ca` it requires client certificates of that authority.
    async fn server(&self, client_ca: Option<PathBuf>) -> Endpoint {
        let (cert, key) = self.own.clone();
        let config = tls::server(&tls::ServerFiles {
            cert,
            key,
            client_ca,
        });
        let acceptor = TlsAcceptor::from(config.unwrap());
        let plain = peer::grpc(Ok(peer::profile("a"))).await.address.to_string();
        peer::peer(move |stream| {
            let (acceptor, plain) = (acceptor.clone(), plain.clone());
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut plain = TcpStream::connect(plain).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
            }
        })
        .await
    }

    /// A client that trusts this authority.
    fn client(&self, identity: Option<&Self>) -> Config {
        let identity = identity.map(|other| (&*other.own.0, &*other.own.1));
        let config = tls::client(Some(&self.ca()), identity, false).unwrap();
        Config {
            max_time: Duration::from_secs(2),
            tls: Some(Tls {
                config,
                authority: None,
            }),
            ..Config::default()
        }
    }
}

async fn asked(endpoint: &Endpoint, config: &Config) -> Outcome<Profile> {
    survey::ask(endpoint, &GetProfile, config).await.outcome
}

#[tokio::test]
async fn server_with_a_trusted_certificate_answers() {
    let lab = Authority::new("127.0.0.1");
    let answer = survey::ask(&lab.server(None).await, &GetProfile, &lab.client(None)).await;
    assert_eq!(answer.outcome.name(), "ok");
    assert!(answer.phases.tls.is_some());
}

#[tokio::test]
async fn certificate_of_another_authority_or_name_is_rejected() {
    let (lab, other) = (Authority::new("127.0.0.1"), Authority::new("lab.example"));
    let outcome = asked(&lab.server(None).await, &other.client(None)).await;
    assert_eq!(outcome.name(), "tls");

    let server = other.server(None).await;
    let mut config = other.client(None);
    assert_eq!(asked(&server, &config).await.name(), "tls");
    config.tls.as_mut().unwrap().authority = Some("lab.example".parse().unwrap());
    assert_eq!(asked(&server, &config).await.name(), "ok");
}

#[tokio::test]
async fn client_without_a_trusted_certificate_is_rejected() {
    let (lab, other) = (Authority::new("127.0.0.1"), Authority::new("127.0.0.1"));
    let server = lab.server(Some(lab.ca())).await;
    for untrusted in [lab.client(None), lab.client(Some(&other))] {
        // In TLS 1.3 the rejection comes after the handshake, in place of the answer.
        assert_eq!(asked(&server, &untrusted).await.name(), "tls");
    }
    assert_eq!(asked(&server, &lab.client(Some(&lab))).await.name(), "ok");
}

#[tokio::test]
async fn server_without_tls_is_a_tls_failure_or_a_tls_timeout() {
    let lab = Authority::new("127.0.0.1");
    let mut config = lab.client(None);
    let text = peer::says(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    assert_eq!(asked(&text, &config).await.name(), "tls");
    config.max_time = Duration::from_millis(200);
    let outcome = asked(&peer::mute().await, &config).await;
    assert_eq!(outcome.detail().as_deref(), Some("tls"));
    assert_eq!(outcome.name(), "timeout");
}

#[tokio::test]
async fn plaintext_to_a_tls_server_has_a_hint() {
    let lab = Authority::new("127.0.0.1");
    let outcome = asked(&lab.server(None).await, &Config::default()).await;
    assert!(outcome.hint().unwrap().contains("--cacert"), "{outcome:?}");
    assert_eq!(outcome.name(), "not_grpc");
}

#[tokio::test]
async fn raw_endpoint_is_asked_without_tls() {
    let lab = Authority::new("127.0.0.1");
    let text = br#"{"id":"a","height":178,"weight":60,"size":"M"}"#;
    let raw = Endpoint {
        raw: true,
        ..peer::says(text).await
    };
    assert_eq!(asked(&raw, &lab.client(None)).await.name(), "ok");
}

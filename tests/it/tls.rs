//! A lab's own certificates, and which clients a server with one of them admits.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use labrpc::{
    pb::GetProfileRequest,
    serve::{Config, limits::Limits},
    tls::{self, Error, ca},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::Instant,
};
use tokio_rustls::TlsConnector;

use crate::{
    serve::running::{JSON, Running, config, output},
    support::tool,
};

/// A folder with a CA and a certificate for `127.0.0.1` and `localhost`.
struct Lab {
    dir: tempfile::TempDir,
    files: tls::ServerFiles,
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        ca::create(dir.path()).unwrap();
        let names = ["127.0.0.1", "localhost"].map(|name| name.parse().unwrap());
        let [first, others @ ..] = &names;
        let ca::CertFiles { cert, key } = ca::issue(dir.path(), first, others).unwrap();
        Self {
            dir,
            files: tls::ServerFiles {
                cert,
                key,
                client_ca: None,
            },
        }
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate of this CA for a caller.
    fn caller(&self) -> (PathBuf, PathBuf) {
        let name = "caller.example".parse().unwrap();
        let ca::CertFiles { cert, key } = ca::issue(self.dir.path(), &name, &[]).unwrap();
        (cert, key)
    }

    /// The same, but expired.
    fn expired_caller(&self) -> (PathBuf, PathBuf) {
        let read = |name: &str| std::fs::read_to_string(self.dir.path().join(name)).unwrap();
        let ca_key = KeyPair::from_pem(&read("ca.key.pem")).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&read("ca.pem"), ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["caller.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 2, 1);
        let cert = params.signed_by(&key, &issuer).unwrap();
        let write = |name: &str, text: String| {
            let path = self.dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        (
            write("expired.pem", cert.pem()),
            write("expired.key.pem", key.serialize_pem()),
        )
    }

    fn server(&self, plaintext: bool, mutual: bool) -> Running {
        let files = tls::ServerFiles {
            client_ca: mutual.then(|| self.ca()),
            ..self.files.clone()
        };
        Running::start(Config {
            tls: Some(watch::channel(tls::server(&files).unwrap()).1),
            plaintext,
            ..config()
        })
    }
}

/// Asks for the profile over TLS with a generated client.
async fn ask(server: &Running, client: Arc<rustls::ClientConfig>) -> Result<String, String> {
    let mut client = server.tls_client(client).await?;
    let response = client.get_profile(GetProfileRequest {}).await;
    response
        .map(|response| response.into_inner().id)
        .map_err(|status| format!("{status:?}"))
}

#[tokio::test]
async fn client_accepts_a_server_only_if_it_trusts_the_ca() {
    let lab = Lab::new();
    let server = lab.server(false, false);
    let trusting = tls::client(Some(&lab.ca()), None, false).unwrap();
    assert_eq!(ask(&server, trusting).await.unwrap(), "1527406014");
    let insecure = tls::client(None, None, true).unwrap();
    assert_eq!(ask(&server, insecure).await.unwrap(), "1527406014");

    let other = Lab::new();
    let distrusting = tls::client(Some(&other.ca()), None, false).unwrap();
    let error = ask(&server, distrusting).await.unwrap_err();
    assert!(
        error.contains("UnknownIssuer") || error.contains("BadSignature"),
        "{error}"
    );
}

#[tokio::test]
async fn grpcurl_uses_tls_by_default_and_plaintext_only_if_enabled() {
    let Some(grpcurl) = tool("grpcurl") else {
        return;
    };
    let lab = Lab::new();
    for plaintext in [false, true] {
        let server = lab.server(plaintext, false);
        let ask = |flags: &[&str]| {
            let mut command = Command::new(&grpcurl);
            command
                .env("SSL_CERT_FILE", lab.ca())
                .args(flags)
                .arg(server.address.to_string())
                .arg("lab.Profile/GetProfile");
            command
        };
        let printed = output(&mut ask(&[])).await;
        assert!(printed.contains("1527406014"), "{printed}");
        let mut command = ask(&["-plaintext", "-max-time", "5"]);
        let plain = tokio::task::spawn_blocking(move || command.output().unwrap());
        assert_eq!(plain.await.unwrap().status.success(), plaintext);
    }
}

#[tokio::test]
async fn mutual_tls_rejects_clients_without_a_valid_certificate() {
    let lab = Lab::new();
    let server = lab.server(false, true);
    let ask_as = async |caller: Option<(PathBuf, PathBuf)>| {
        let identity = caller
            .as_ref()
            .map(|(cert, key)| (cert.as_path(), key.as_path()));
        let client = tls::client(Some(&lab.ca()), identity, false).unwrap();
        ask(&server, client).await
    };
    assert_eq!(ask_as(Some(lab.caller())).await.unwrap(), "1527406014");
    for (caller, alert) in [
        (None, "CertificateRequired"),
        (Some(Lab::new().caller()), "UnknownCA"),
        (Some(lab.expired_caller()), "CertificateExpired"),
    ] {
        let error = ask_as(caller).await.unwrap_err();
        // Two CAs of the same name differ by their keys only.
        assert!(
            error.contains(alert) || alert == "UnknownCA" && error.contains("DecryptError"),
            "{alert}: {error}"
        );
    }
}

#[tokio::test]
async fn http_is_served_inside_tls_and_raw_is_not() {
    let lab = Lab::new();
    let server = lab.server(false, false);
    let mut client = (*tls::client(Some(&lab.ca()), None, false).unwrap()).clone();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = TlsConnector::from(Arc::new(client));
    let connect = async |address| {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        connector.connect(name, stream).await.unwrap()
    };
    let mut stream = connect(server.address).await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    assert!(
        received.ends_with(&format!("\r\n\r\n{JSON}\n")),
        "{received}"
    );

    // Inside TLS a silent client gets nothing until its handshake timeout.
    let server = Running::start(Config {
        tls: Some(watch::channel(tls::server(&lab.files).unwrap()).1),
        limits: Limits {
            raw_delay: Duration::from_millis(500),
            handshake: Duration::from_secs(2),
            ..Limits::default()
        },
        plaintext: true,
        ..config()
    });
    let mut received = Vec::new();
    // The connection may end with an error.
    let _ = connect(server.address)
        .await
        .read_to_end(&mut received)
        .await;
    assert_eq!(received, b"");
}

#[tokio::test(start_paused = true)]
async fn stalled_tls_handshake_is_closed_at_handshake_deadline() {
    let server = Lab::new().server(false, false);
    // An incomplete record, and a complete record with an incomplete message.
    for hello in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"\x16\x03\x01\x00\x04\x01\x00\x02\x00",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(hello).await.unwrap();
        let start = Instant::now();
        let mut received = Vec::new();
        let _ = stream.read_to_end(&mut received).await;
        assert_eq!(received, b"");
        // The runtime's paused clock advances only while every task waits for it.
        let waited = start.elapsed().as_secs_f64();
        assert!((4.9..5.2).contains(&waited), "{waited} s");
    }
}

#[test]
fn ca_overwrites_no_file_and_keeps_keys_private() {
    let lab = Lab::new();
    let dir = lab.dir.path();
    let before = std::fs::read(dir.join("ca.pem")).unwrap();
    let error = ca::create(dir).unwrap_err();
    assert!(matches!(error, ca::Error::Exists(_)), "{error}");
    let name = "127.0.0.1".parse().unwrap();
    let error = ca::issue(dir, &name, &[]).unwrap_err();
    assert!(matches!(error, ca::Error::Exists(_)), "{error}");
    assert_eq!(std::fs::read(dir.join("ca.pem")).unwrap(), before);

    // If the certificate cannot be written, the key is removed.
    std::fs::remove_file(dir.join("127.0.0.1.key.pem")).unwrap();
    ca::issue(dir, &name, &[]).unwrap_err();
    assert!(!dir.join("127.0.0.1.key.pem").exists());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(dir.join("ca.key.pem"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let error = ca::issue(Path::new("/nowhere"), &name, &[]).unwrap_err();
    assert!(
        error.to_string().contains("labrpc certs ca /nowhere"),
        "{error}"
    );
}

#[test]
fn certificate_that_is_not_a_ca_issues_nothing() {
    let name: ca::CertName = "127.0.0.1".parse().unwrap();
    let mut params = CertificateParams::new(["lab.example".to_owned()]).unwrap();
    let mut issue = |is_ca, usages| {
        (params.is_ca, params.key_usages) = (is_ca, usages);
        let dir = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let cert = params.self_signed(&key).unwrap();
        std::fs::write(dir.path().join("ca.pem"), cert.pem()).unwrap();
        std::fs::write(dir.path().join("ca.key.pem"), key.serialize_pem()).unwrap();
        let issued = ca::issue(dir.path(), &name, &[]);
        assert_eq!(issued.is_ok(), dir.path().join("127.0.0.1.pem").exists());
        issued.map_err(|error| error.to_string())
    };
    let ca = || IsCa::Ca(BasicConstraints::Unconstrained);
    for (is_ca, usages, lacks) in [
        (IsCa::NoCa, vec![], "CA:TRUE"),
        (IsCa::ExplicitNoCa, vec![], "CA:TRUE"),
        (ca(), vec![KeyUsagePurpose::DigitalSignature], "keyCertSign"),
    ] {
        let error = issue(is_ca, usages).unwrap_err();
        assert!(
            error.contains("ca.pem is not the certificate of a CA") && error.contains(lacks),
            "{error}"
        );
    }
    // Without the extension every usage is allowed.
    for usages in [vec![], vec![KeyUsagePurpose::KeyCertSign]] {
        issue(ca(), usages).unwrap();
    }
}

#[test]
fn certificate_names_are_ip_addresses_or_host_names() {
    for good in [
        "192.0.2.7",
        "::1",
        "seat7",
        "seat7.lab.example",
        "*.lab.example",
        "7up.example",
    ] {
        assert_eq!(good.parse::<ca::CertName>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "..",
        "../ca",
        "a/b",
        "a b",
        "-a",
        "192.0.2.256",
        "192.0.2.1-40",
        "10-20",
        "a..b",
        "*",
        "a.*",
        "体",
    ] {
        assert!(bad.parse::<ca::CertName>().is_err(), "{bad}");
    }
}

#[test]
fn error_names_the_bad_file_and_the_problem() {
    let lab = Lab::new();
    let other = Lab::new();
    let write = |name: &str, text: &[u8]| {
        let path = lab.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let good = std::fs::read(&lab.files.cert).unwrap();
    let cut_off = write("cut.pem", &good[..good.len() / 2]);
    let empty = write("empty.pem", b"");
    let locked = write(
        "locked.pem",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let locked_before = write(
        "locked-before.pem",
        b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
          -----END RSA PRIVATE KEY-----\n",
    );
    let garbage = write(
        "garbage.pem",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let files = || lab.files.clone();
    let missing = lab.dir.path().join("missing.pem");
    type Case = (tls::ServerFiles, fn(&Error) -> bool, &'static str);
    let cases: [Case; 10] = [
        (
            tls::ServerFiles {
                cert: missing,
                ..files()
            },
            |e| matches!(e, Error::Read { .. }),
            "missing.pem",
        ),
        (
            tls::ServerFiles {
                cert: cut_off,
                ..files()
            },
            |e| matches!(e, Error::Pem { .. }),
            "cut.pem",
        ),
        (
            tls::ServerFiles {
                cert: empty.clone(),
                ..files()
            },
            |e| matches!(e, Error::Missing { .. }),
            "empty.pem has no certificate",
        ),
        (
            tls::ServerFiles {
                key: empty.clone(),
                ..files()
            },
            |e| matches!(e, Error::Missing { .. }),
            "empty.pem has no private key",
        ),
        (
            tls::ServerFiles {
                key: locked_before,
                ..files()
            },
            |e| matches!(e, Error::Encrypted { .. }),
            "openssl pkey",
        ),
        (
            tls::ServerFiles {
                key: locked,
                ..files()
            },
            |e| matches!(e, Error::Encrypted { .. }),
            "openssl pkey",
        ),
        (
            tls::ServerFiles {
                key: other.files.key.clone(),
                ..files()
            },
            |e| matches!(e, Error::Mismatch { .. }),
            "is not the key of",
        ),
        (
            tls::ServerFiles {
                cert: garbage.clone(),
                ..files()
            },
            |e| matches!(e, Error::Unusable { .. }),
            "garbage.pem",
        ),
        (
            tls::ServerFiles {
                client_ca: Some(garbage),
                ..files()
            },
            |e| matches!(e, Error::Unusable { .. }),
            "garbage.pem",
        ),
        (
            tls::ServerFiles {
                cert: "/dev/zero".into(),
                ..files()
            },
            |e| matches!(e, Error::TooLarge { .. }),
            "/dev/zero",
        ),
    ];
    for (files, is_it, words) in cases {
        let error = tls::server(&files).unwrap_err();
        assert!(
            is_it(&error) && error.to_string().contains(words),
            "{error:?}: {error}"
        );
    }
}

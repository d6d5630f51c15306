//! `labrpc certs` with the real binary: which certificates are issued, and for which hosts.

use crate::support::{Running, network, run};

#[test]
fn one_certificate_for_each_host_of_a_room_keeps_those_that_exist() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let certs = |arguments: &[&str]| run(["certs"].iter().chain(arguments));
    let made = certs(&["ca", dir]);
    assert_eq!(made.status, 0, "{made:?}");
    assert!(made.stderr.contains("keep ca.key.pem secret"), "{made:?}");
    let issued = certs(&["issue", dir, "--each", "127.0.1.2"]);
    assert_eq!(issued.status, 0, "{issued:?}");
    let before = std::fs::read(folder.path().join("127.0.1.2.pem")).unwrap();
    let issued = certs(&[
        "issue",
        dir,
        "--each",
        "127.0.1.1-3",
        "pc[01-02]:2048",
        "*.lab.example",
    ]);
    assert_eq!(issued.status, 0, "{issued:?}");
    let printed: Vec<_> = issued
        .stdout
        .lines()
        .filter(|line| !line.contains(".key."))
        .collect();
    let stems = ["127.0.1.1", "127.0.1.3", "pc01", "pc02", "_.lab.example"];
    assert_eq!(printed, stems.map(|stem| format!("{dir}/{stem}.pem")));
    let kept = std::fs::read(folder.path().join("127.0.1.2.pem")).unwrap();
    assert_eq!(kept, before);
    assert!(issued.stderr.contains("kept: "), "{issued:?}");
}

#[test]
fn one_certificate_for_a_range_is_valid_for_every_host_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let network = network();
    for arguments in [
        &["ca", dir][..],
        &["issue", dir, &format!("{network}10-12")],
    ] {
        let made = run(["certs"].iter().chain(arguments));
        assert_eq!(made.status, 0, "{made:?}");
    }
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key) = (
        file(&format!("{network}10.pem")),
        file(&format!("{network}10.key.pem")),
    );
    let address = format!("{network}12:1024");
    let _server = Running::serve(["--listen", &address, "--cert", &cert, "--key", &key]);
    let output = run(["get", &address, "--cacert", &file("ca.pem")]);
    assert_eq!(output.status, 0, "{output:?}");
}

#[test]
fn host_that_only_looks_like_a_name_gets_no_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    assert_eq!(run(["certs", "ca", dir]).status, 0);
    for (host, words) in [
        ("127.0.1.300", "not an IPv4 address"),
        ("127.0.1.20-10", "the range runs backwards"),
        ("10-20", "not an IPv4 address"),
        ("unix:/run/x.sock", "a Unix socket has no name"),
        ("a b", "a space inside"),
        ("*.1.2", "neither an IP address nor a host name"),
        (
            "10.0.0.0/16",
            "65536 names are too many for one certificate",
        ),
    ] {
        let output = run(["certs", "issue", dir, host]);
        assert_eq!(output.status, 2, "{host}: {output:?}");
        assert!(output.stderr.contains(words), "{host}: {output:?}");
    }
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 2);
}

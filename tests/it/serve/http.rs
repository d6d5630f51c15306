//! HTTP/1: two paths, and no requests of other sites.

use std::process::Command;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    serve::running::{JSON, Running, config, output},
    support::tool,
};

/// Sends one request and returns status line and body.
async fn ask(server: &Running, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap_or((&received, ""));
    let status = head.lines().next().unwrap_or_default();
    (status.to_owned(), body.to_owned())
}

#[tokio::test]
async fn only_the_profile_and_healthz_paths_are_served() {
    let server = Running::start(config());
    for (line, status, body) in [
        ("GET /", "200 OK", Some(format!("{JSON}\n"))),
        ("GET /?x=1", "200 OK", Some(format!("{JSON}\n"))),
        ("HEAD /", "200 OK", Some(String::new())),
        ("GET /healthz", "200 OK", Some("ok\n".to_owned())),
        ("POST /", "405 Method Not Allowed", None),
        ("DELETE /healthz", "405 Method Not Allowed", None),
        ("OPTIONS /", "405 Method Not Allowed", None),
        ("GET /favicon.ico", "404 Not Found", None),
        ("GET /../etc/passwd", "404 Not Found", None),
        ("GET /lab.Profile/GetProfile", "404 Not Found", None),
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let (got, text) = ask(&server, &request).await;
        assert_eq!(got, format!("HTTP/1.1 {status}"), "{line}");
        if let Some(body) = body {
            assert_eq!(text, body, "{line}");
        }
        assert!(
            status == "200 OK" || !text.contains("178"),
            "{line}: {text}"
        );
    }
}

/// RFC 9112, section 3.2.
#[tokio::test]
async fn http_1_1_request_without_a_valid_host_is_a_bad_request() {
    let server = Running::start(config());
    for headers in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: a b\r\n",
    ] {
        for target in ["/", "/nothing", "http://localhost/"] {
            let request = format!("GET {target} HTTP/1.1\r\n{headers}\r\n");
            let (status, text) = ask(&server, &request).await;
            assert_eq!(status, "HTTP/1.1 400 Bad Request", "{request:?}");
            assert!(!text.contains("178"), "{request:?}: {text}");
        }
    }
}

#[tokio::test]
async fn cross_site_and_foreign_host_requests_are_forbidden() {
    let server = Running::start(config());
    let refused = "HTTP/1.1 403 Forbidden";
    for (headers, status) in [
        ("Host: 127.0.0.1:1024\r\n", "HTTP/1.1 200 OK"),
        (
            "Host: localhost\r\nSec-Fetch-Site: none\r\n",
            "HTTP/1.1 200 OK",
        ),
        (
            "Host: localhost\r\nSec-Fetch-Site: same-origin\r\n",
            "HTTP/1.1 200 OK",
        ),
        // A name that a foreign name server resolves to this machine.
        ("Host: evil.example\r\n", refused),
        ("Host: localhost.evil.example:1024\r\n", refused),
        ("Host: \r\n", refused),
        (
            "Host: localhost\r\nOrigin: http://evil.example\r\n",
            refused,
        ),
        ("Host: localhost\r\nOrigin: null\r\n", refused),
        ("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", refused),
        ("Host: localhost\r\nSec-Fetch-Site: same-site\r\n", refused),
    ] {
        let request = format!("GET / HTTP/1.1\r\n{headers}\r\n");
        let (got, text) = ask(&server, &request).await;
        assert_eq!(got, status, "{headers:?}");
        assert_eq!(
            text.contains("178"),
            status != refused,
            "{headers:?}: {text}"
        );
    }
    let request = "GET / HTTP/1.0\r\n\r\n";
    assert!(ask(&server, request).await.0.ends_with("403 Forbidden"));
    // An absolute form names the host in the request line, which counts more than the header.
    let request = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(ask(&server, request).await.0, refused);
}

#[tokio::test]
async fn curl_prints_the_profile_as_one_line() {
    let Some(curl) = tool("curl") else {
        return;
    };
    let server = Running::start(config());
    let url = format!("http://{}/", server.address);
    let printed =
        output(Command::new(curl).args(["--silent", "--show-error", "--fail", &url])).await;
    assert_eq!(printed, format!("{JSON}\n"));
}

//! h2spec: conformance to RFC 9113 and RFC 7541.

use std::process::Command;

use crate::{
    serve::running::{Running, config},
    support::tool,
};

#[tokio::test]
async fn all_h2spec_cases_pass() {
    let Some(h2spec) = tool("h2spec") else {
        return;
    };
    let server = Running::start(config());
    let mut command = Command::new(h2spec);
    let port = server.address.port().to_string();
    command.args([
        "--strict",
        "--host",
        "127.0.0.1",
        "--port",
        &port,
        "--timeout",
        "5",
    ]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let printed = String::from_utf8(output.await.unwrap().stdout).unwrap();
    let last = printed.lines().rev().find(|line| line.contains(" tests, "));
    // Fewer executed cases would prove less; releases differ by one or two.
    let executed: u32 = last
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .unwrap_or_default();
    let all = format!("{executed} tests, {executed} passed, 0 skipped, 0 failed");
    assert!(executed >= 145 && last == Some(&all), "{printed}");
}

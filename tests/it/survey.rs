//! The survey engine against real peers.

use std::{future::pending, net::TcpListener, time::Duration};

use labrpc::survey::{
    self, Config,
    hosts::Hosts,
    outcome::{Answer, Dialect, Outcome},
};

use crate::peer;

fn quick() -> Config {
    Config {
        max_time: Duration::from_millis(500),
        ..Config::default()
    }
}

fn refused() -> labrpc::survey::endpoint::Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    peer::local(listener.local_addr().unwrap().port())
}

fn shown(answer: &Answer) -> String {
    let name = answer.outcome.name();
    match answer.outcome.detail() {
        Some(detail) => format!("{name} {detail}"),
        None => name.to_owned(),
    }
}

#[tokio::test]
async fn every_line_gets_its_own_answer_in_input_order() {
    let hosts = Hosts::from_iter([
        peer::grpc(Ok(peer::profile("a"))).await,
        refused(),
        peer::mute().await,
        peer::says(br#"{"id":"b","height":178,"weight":60,"size":"2xl"}"#).await,
        peer::says(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
        peer::says(b"SSH-2.0-OpenSSH_9.2\r\n").await,
        peer::says(b"\x15\x03\x01\x00\x02\x02\x46").await,
        peer::says(b"").await,
        peer::grpc(Err(tonic::Status::not_found("nobody here"))).await,
    ]);
    let mut seen = Vec::new();
    let answers = survey::run(
        &hosts,
        &quick(),
        |index, answer| seen.push((index, shown(answer))),
        pending(),
    )
    .await;
    let all: Vec<_> = answers.iter().map(shown).collect();
    assert_eq!(
        all,
        [
            "ok",
            "refused",
            "timeout headers",
            "ok",
            "not_grpc http1: HTTP/1.1 400 Bad Request",
            "not_grpc text: SSH-2.0-OpenSSH_9.2",
            "not_grpc tls",
            "reset",
            "status NOT_FOUND: nobody here",
        ]
    );
    seen.sort();
    assert_eq!(seen, all.into_iter().enumerate().collect::<Vec<_>>());
    let Outcome::Ok { dialect, profile } = &answers[3].outcome else {
        panic!("{:?}", answers[3]);
    };
    assert_eq!(*dialect, Dialect::Raw);
    assert_eq!(profile.to_string(), "b: 178 cm, 60 kg, XXL");
}

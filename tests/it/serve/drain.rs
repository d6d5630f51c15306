//! Shutdown: calls are finished, and no peer can delay it beyond the drain timeout.

use labrpc::{pb::GetProfileRequest, serve::End};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::serve::running::{Running, config};

#[tokio::test]
async fn shutdown_closes_idle_connections_and_updates_health_watches() {
    let mut server = Running::start(config());
    let mut client = server.client().await;
    client.get_profile(GetProfileRequest {}).await.unwrap();
    let mut health = HealthClient::new(server.channel().await);
    let request = HealthCheckRequest {
        service: "lab.Profile".into(),
    };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    let status = watch.message().await.unwrap().unwrap().status();
    assert_eq!(status.as_str_name(), "SERVING");

    server.stop();
    let status = watch.message().await.unwrap().unwrap().status();
    assert_eq!(status.as_str_name(), "NOT_SERVING");
    drop(watch);
    assert_eq!(server.end().await, End::Drained);
}

#[tokio::test(start_paused = true)]
async fn unresponsive_peers_are_cut_at_the_drain_timeout() {
    let server = Running::start(config());
    // Half a preface, and a whole one whose sender never reacts to the GOAWAY.
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let mut unresponsive = TcpStream::connect(server.address).await.unwrap();
    unresponsive
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    // Its SETTINGS arrive when the connection is being served.
    unresponsive.read_u8().await.unwrap();
    assert!(matches!(server.end().await, End::Cut(1 | 2)));
}

#[tokio::test]
async fn cut_during_the_drain_closes_connections_at_once() {
    let mut server = Running::start(labrpc::serve::Config {
        drain_timeout: std::time::Duration::MAX,
        ..config()
    });
    let mut unresponsive = TcpStream::connect(server.address).await.unwrap();
    unresponsive
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .unwrap();
    unresponsive.read_u8().await.unwrap();
    server.stop();
    server.cut();
    assert_eq!(server.end().await, End::Cut(1));
}

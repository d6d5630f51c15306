//! The profile over each protocol.

use std::process::Command;

use labrpc::pb::{GetProfileRequest, GetProfileResponse};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    serve::running::{JSON, Running, config, output, profile},
    support::tool,
};

#[tokio::test]
async fn generated_client_gets_the_profile_and_health() {
    let server = Running::start(config());
    let mut client = server.client().await;
    let response = client.get_profile(GetProfileRequest {});
    let expected = GetProfileResponse::from(&profile());
    assert_eq!(response.await.unwrap().into_inner(), expected);

    let mut health = HealthClient::new(server.channel().await);
    for service in ["", "lab.Profile"] {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status.as_str_name(), "SERVING", "{service:?}");
    }
    let unknown = HealthCheckRequest {
        service: "lab.Other".into(),
    };
    let status = health.check(unknown).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn grpcurl_prints_the_profile_and_the_three_services() {
    let Some(grpcurl) = tool("grpcurl") else {
        return;
    };
    let server = Running::start(config());
    let address = server.address.to_string();
    let ask = async |arguments: &[&str]| {
        let mut command = Command::new(&grpcurl);
        output(command.arg("-plaintext").arg(&address).args(arguments)).await
    };
    let printed = ask(&["lab.Profile/GetProfile"]).await;
    let lines: String = printed.lines().map(str::trim).collect();
    assert_eq!(lines.replace("\": ", "\":"), JSON);

    let services = ask(&["list"]).await;
    for service in [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "lab.Profile",
    ] {
        assert!(services.lines().any(|line| line == service), "{services}");
    }
    let health = ask(&["grpc.health.v1.Health/Check"]).await;
    assert!(health.contains("\"SERVING\""), "{health}");
}

#[tokio::test]
async fn silent_client_gets_one_json_object() {
    let server = Running::start(config());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, JSON);
}

#[tokio::test]
async fn http_get_returns_the_profile_as_one_line() {
    let server = Running::start(config());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, format!("{JSON}\n"));
}

#[tokio::test]
async fn unknown_method_is_unimplemented() {
    let server = Running::start(config());
    let mut grpc = tonic::client::Grpc::new(server.channel().await);
    for path in ["/lab.Profile/Other", "/lab.Other/GetProfile", "/x"] {
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<GetProfileRequest, GetProfileResponse>::default();
        let path = http::uri::PathAndQuery::from_static(path);
        let status = grpc
            .unary(tonic::Request::new(GetProfileRequest {}), path, codec)
            .await
            .unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unimplemented);
    }
}

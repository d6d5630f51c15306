//! Servers for the survey to call: correct and scripted ones, each on a loopback port of its own.

use std::{convert::Infallible, future::Future, net::Ipv4Addr};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use labrpc::{
    pb::{
        GetProfileRequest, GetProfileResponse,
        profile_server::{Profile, ProfileServer},
    },
    survey::endpoint::{Address, Endpoint},
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};
use tonic::{Request, Response, Status};
use tower_service::Service as _;

/// A service with one profile or one error.
pub(crate) struct Person(pub(crate) Result<GetProfileResponse, Status>);

#[tonic::async_trait]
impl Profile for Person {
    async fn get_profile(
        &self,
        _: Request<GetProfileRequest>,
    ) -> Result<Response<GetProfileResponse>, Status> {
        self.0.clone().map(Response::new)
    }
}

/// The profile of correct servers.
pub(crate) fn profile(id: &str) -> GetProfileResponse {
    GetProfileResponse {
        id: id.to_owned(),
        height_cm: Some(178.0),
        weight_kg: Some(60.5),
        size: 7,
    }
}

/// The endpoint at a local port.
pub(crate) fn local(port: u16) -> Endpoint {
    Endpoint {
        address: Address::Ip(Ipv4Addr::LOCALHOST.into(), port),
        raw: false,
    }
}

/// Serves every connection with `serve`.
pub(crate) async fn peer<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Endpoint
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    local(port)
}

/// A real gRPC server.
pub(crate) async fn grpc(answer: Result<GetProfileResponse, Status>) -> Endpoint {
    let server = ProfileServer::new(Person(answer));
    peer(move |stream| {
        let server = server.clone();
        async move {
            let service = service_fn(move |request| {
                let mut server = server.clone();
                async move { Ok::<_, Infallible>(server.call(request).await.unwrap()) }
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // A client that has its response closes at once.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await
}

/// Sends `text` at once and closes.
pub(crate) async fn says(text: &'static [u8]) -> Endpoint {
    peer(move |mut stream| async move {
        let _ = stream.write_all(text).await;
    })
    .await
}

/// Accepts and never sends anything.
pub(crate) async fn mute() -> Endpoint {
    peer(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await
}

//! The floor: hyper alone, sending the bytes of the answer and looking at nothing.

use std::{convert::Infallible, error::Error, pin::Pin, task::{Context, Poll}};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body, Frame, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// The answer to GetProfile as a gRPC message, with the prefix of five bytes.
const MESSAGE: &[u8] = b"\0\0\0\0\x20\x0a\x0a1527406014\x11\0\0\0\0\0\x40\x66\x40\x19\0\0\0\0\0\0\x4e\x40\x20\x07";

/// One message, then the trailers.
struct Answer(u8);

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => Some(Ok(Frame::data(Bytes::from_static(MESSAGE)))),
            2 => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                Some(Ok(Frame::trailers(trailers)))
            }
            _ => None,
        })
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Answer>, hyper::Error> {
    request.into_body().collect().await?;
    let mut response = Response::new(Answer(0));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("bare-hyper ADDRESS")?;
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(
            http2::Builder::new(TokioExecutor::new())
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

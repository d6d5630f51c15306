//! The servers of a fleet: fleet.v1.MachineService with health and reflection, on tonic and hyper.
//!
//! All connections share one fleet; the seat decides what is answered. A simulated machine has no limits, because
//! only this machine can reach it.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::BufMut as _;
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;
use tonic::{
    Status,
    body::Body,
    codec::{BufferSettings, Codec, EncodeBuf, Encoder},
    server::{Grpc, UnaryService},
};
use tonic_health::ServingStatus;
use tonic_prost::ProstDecoder;
use tower_service::Service as _;

use crate::{
    lab::{
        machines::{MachineFault, old_descriptors},
        seats::Seats,
    },
    pb::fleet::{
        FILE_DESCRIPTOR_SET, GetStatusRequest, ReloadRequest, ReloadResponse, SERVICE_NAME,
    },
    serve::services::{Reply, Services},
};

/// The machines of a fleet.
pub(super) struct Fleet {
    seats: Arc<Seats>,
    /// How often each machine was reloaded.
    reloads: Vec<AtomicU64>,
    services: Services<Incoming>,
    /// With the reflection of an older server.
    old_services: Services<Incoming>,
    /// With the health NOT_SERVING.
    failing_services: Services<Incoming>,
}

impl Fleet {
    pub(super) async fn new(seats: Arc<Seats>) -> Self {
        let services = async |descriptors: &[u8], status| {
            let services = Services::new(SERVICE_NAME, Some(descriptors));
            services.report(status).await;
            services
        };
        Self {
            reloads: (0..seats.len()).map(|_| AtomicU64::new(0)).collect(),
            services: services(FILE_DESCRIPTOR_SET, ServingStatus::Serving).await,
            old_services: services(&old_descriptors(), ServingStatus::Serving).await,
            failing_services: services(FILE_DESCRIPTOR_SET, ServingStatus::NotServing).await,
            seats,
        }
    }

    /// Serves one connection to a seat until its peer closes it.
    pub(super) async fn connection(self: Arc<Self>, stream: TcpStream, seat: usize) {
        // An error is harmless: answers may then wait for acknowledgements.
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request| self.reply(seat, request));
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.auto_date_header(false).max_send_buf_size(16 * 1024);
        // An error is the peer's.
        let _ = builder
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    fn reply(self: &Arc<Self>, seat: usize, request: Request<Incoming>) -> Reply {
        let services = match self.seats.fault(seat).kind.of_machine() {
            Some(MachineFault::OldSchema) => &self.old_services,
            Some(MachineFault::NotServing) => &self.failing_services,
            _ => &self.services,
        };
        let path = request.uri().path().strip_prefix('/').unwrap_or_default();
        let (service, method) = path.split_once('/').unwrap_or_default();
        match (service, method, &services.reflection) {
            (SERVICE_NAME, "GetStatus", _) => {
                let fleet = Arc::clone(self);
                unary(request, move |request: GetStatusRequest| {
                    fleet.seats.status(seat, request.view())
                })
            }
            (SERVICE_NAME, "Reload", _) => {
                let fleet = Arc::clone(self);
                unary(request, move |ReloadRequest {}| {
                    let reloads = fleet.reloads[seat].fetch_add(1, Relaxed) + 1;
                    ReloadResponse { reloads }.encode_to_vec()
                })
            }
            ("grpc.health.v1.Health", ..) => services.health.clone().call(request),
            ("grpc.reflection.v1.ServerReflection", _, Some(reflection)) => {
                (reflection.v1)(request)
            }
            ("grpc.reflection.v1alpha.ServerReflection", _, Some(reflection)) => {
                (reflection.v1alpha)(request)
            }
            _ => {
                let status = Status::unimplemented("no such method; this is a simulated machine");
                Box::pin(ready(Ok(status.into_http())))
            }
        }
    }
}

/// Answers a unary call with an encoded message.
fn unary<Q, F>(request: Request<Incoming>, answer: F) -> Reply
where
    Q: Message + Default + 'static,
    F: Fn(Q) -> Vec<u8> + Send + 'static,
{
    Box::pin(async move {
        let mut grpc = Grpc::new(EncodedCodec(PhantomData));
        let response: Response<Body> = grpc.unary(Handler(answer), request).await;
        Ok::<_, Infallible>(response)
    })
}

/// A handler as a service.
struct Handler<F>(F);

impl<Q, F: Fn(Q) -> Vec<u8>> UnaryService<Q> for Handler<F> {
    type Response = Vec<u8>;
    type Future = Ready<Result<tonic::Response<Vec<u8>>, Status>>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let message = (self.0)(request.into_inner());
        ready(Ok(tonic::Response::new(message)))
    }
}

/// Decodes requests, and sends responses that are encoded already.
struct EncodedCodec<Q>(PhantomData<Q>);

impl<Q: Message + Default + 'static> Codec for EncodedCodec<Q> {
    type Encode = Vec<u8>;
    type Decode = Q;
    type Encoder = PlainEncoder;
    type Decoder = ProstDecoder<Q>;

    fn encoder(&mut self) -> PlainEncoder {
        PlainEncoder
    }

    fn decoder(&mut self) -> ProstDecoder<Q> {
        ProstDecoder::new(buffers())
    }
}

struct PlainEncoder;

impl Encoder for PlainEncoder {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffers()
    }
}

/// Most messages have some hundred bytes; tonic's default is 8 KiB for each direction of each call.
fn buffers() -> BufferSettings {
    BufferSettings::new(512, 4096)
}

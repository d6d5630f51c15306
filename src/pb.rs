//! The code generated from the files in `proto/`, shared by server, client and tests.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::BufferSettings;
use tonic_prost::{ProstDecoder, ProstEncoder};

tonic::include_proto!("lab");

/// The compiled `proto/profile.proto` as an encoded `google.protobuf.FileDescriptorSet`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/profile_descriptor.bin"));

/// The service of the simulated fleet, from `proto/fleet/v1/machine.proto`.
pub mod fleet {
    tonic::include_proto!("fleet.v1");

    /// The name of the service.
    pub const SERVICE_NAME: &str = "fleet.v1.MachineService";

    /// The compiled file and those that it imports, as an encoded `google.protobuf.FileDescriptorSet`.
    pub const FILE_DESCRIPTOR_SET: &[u8] =
        include_bytes!(concat!(env!("OUT_DIR"), "/fleet_descriptor.bin"));
}

/// The codec of the generated code: tonic-prost's, with smaller buffers.
///
/// Its default is 8 KiB for each direction of each call; messages of this service have seventy bytes at most.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(128, 4096))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(128, 4096))
    }
}

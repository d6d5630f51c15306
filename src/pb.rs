//! The code generated from `proto/profile.proto`, shared by server, client and tests.

tonic::include_proto!("lab");

/// The compiled `proto/profile.proto` as an encoded `google.protobuf.FileDescriptorSet`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/profile_descriptor.bin"));

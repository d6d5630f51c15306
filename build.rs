//! Generates the code that server, client and tests share from `proto/profile.proto`.
//!
//! protox compiles the descriptors in this process, so that a build needs no `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const PROTO: &str = "proto/profile.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    let descriptors = protox::compile([PROTO], ["proto"])?;
    // Reflection serves these bytes, comments included.
    let out = PathBuf::from(env::var("OUT_DIR")?).join("profile_descriptor.bin");
    fs::write(out, descriptors.encode_to_vec())?;
    // The client is generic over its transport: labrpc runs it over a bare hyper connection, so the
    // `connect` constructor, which needs tonic's channel, is left out.
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::pb::Codec")
        .compile_fds(descriptors)?;
    Ok(())
}

//! Generates the code that server, client and tests share from the files in `proto/`.
//!
//! protox compiles the descriptors in this process, so that a build needs no `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const PROFILE: &str = "proto/profile.proto";
const FLEET: &str = "proto/fleet/v1/machine.proto";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // The client is generic over its transport: labrpc runs it over a bare hyper connection, so the
    // `connect` constructor, which needs tonic's channel, is left out.
    let services = tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::pb::Codec");
    // The fleet sends messages that no generated server sends, and only any method's client calls it.
    let messages = tonic_prost_build::configure()
        .build_server(false)
        .build_client(false);
    for (proto, builder, set) in [
        (PROFILE, services, "profile_descriptor.bin"),
        (FLEET, messages, "fleet_descriptor.bin"),
    ] {
        println!("cargo:rerun-if-changed={proto}");
        let descriptors = protox::compile([proto], ["proto"])?;
        // Reflection serves these bytes, comments included.
        fs::write(out.join(set), descriptors.encode_to_vec())?;
        builder.compile_fds(descriptors)?;
    }
    Ok(())
}

//! `labrpc serve` without its command line.

use std::error::Error;

use labrpc::{
    profile::{Build, Profile},
    serve::{self, Config, limits::Limits, listen::Listener},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let profile = Profile {
        id: "1527406014".parse()?,
        build: Build::nearest(|field| match field.name {
            "height" => 178.0,
            "weight" => 60.0,
            _ => 7.0,
        }),
    };
    let address = std::env::args().nth(1).ok_or("ours ADDRESS")?;
    let listener = Listener::tcp(address.parse()?, false)?;
    let config = Config {
        // The whole load comes from one address.
        limits: Limits {
            connections: 20_000,
            connections_per_address: 20_000,
            ..Limits::default()
        },
        ..Config::new(profile)
    };
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    serve::run(vec![listener], config, stop, std::future::pending()).await;
    Ok(())
}

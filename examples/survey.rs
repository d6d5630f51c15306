//! Calls a simulated room, or the endpoints given as arguments: `cargo run --example survey -- 192.168.1.1-40`.

use std::{error::Error, future::pending};

use labrpc::{
    lab,
    question::GetProfile,
    survey::{self, hosts},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let room = lab::Room::start(lab::Config::default()).await?;
    let endpoints = if arguments.is_empty() {
        room.hosts()
    } else {
        let mut list = hosts::Builder::default();
        for argument in &arguments {
            list.argument(argument);
        }
        list.build()?
    };
    let config = survey::Config::default();
    let results = survey::run(&endpoints, &GetProfile, &config, |_, _| {}, pending()).await;
    for (endpoint, result) in endpoints.iter().zip(&results) {
        println!("{endpoint}: {}", result.outcome.name());
    }
    Ok(())
}
